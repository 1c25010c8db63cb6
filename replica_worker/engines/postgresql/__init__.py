"""The PostgreSQL engine (15 and later): ADBC reads, COPY BINARY loads, MERGE merges."""
