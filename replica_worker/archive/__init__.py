"""The archive: every extract as a Parquet file with its manifest. The only door to files."""
