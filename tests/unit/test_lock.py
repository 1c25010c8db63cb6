"""The lock files pin everything that is asked for, each package by hash, all in agreement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
LOCKS = (
    "requirements.txt",
    "requirements-dev.txt",
    "benchmarks/requirements.txt",
    "scripts/installer.txt",
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(name: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of the file, with the options behind it."""
    text = (CHECKOUT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.sub(r"(^|\s)#.*", "", text).splitlines():
        words, *options = re.split(r"\s(?=--)", line.strip())
        if words and not words.startswith("-c "):
            yield Requirement(words.strip()), [option.strip() for option in options]


def pins(name: str) -> dict[str, str]:
    return {
        canonicalize_name(asked.name): str(asked.specifier).removeprefix("==")
        for asked, _ in entries(name)
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_to_one_version_with_hashes(name: str) -> None:
    found = list(entries(name))
    assert found
    for asked, options in found:
        assert re.fullmatch(r"==[^*,]+", str(asked.specifier)), asked
        assert options, f"{asked} has no hash"
        for option in options:
            assert HASH.fullmatch(option), f"{asked}: {option}"


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "benchmarks/requirements"])
def test_what_is_asked_for_is_locked(name: str) -> None:
    locked = pins(f"{name}.txt")
    for asked, _ in entries(f"{name}.in"):
        version = locked.get(canonicalize_name(asked.name))
        assert version, f"{asked} is not in {name}.txt: make lock"
        assert asked.specifier.contains(version, prereleases=True), f"{asked}: {version} is locked"


def test_no_package_is_pinned_to_two_versions() -> None:
    product, tools = pins("requirements.txt"), pins("requirements-dev.txt")
    for name in product.keys() & tools.keys():
        assert product[name] == tools[name], name
