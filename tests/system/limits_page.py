"""The table of rate limits in the docs: kept as JSON, release by release, and rendered from there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.lab.environments import ROOT
from tests.lab.releases import RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = ROOT / "docs" / "_generated" / "limits.json"
PAGE = KEPT.with_suffix(".md")
HEAD = """\
<!-- Written by `python -m tests.system.check_limits --write`. -->

| Airflow | operator | what | succeeded | tries | 429 responses | groups | seconds | slot-seconds (two no-ops beside) |
|---|---|---|---|---|---|---|---|---|
"""


def keep(findings: Iterable[dict[str, Any]]) -> None:
    """Put findings in the place of those of the same release, and render the page anew.

    :param findings: findings of :mod:`tests.system.check_limits` as dictionaries
    """
    new = list(findings)
    measured = {line["airflow"] for line in new}
    old = json.loads(KEPT.read_text()) if KEPT.exists() else []
    order = [release.version for release in RELEASES]
    kept = [line for line in old if line["airflow"] not in measured] + new
    kept.sort(key=lambda line: order.index(line["airflow"]))
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(HEAD + "".join(_line(line) for line in kept))


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
