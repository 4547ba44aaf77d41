"""What the checks in ``tests/system`` share: which releases to run on, and how to tell what came of it."""

from __future__ import annotations

import argparse
import time
import traceback
from typing import TYPE_CHECKING

from tests.lab.releases import RELEASES, Release, release_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NEVER = "MUST NEVER BE"
"""Stands in a problem that no second attempt takes back: a second group, a wrong chat ID, a leak.

``.ci/run`` looks for it.
"""


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that takes releases; a command adds its own options.

    :param description: docstring of the command
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--airflow", action="append", help="a release (3.3, oldest, newest, all); may be repeated"
    )
    return parser


def on_each_release(wanted: Sequence[str] | None, run: Callable[[Release], Iterable[str]]) -> int:
    """Run something on each release; return 1 if that was not right on one whose failures count, else 0.

    :param wanted: what ``--airflow`` was given; the newest release if nothing
    :param run: takes a release, and returns what was wrong
    """
    names = wanted or ["newest"]
    releases = RELEASES if "all" in names else [release_named(name) for name in names]
    failed = False
    for release in releases:
        start = time.monotonic()
        try:
            problems = list(run(release))
        except Exception:
            # A pre-release is reported, and fails nothing.
            if release.blocking:
                raise
            problems = [traceback.format_exc()]
        print(f"{time.monotonic() - start:.0f} s on Airflow {release.version}", flush=True)
        for problem in problems:
            print(f"PROBLEM: {release.version}, {problem}", flush=True)
        failed |= bool(problems) and release.blocking
    return 1 if failed else 0


def aligned(rows: Iterable[Iterable[object]]) -> str:
    """Lay rows out in columns for a terminal."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
