"""The fault tables of the docs: kept as JSON, release by release, and rendered from there."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from tests.lab.environments import ROOT
from tests.lab.faults.kind import Finding
from tests.lab.releases import RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.lab.faults.kind import Kind

FOLDER = ROOT / "docs" / "_generated"


def keep(kind: Kind, findings: Iterable[Finding]) -> None:
    """Put findings in the place of those of the same release, operator and fault, and render the page anew."""
    kept_in = FOLDER / f"{kind.page}.json"
    old = json.loads(kept_in.read_text()) if kept_in.exists() else []
    lines = {_key(line): line for line in [*old, *map(asdict, findings)]}
    # A row that is no longer run must not stay there.
    titles = [row.title for row in kind.rows]
    order = {release.version: place for place, release in enumerate(RELEASES)}
    kept = [line for line in lines.values() if line["fault"] in titles and line["airflow"] in order]
    kept.sort(
        key=lambda line: (
            order[line["airflow"]],
            titles.index(line["fault"]),
            line["contender"] != kind.operator,
        )
    )
    kept_in.write_text(json.dumps(kept, indent=1) + "\n")
    kept_findings = [Finding(**line) for line in kept]
    (FOLDER / f"{kind.page}.md").write_text(page(kind, kept_findings))
    (FOLDER / f"{kind.page}_newest.md").write_text(side_by_side(kind, kept_findings))


def _key(line: dict[str, object]) -> tuple[object, ...]:
    return line["airflow"], line["contender"], line["fault"]


def page(kind: Kind, findings: Sequence[Finding]) -> str:
    """Render one table for each operator, with a column for each release."""
    releases = [
        release.version for release in RELEASES if any(found.airflow == release.version for found in findings)
    ]
    lines = ["<!-- Written by `make faults WRITE=1`. -->", ""]
    for contender in dict.fromkeys(found.contender for found in findings):
        cells = {
            (found.fault, found.airflow): cell(kind, found)
            for found in findings
            if found.contender == contender
        }
        lines += [f"**{contender}**", "", f"| What goes wrong | {' | '.join(releases)} |"]
        lines += ["|---" * (len(releases) + 1) + "|"]
        for row in kind.rows:
            found = [cells.get((row.title, release), "") for release in releases]
            if any(found):
                lines.append(f"| {row.title} | {' | '.join(found)} |")
        lines.append("")
    return "\n".join(lines)


def side_by_side(kind: Kind, findings: Sequence[Finding]) -> str:
    """Render one table for the newest release, with a column for each operator."""
    newest = next(
        release.version
        for release in reversed(RELEASES)
        if any(found.airflow == release.version for found in findings)
    )
    cells = {
        (found.fault, found.contender): cell(kind, found) for found in findings if found.airflow == newest
    }
    contenders = list(dict.fromkeys(contender for _, contender in cells))
    lines = ["<!-- Written by `make faults WRITE=1`. -->", ""]
    lines += [f"| What goes wrong, on Airflow {newest} | {' | '.join(contenders)} |"]
    lines += ["|---" * (len(contenders) + 1) + "|"]
    for row in kind.rows:
        found = [cells.get((row.title, contender), "") for contender in contenders]
        if any(found):
            lines.append(f"| {row.title} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def cell(kind: Kind, found: Finding) -> str:
    """Say in a few words what a run came to."""
    made = f"1 {kind.thing}" if found.made == 1 else f"{found.made} {kind.thing}s"
    if found.made > 1 or (found.made == 0 and found.downstream != "right"):
        made = f"**{made}**"
    ends = {
        "right": f"right {kind.result}", "none": f"no {kind.result}",
        "one of several": f"**{kind.result} of one of them**",
    }  # fmt: skip
    passed_on = ends.get(found.downstream, f"**wrong {kind.result}**")
    state = "" if found.state == "success" else f", **{found.state}**"
    posts = f"{found.posts} {kind.request}{'' if found.posts == 1 else 's'}"
    tries = "1 try" if found.tries == 1 else f"{found.tries} tries"
    return f"{made}, {passed_on}{state}; {tries}, {posts}"
