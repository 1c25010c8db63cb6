"""A bench for every engine that the engine tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.databases import Site
from support.engines import BENCHES, ZONE, Bench


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Bench]:
    with BENCHES[request.param](site, ZONE) as dialect:
        made = Bench(dialect, tmp_path)
        yield made
        made.close()


@pytest.fixture(params=sorted(BENCHES))
def london(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Bench]:
    """A bench of a business whose clocks are put forward in summer."""
    with BENCHES[request.param](site, ZoneInfo("Europe/London")) as dialect:
        made = Bench(dialect, tmp_path)
        yield made
        made.close()
