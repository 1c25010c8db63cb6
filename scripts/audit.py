"""Compares the pinned packages with the public list of known weaknesses, by pip-audit.

Exit code 1 if a package has one. Where the list cannot be asked, says so in one line and ends
with 0: that the pins are whole is proven without it (tests/unit/test_lock.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parent.parent
_LIMIT_SECONDS = 300
_NO_ANSWER = ("connect", "resol", "timed out", "time out", "service")  # in pip-audit's last line


def main() -> int:
    """Audit both lock files; the exit code."""
    command = [
        str(Path(sys.executable).with_name("pip-audit")),
        *("--requirement", "requirements.txt", "--requirement", "requirements-dev.txt"),
        *("--require-hashes", "--disable-pip", "--format", "json"),
        *("--progress-spinner", "off", "--timeout", "15"),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, cwd=CHECKOUT, capture_output=True, text=True, timeout=_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return skip("it did not answer in time")
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        if any(word in last.lower() for word in _NO_ANSWER):
            return skip(last)
        print(f"audit: pip-audit failed: {last}", file=sys.stderr)
        return 1
    return tell(packages)


def tell(packages: list[dict[str, Any]]) -> int:
    """Say what was found; 1 if a package has a known weakness."""
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        return skip("it knows none of the packages")
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        for weakness in package["vulns"]:
            mended = ", ".join(weakness.get("fix_versions", [])) or "no version yet"
            print(
                f"{package['name']} {package['version']}: {weakness['id']}, mended in {mended}",
                file=sys.stderr,
            )
    print(f"audit: {len(packages) - len(unknown)} packages compared, {len(weak)} with a weakness")
    if unknown:
        print(f"audit: not in the list: {', '.join(unknown)}")
    return 1 if weak else 0


def skip(reason: str) -> int:
    """Say that nothing was compared."""
    print(f"audit: skipped, the list of known weaknesses cannot be asked: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
