"""replica_worker keeps a 1:1 copy of tables of a database one may only read.

The package is cut by what a reader looks for: `model` holds values and rules (pure),
`engines` one folder per SQL dialect, `archive` the Parquet files, `ledger` the record of runs
and chunks, `usecases` what the product does, `tasks` the Celery door, `cli` the command line.
"""

__version__ = "0.1.0"
