"""One pair of real servers per test session; fresh databases, deployments and replicas over it.

With `pytest -n`, every worker process is a session and has a pair of its own.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `support`

from support.databases import Databases, Site
from support.left_out import LeftOut
from support.replica import Replica, open_deployment, open_replica

from replica_worker import masking
from replica_worker.embedded import EmbeddedStack
from replica_worker.usecases.deployment import Deployment

hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,  # every run of the suite tries the same examples
    deadline=None,  # a busy machine is no failure
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftOut())
    pytest.register_assert_rewrite("integration")  # whose tests tests/sqlserver runs as well


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them; review the change",
    )


@pytest.fixture(autouse=True)
def forget_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test had for a password must not be masked in another's messages."""
    monkeypatch.setattr(masking, "_known", set(masking._known))
    monkeypatch.setattr(masking, "_pattern", masking._pattern)


@pytest.fixture(scope="session")
def stack() -> Iterator[EmbeddedStack]:
    """The session's PostgreSQL and Valkey, in a home that is removed whatever happens."""
    # The account that runs PostgreSQL must pass through; pytest's own folders are private.
    folder = Path(tempfile.mkdtemp(prefix="replica-tests-"))
    folder.chmod(0o711)
    try:
        with EmbeddedStack.open(folder / "home", remove_on_close=True) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(stack: EmbeddedStack) -> Databases:
    """Lends pairs of empty databases for as long as a `with` block lasts."""
    return Databases(stack)


@pytest.fixture
def site(databases: Databases) -> Iterator[Site]:
    """An empty source and an empty warehouse of the test's own."""
    with databases.lend() as lent:
        yield lent


@pytest.fixture
def make_deployment(site: Site, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Make deployments over the site: `make_deployment(spec_text, lease=5)`; not migrated."""
    with ExitStack() as cleanup:

        def make(text: str, **settings: Any) -> Deployment:
            deployment = open_deployment(site, tmp_path, text, **settings)
            cleanup.callback(deployment.warehouse.sql.dispose)
            return deployment

        yield make


@pytest.fixture
def make_replica(site: Site, tmp_path: Path) -> Iterator[Callable[..., Replica]]:
    """Make replicas over the site: `make_replica(spec_text)`; the warehouse is migrated."""
    with ExitStack() as cleanup:

        def make(text: str, **settings: Any) -> Replica:
            return cleanup.enter_context(open_replica(site, tmp_path, text, **settings))

        yield make
