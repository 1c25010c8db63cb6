"""The SQL Server engine (2019 and later, Azure SQL): Arrow reads, TDS bulk copy, T-SQL merges."""
