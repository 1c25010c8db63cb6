"""Runs `replica` for whoever writes orders to its stdin: imports it once, forks for each command.

A command's process then has its own environment, folder, output and exit code, as one started by
`python -m replica_worker` has, but not the cost of starting Python and importing everything.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from typing import IO, Any, NoReturn

import celery  # noqa: F401 - commands that reach the broker import it

from replica_worker.cli.main import main
from replica_worker.engines.postgresql import engine  # noqa: F401 - every command imports it


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            be_the_command(order, out, err)
        _, status = os.waitpid(pid, 0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": written(out),
            "err": written(err),
        }


def be_the_command(order: dict[str, Any], out: IO[bytes], err: IO[bytes]) -> NoReturn:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        main(order["words"])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # what Python itself would print
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carry_out(json.loads(line))) + "\n")
        sys.stdout.flush()
