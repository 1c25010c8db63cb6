"""What a verification has proven, kept in a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from replica_worker.errors import UsageError
from replica_worker.usecases.proof_log import ProofLog

INPUTS = {"source": "shop/pos", "days": "2026-03-14"}
DAY = date(2026, 3, 14)


def test_a_log_gives_back_what_was_added(tmp_path: Path) -> None:
    log = ProofLog(tmp_path / "log", INPUTS)
    log.add("SALES", DAY, 7)
    log.add("ITEMS", None, 3)

    again = ProofLog(tmp_path / "log", INPUTS)

    assert (again.rows_of("SALES", DAY), again.rows_of("ITEMS", None)) == (7, 3)
    assert again.rows_of("SALES", None) is None


def test_a_line_that_was_cut_short_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    ProofLog(path, INPUTS).add("SALES", DAY, 7)
    with path.open("a") as file:
        file.write('{"table": "SA')

    ProofLog(path, INPUTS).add("ITEMS", None, 3)

    again = ProofLog(path, INPUTS)
    assert (again.rows_of("SALES", DAY), again.rows_of("ITEMS", None)) == (7, 3)


@pytest.mark.parametrize("text", ["[1]\n", "not JSON\n", '{"replica_verify": 9, "inputs": {}}\n'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)

    with pytest.raises(UsageError):
        ProofLog(path, INPUTS)

    assert path.read_text() == text


def test_a_log_of_other_inputs_is_refused_by_the_name_of_what_changed(tmp_path: Path) -> None:
    ProofLog(tmp_path / "log", INPUTS)
    with pytest.raises(UsageError, match="days differs"):
        ProofLog(tmp_path / "log", {**INPUTS, "days": "2026-03-15"})
