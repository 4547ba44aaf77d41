"""
Whether the registry has a newer Airflow than the tests: ``python -m tests.system.check_newer_releases``.

It reports what ``tests/lab/releases.py`` should be brought up to, and fails nothing: a release that came out last
night is no reason to refuse a change.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.version import Version

from tests.lab.environments import EnvironmentBuildError, run_uv
from tests.lab.releases import NEWEST, RELEASES


def newest(requirement: str, *, prereleases: bool = False) -> str:
    """Return the newest version on the registry that meets a requirement."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.in"
        wanted.write_text(requirement)
        options = ("--no-deps", "--no-header", "--no-annotate", "--python-version", NEWEST.pythons[0])
        allowed = "allow" if prereleases else "disallow"
        pinned = run_uv("pip", "compile", *options, "--prerelease", allowed, str(wanted))
    return pinned.strip().partition("==")[2]


def main() -> int:
    """Report what is newer."""
    try:
        with ThreadPoolExecutor() as pool:  # Asking the registry is mostly waiting.
            prerelease = pool.submit(newest, "apache-airflow", prereleases=True)
            minors = [release.number for release in RELEASES if release.blocking]
            wanted = ["apache-airflow", *(f"apache-airflow=={major}.{minor}.*" for major, minor in minors)]
            found = {*pool.map(newest, wanted), prerelease.result()}
    except EnvironmentBuildError as error:
        print(f"What is newest can't be told: {error}")
        return 0
    for version in sorted(found - {release.version for release in RELEASES}, key=Version):
        print(f"Airflow {version} is out, and tests/lab/releases.py does not have it yet.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
