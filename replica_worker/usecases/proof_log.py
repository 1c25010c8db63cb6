"""What a verification has proven so far, in a file, so that it can go on after an interruption.

JSON lines: the first names what is compared, each other one a chunk that was proven equal. The
file serves only a verification of the same things.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from replica_worker.errors import UsageError

_VERSION = 1


class ProofLog:
    """The chunks that are proven equal, by (table, day); the day of a whole table is None."""

    def __init__(self, path: Path, inputs: Mapping[str, str]) -> None:
        """Open the file, or make it.

        `inputs` says by name what is compared: no secrets. UsageError if the file is of another
        verification, or no such file.
        """
        self._path = path
        self._proven: dict[tuple[str, date | None], int] = {}
        lines = self._read_lines()
        if lines:
            self._require_same(lines[0], inputs)
            self._read_proofs(lines[1:])
        head = {"replica_verify": _VERSION, "inputs": dict(inputs), "begun": _now()}
        text = "".join(f"{line}\n" for line in lines or [json.dumps(head, ensure_ascii=False)])
        try:
            path.write_text(text, encoding="utf-8")  # without a line that was cut short
        except OSError as error:
            raise self._refusal(error.strerror or "it cannot be written") from None

    def rows_of(self, table: str, day: date | None) -> int | None:
        """How many rows the chunk had when it was proven equal; None if it was not."""
        return self._proven.get((table, day))

    def add(self, table: str, day: date | None, rows: int) -> None:
        """Record that the chunk is proven equal."""
        line = {"table": table, "day": day.isoformat() if day else None, "rows": rows, "at": _now()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._proven[table, day] = rows

    def _read_lines(self) -> list[str]:
        """The file's whole lines; a last one without an end was cut short by the interruption."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            raise self._refusal("it cannot be read as text") from None
        return text.split("\n")[:-1]

    def _require_same(self, head: str, inputs: Mapping[str, str]) -> None:
        try:
            document = json.loads(head)
            version, before = document["replica_verify"], document["inputs"]
        except (ValueError, KeyError, TypeError):
            raise self._refusal("it is not a file that `replica verify` wrote") from None
        if version != _VERSION or not isinstance(before, dict):
            raise self._refusal("another version of the product wrote it")
        changed = [name for name in inputs if before.get(name) != inputs[name]]
        if changed:
            raise self._refusal(f"it is of another verification: {', '.join(changed)} differs")

    def _read_proofs(self, lines: list[str]) -> None:
        try:
            for line in lines:
                proof = json.loads(line)
                day = date.fromisoformat(proof["day"]) if proof["day"] else None
                self._proven[str(proof["table"]), day] = int(proof["rows"])
        except (ValueError, KeyError, TypeError):
            raise self._refusal("a line in it cannot be read") from None

    def _refusal(self, cause: str) -> UsageError:
        return UsageError(
            operation=f"resume from {self._path}",
            cause=cause,
            next_step="Name a new file, or repeat the command that began this one",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
