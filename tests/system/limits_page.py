"""The tables of rate limits in the docs: kept as JSON, release by release, and rendered from there."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

from tests.lab.environments import ROOT
from tests.lab.releases import RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = ROOT / "docs" / "_generated" / "limits.json"
PAGE = KEPT.with_suffix(".md")
POOL_PAGE = KEPT.with_name("limits_pool.md")
HEAD = """\
<!-- Written by `python -m tests.system.check_limits --write`. -->

| Airflow | operator | what | succeeded | tries | 429 responses | groups | seconds | slot-seconds (two no-ops beside) |
|---|---|---|---|---|---|---|---|---|
"""
POOL_HEAD = """\
<!-- Written by `python -m tests.system.check_limits --write`. -->

| Airflow | pool | seconds (goal ≤ {seconds:.0f}) | 429 responses (< {refused}) | slot-seconds a group (< {busy:.0f}) |
|---|---|---|---|---|
"""
GOALS = {"seconds": 1.25, "refused": 1.0, "busy": 5.0}
"""Of the tasks with the pool: seconds as a multiple of the ideal, the others for each task."""


def keep(findings: Iterable[dict[str, Any]]) -> None:
    """Put findings in the place of those of the same part on the same release, and render the pages anew.

    :param findings: findings of :mod:`tests.system.check_limits` as dictionaries
    """
    new = list(findings)
    measured = {_place(line) for line in new}
    old = json.loads(KEPT.read_text()) if KEPT.exists() else []
    kept = [line for line in old if _place(line) not in measured] + new
    kept.sort(key=_place)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(HEAD + "".join(_line(line) for line in kept))
    POOL_PAGE.write_text(pool_table(kept))


def pool_table(findings: list[dict[str, Any]]) -> str:
    """Lay out the medians of this operator with and without the pool, held against the goals."""
    lines, goals = "", dict.fromkeys(GOALS, 0.0)
    for release in dict.fromkeys(line["airflow"] for line in findings):
        for pool in (True, False):
            runs = [
                line
                for line in findings
                if (line["airflow"], line["contender"]) == (release, "PeriskopeCreateGroupOperator")
                and " at one in " in line["what"]
                and ("pool" in line["what"]) is pool
            ]
            if not runs:
                continue
            tasks = runs[0]["tasks"]
            goals = {
                "seconds": GOALS["seconds"] * runs[0]["ideal"],
                "refused": int(GOALS["refused"] * tasks),
                "busy": GOALS["busy"],
            }
            seconds, refused, busy = (
                statistics.median(line[name] for line in runs) for name in ("seconds", "refused", "busy")
            )
            cells = [
                (f"{seconds:.0f}", seconds <= goals["seconds"]),
                (f"{refused:.0f}", refused < goals["refused"]),
                (f"{busy / tasks:.1f}", busy / tasks < goals["busy"]),
            ]
            told = [f"{cell}, {'met' if met else 'missed'}" if pool else cell for cell, met in cells]
            lines += f"| {' | '.join([release, 'yes' if pool else 'no', *told])} |\n"
    return POOL_HEAD.format(**goals) + lines


def _place(line: dict[str, Any]) -> tuple[int, int]:
    """Return the release and the part that a line belongs to, in the order of the page."""
    part = 0 if " at one in " not in line["what"] else 2 if "pool" in line["what"] else 1
    return [release.version for release in RELEASES].index(line["airflow"]), part


def _line(line: dict[str, Any]) -> str:
    beside = "" if line["nothing"] is None else f" ({line['nothing']:.1f})"
    cells = [
        line["airflow"],
        "this operator" if line["contender"] == "PeriskopeCreateGroupOperator" else line["contender"],
        line["what"],
        f"{line['succeeded']} of {line['tasks']}",
        line["tries"],
        line["refused"],
        line["groups"],
        f"{line['seconds']:.0f}; ideal {line['ideal']:.0f}",
        f"{line['busy']:.1f}{beside}",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"
