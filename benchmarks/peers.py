"""The other tools' own ways to do the same job; runs in their environment, not in the product's.

`python benchmarks/peers.py NAME`. Every target ends with the same primary key and index. Where to
read and write stands in BENCH_SOURCE and BENCH_TARGET, the day's rows in BENCH_TABLE.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE, TARGET = os.environ["BENCH_SOURCE"], os.environ["BENCH_TARGET"]
TABLE, SCHEMA, KEY, DAY = os.environ["BENCH_TABLE"], "COM_5013", "ID", "SALES_DATE"
ONE_DAY = ("2026-01-02", "2026-01-03")
_ROWS_PER_READ = 50_000


def sling_full() -> None:
    """Sling's full refresh."""
    _sling({"mode": "full-refresh"})


def sling_day() -> None:
    """Sling's backfill of one day, which its target has already."""
    _sling({"mode": "backfill", "source_options": {"range": ",".join(ONE_DAY)}})


def _sling(mode: dict[str, object]) -> None:
    import sling_linux_amd64

    folder = Path(sling_linux_amd64.__file__).parent / "bin"
    (program,) = folder.glob("sling-linux-*")
    program.chmod(0o755)
    replication = {
        "source": "SRC",
        "target": "TGT",
        "defaults": {
            **mode,
            "primary_key": [KEY],
            "update_key": DAY,
            "object": "sling.sales",
            "target_options": {
                "column_casing": "source",
                "table_keys": {"primary": [KEY], "index": [DAY]},
            },
        },
        "streams": {f"{SCHEMA}.{TABLE}": {}},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(replication, file)
        file.flush()
        environment = {
            **os.environ,
            "SRC": f"{SOURCE}?sslmode=disable",
            "TGT": f"{TARGET}?sslmode=disable",
            "SLING_DISABLE_TELEMETRY": "true",
        }
        subprocess.run([program, "run", "-r", file.name], check=True, env=environment)


def dlt_merge() -> None:
    """dlt: ConnectorX backend, merge, Parquet files loaded by ADBC; its fastest settings."""
    import dlt
    import psycopg
    from dlt.destinations import postgres
    from dlt.sources.sql_database import sql_table

    rows = sql_table(
        credentials=SOURCE.replace("postgresql://", "postgresql+psycopg2://"),
        table=TABLE,
        schema=SCHEMA,
        backend="connectorx",
        reflection_level="full",
        backend_kwargs={"return_type": "arrow", "conn": SOURCE},
    )
    rows.apply_hints(primary_key=KEY, write_disposition="merge")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench", destination=postgres(TARGET), dataset_name="dlt_bench", pipelines_dir=folder
        )
        pipeline.run(rows, loader_file_format="parquet").raise_on_failed_jobs()
    with psycopg.connect(TARGET) as connection:
        table = f"dlt_bench.{TABLE.lower()}"
        connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        connection.execute(f"CREATE INDEX ON {table} (sales_date)")


def pandas_append() -> None:
    """pandas and SQLAlchemy as in any tutorial, for one day: read, delete the day, append."""
    import pandas as pd
    import sqlalchemy as sa

    first, end = ONE_DAY
    day = f"\"{DAY}\" >= '{first}' AND \"{DAY}\" < '{end}'"
    source = sa.create_engine(SOURCE.replace("postgresql://", "postgresql+psycopg://"))
    target = sa.create_engine(TARGET.replace("postgresql://", "postgresql+psycopg://"))
    query = f'SELECT * FROM "{SCHEMA}"."{TABLE}" WHERE {day}'
    with target.begin() as connection:
        connection.execute(sa.text(f'DELETE FROM plain."SALES" WHERE {day}'))
        for part in pd.read_sql(
            query, source, chunksize=_ROWS_PER_READ, dtype={"CUSTOMER_ID": "Int64"}
        ):
            part.to_sql(
                "SALES",
                connection,
                schema="plain",
                if_exists="append",
                index=False,
                dtype={"UPDATE_TIMESTAMP": sa.LargeBinary()},
            )


def connectorx_parquet() -> None:
    """ConnectorX's stream of Arrow batches into a Parquet file; times itself."""
    import connectorx as cx
    import pyarrow.parquet as pq

    started = time.perf_counter()
    reader = cx.read_sql(
        SOURCE,
        f'SELECT * FROM "{SCHEMA}"."{TABLE}"',
        return_type="arrow_stream",
        batch_size=_ROWS_PER_READ,
    )
    with (
        tempfile.NamedTemporaryFile(suffix=".parquet") as file,
        pq.ParquetWriter(file.name, reader.schema, compression="snappy") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    {
        "sling_full": sling_full,
        "sling_day": sling_day,
        "dlt_merge": dlt_merge,
        "pandas_append": pandas_append,
        "connectorx_parquet": connectorx_parquet,
    }[sys.argv[1]]()
