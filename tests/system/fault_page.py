"""The fault table of the docs: kept as JSON, release by release, and rendered from there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tests.lab.environments import ROOT
from tests.lab.releases import RELEASES
from tests.system.group_faults import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEPT = ROOT / "docs" / "_generated" / "faults.json"
PAGE = KEPT.with_suffix(".md")
NEWEST_PAGE = KEPT.with_name("faults_newest.md")
OURS = "PeriskopeCreateGroupOperator"


@dataclass
class Finding:
    """What a case came to: one line of the table."""

    fault: str
    contender: str
    airflow: str
    state: str
    tries: int
    groups: int
    posts: int
    downstream: str
    outcome: str
    seconds: int
    last_try: int
    problem: str = ""


def keep(findings: Iterable[Finding]) -> None:
    """Put findings in the place of those of the same release, operator and fault, and render the page anew."""
    old = json.loads(KEPT.read_text()) if KEPT.exists() else []
    lines = {_key(line): line for line in [*old, *map(asdict, findings)]}
    # A row that is no longer run must not go on standing there.
    titles = [row.title for row in ROWS]
    order = {release.version: place for place, release in enumerate(RELEASES)}
    kept = [line for line in lines.values() if line["fault"] in titles and line["airflow"] in order]
    kept.sort(
        key=lambda line: (order[line["airflow"]], titles.index(line["fault"]), line["contender"] != OURS)
    )
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    kept_findings = [Finding(**line) for line in kept]
    PAGE.write_text(page(kept_findings))
    NEWEST_PAGE.write_text(side_by_side(kept_findings))


def _key(line: dict[str, object]) -> tuple[object, ...]:
    return line["airflow"], line["contender"], line["fault"]


def page(findings: Sequence[Finding]) -> str:
    """Render one table for each operator, with a column for each release."""
    releases = [
        release.version for release in RELEASES if any(found.airflow == release.version for found in findings)
    ]
    lines = ["<!-- Written by `python -m tests.system.check_faults --write`. -->", ""]
    for contender in dict.fromkeys(found.contender for found in findings):
        cells = {
            (found.fault, found.airflow): cell(found) for found in findings if found.contender == contender
        }
        lines += [f"**{contender}**", "", f"| What goes wrong | {' | '.join(releases)} |"]
        lines += ["|---" * (len(releases) + 1) + "|"]
        for row in ROWS:
            found = [cells.get((row.title, release), "") for release in releases]
            if any(found):
                lines.append(f"| {row.title} | {' | '.join(found)} |")
        lines.append("")
    return "\n".join(lines)


def side_by_side(findings: Sequence[Finding]) -> str:
    """Render one table for the newest release, with a column for each operator."""
    newest = next(
        release.version
        for release in reversed(RELEASES)
        if any(found.airflow == release.version for found in findings)
    )
    cells = {(found.fault, found.contender): cell(found) for found in findings if found.airflow == newest}
    contenders = list(dict.fromkeys(contender for _, contender in cells))
    lines = ["<!-- Written by `python -m tests.system.check_faults --write`. -->", ""]
    lines += [f"| What goes wrong, on Airflow {newest} | {' | '.join(contenders)} |"]
    lines += ["|---" * (len(contenders) + 1) + "|"]
    for row in ROWS:
        found = [cells.get((row.title, contender), "") for contender in contenders]
        if any(found):
            lines.append(f"| {row.title} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def cell(found: Finding) -> str:
    """Say in a few words what a run came to."""
    groups = "1 group" if found.groups == 1 else f"**{found.groups} groups**"
    ends = {"right": "right ID", "none": "no ID", "one of several": "**ID of one of them**"}
    handed_on = ends.get(found.downstream, "**wrong ID**")
    state = "" if found.state == "success" else f", **{found.state}**"
    posts = f"{found.posts} POST{'' if found.posts == 1 else 's'}"
    tries = "1 try" if found.tries == 1 else f"{found.tries} tries"
    return f"{groups}, {handed_on}{state}; {tries}, {posts}"
