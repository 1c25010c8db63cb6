"""The command line: `replica`. Words in, use cases called, plain words and exit codes out."""
