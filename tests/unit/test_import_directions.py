"""Imports run one way, and each outside thing has one door. The contracts are in pyproject.toml."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "replica_worker"
READS_ENVIRONMENT = {"settings.py"}
PASSES_ENVIRONMENT_ON = {"demo/stage.py"}  # to the programs that it starts


def check_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in the folder, by the contracts there."""
    command = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {command}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_imports_keep_their_contracts() -> None:
    checked = check_contracts(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("model/days.py", "import replica_worker.ledger.clock", "Imports run one way"),
        ("usecases/runs.py", "import replica_worker.settings", "Imports run one way"),
        ("archive/stores.py", "import replica_worker.ledger.ledger", "Imports run one way"),
        ("usecases/runs.py", "import celery", "Celery appears only"),
        ("usecases/merge.py", "import psycopg", "Database drivers appear only"),
        (
            "usecases/merge.py",
            "import replica_worker.engines.postgresql.errors",
            "An engine is known by its interface",
        ),
    ],
)
def test_import_against_a_contract_is_found(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "replica_worker")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    spoiled = tmp_path / "replica_worker" / module
    spoiled.write_text(f"{spoiled.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    checked = check_contracts(tmp_path)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    broken = [row for row in checked.stdout.splitlines() if " BROKEN" in row]
    assert any(row.startswith(contract) for row in broken), broken


def modules_that_touch_the_environment() -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Attribute, ast.Name, ast.alias)) and _is_environment(node)
    }


def _is_environment(node: ast.Attribute | ast.Name | ast.alias) -> bool:
    names = {ast.Attribute: "attr", ast.Name: "id", ast.alias: "name"}
    return getattr(node, names[type(node)]) in ("environ", "getenv", "environb", "putenv")


def test_environment_is_read_in_one_place() -> None:
    assert modules_that_touch_the_environment() <= READS_ENVIRONMENT | PASSES_ENVIRONMENT_ON
