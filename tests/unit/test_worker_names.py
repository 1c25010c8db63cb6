"""A worker's name in the ledger tells it from all others, and its children know it too."""

from __future__ import annotations

import subprocess
import sys

_NAME_OF_7 = """
import os
from replica_worker.tasks.context import name_of_process
print(name_of_process(7), flush=True)
if os.fork() == 0:
    print(name_of_process(7), flush=True)
else:
    os.wait()
"""


def names_of_a_start() -> list[str]:
    """What a worker and its child call process 7 of theirs."""
    said = subprocess.run(
        [sys.executable, "-c", _NAME_OF_7], capture_output=True, text=True, check=True, timeout=60
    )
    return said.stdout.split()


def test_workers_that_share_a_machine_s_name_and_process_numbers_are_told_apart() -> None:
    one, its_child = names_of_a_start()
    other, _ = names_of_a_start()
    assert one == its_child
    assert one != other
