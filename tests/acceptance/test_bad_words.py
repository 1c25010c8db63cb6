"""Any words on the command line: an exit code of ours, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

from drive.programs import CommandServer
from drive.shop import SPEC
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

NOWHERE = "postgresql+psycopg://reader:word@127.0.0.1:1/pos"
COMMANDS = (
    "run", "backfill", "check-fixes", "retry", "cancel", "replay", "undo", "status", "history",
    "verify", "doctor", "migrate", "schema pull", "schema diff", "schema ddl",
)  # fmt: skip
WORDS = st.sampled_from(
    (
        "--date", "--start", "--end", "--table", "--json", "--wait", "--inline", "--dry-run",
        "--day", "--limit", "--key", "--schema", "--help", "--missing", "2024-03-14",
        "2024-02-30", "ORDERS", "", "-", "--", "=", "T=", "=C", "ORDERS=ID", "--date=", "'",
        "%s", "{}", "\udcff", "\u202e", "-1", "1e9", "0001-01-01", "9999-12-31", "\n",
        "\x1b[31m", "\u0662\u0660\u0662\u0664",
    )
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(COMMANDS), st.lists(WORDS | st.text("ab-=1 ", max_size=4), max_size=5))
@example("run", ["--date", "\udcff"])
@example("run", ["one\ntwo"])
@example("run", ["--one\ntwo"])
def test_any_words(
    commands: CommandServer, clean: dict[str, str], tmp_path: Path, command: str, words: list[str]
) -> None:
    (tmp_path / "specs.json").write_text(SPEC, encoding="utf-8")
    environment = {
        **clean,
        "REPLICA_SOURCE_URL": NOWHERE,
        "REPLICA_TARGET_URL": NOWHERE,
        "REPLICA_SCHEMA": str(tmp_path / "specs.json"),
    }
    answer = commands.run(*command.split(), *words, environment=environment, folder=tmp_path)
    assert answer.code in (0, 1, 2), answer
    assert "Traceback" not in answer.err, answer
    assert "fault of the product" not in answer.err, answer
    if answer.code and command != "doctor":
        assert len(answer.err.splitlines()) == 1, answer
    assert [path.name for path in tmp_path.iterdir()] == ["specs.json"]
