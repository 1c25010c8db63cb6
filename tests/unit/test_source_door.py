"""Work opens the source through its door alone, where the cap and the circuit are."""

from __future__ import annotations

from pathlib import Path

import replica_worker.usecases

# The door itself; and what a person runs and which looks once.
OPENERS = {"source_door.py", "verify.py", "migrate.py", "schema.py", "sizes.py"}


def test_use_cases_open_the_source_through_its_door() -> None:
    folder = Path(replica_worker.usecases.__file__).parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    found = {name for name, text in texts.items() if ".source.open_snapshot(" in text}
    assert found <= OPENERS, "use `open_source(deployment, work.connection)` instead"
    assert "source_door.py" in found
