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
LONG, MANY, POOL = range(3)
"""The parts of the measurement."""

TIME, REFUSED, BUSY = 1.25, 1, 5
"""Goals with the pool: seconds in ideals, and of each task the 429 responses and the seconds of a slot."""

POOL_HEAD = f"""\
<!-- Written by `python -m tests.system.check_limits --write`. -->

| Airflow | pool | time, in ideals (≤ {TIME}) | 429s a group (< {REFUSED}) | slot-seconds a group (< {BUSY}) |
|---|---|---|---|---|
"""


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


def pool_table(findings: Iterable[dict[str, Any]]) -> str:
    """Lay out the medians of this operator with and without the pool, held against the goals."""
    parts: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for line in findings:
        part = _place(line)[1]
        if part != LONG and line["contender"] == "PeriskopeCreateGroupOperator":
            parts.setdefault((line["airflow"], part == POOL), []).append(line)
    lines = ""
    for (release, pool), runs in sorted(
        parts.items(), key=lambda part: (_place(part[1][0])[0], not part[0][1])
    ):
        seconds, refused, busy = (
            statistics.median(run[name] / run[of] for run in runs)
            for name, of in (("seconds", "ideal"), ("refused", "tasks"), ("busy", "tasks"))
        )
        cells = (
            (f"{seconds:.2f}", seconds <= TIME),
            (f"{refused:.2f}", refused < REFUSED),
            (f"{busy:.1f}", busy < BUSY),
        )
        told = [f"{cell}, {'met' if met else 'missed'}" if pool else cell for cell, met in cells]
        lines += f"| {' | '.join([release, 'yes' if pool else 'no', *told])} |\n"
    return POOL_HEAD + lines


def _place(line: dict[str, Any]) -> tuple[int, int]:
    """Return the release and the part that a line belongs to, in the order of the page."""
    part = LONG if " at one in " not in line["what"] else POOL if "pool" in line["what"] else MANY
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
