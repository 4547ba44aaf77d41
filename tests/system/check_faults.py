"""
The fault tables: ``python -m tests.system.check_faults --airflow 3.3``.

Every row of every kind runs on a real scheduler, with our operator and, where one call does the same, with Airflow's
HttpOperator, all at once. It ends with 1 when ours did not create each thing once, or passed on another result than
that one's. ``tests/lab/faults`` says how to add a row or a kind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.lab.command_line import NEVER, aligned, on_each_release, parser_for
from tests.lab.faults import page
from tests.lab.faults.kind import CONTENDERS
from tests.lab.faults.runner import run
from tests.system.change_faults import Closings, Updates
from tests.system.group_faults import Groups
from tests.system.message_faults import Messages
from tests.system.people_faults import People

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.faults.kind import Finding, Kind
    from tests.lab.releases import Release

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Groups(), Messages(), People(), Updates(), Closings())}
HEADINGS = {
    "fault": "fault", "contender": "operator", "airflow": "Airflow", "state": "run", "tries": "tries",
    "made": "made", "posts": "POSTs", "downstream": "ID downstream", "outcome": "outcome",
    "seconds": "seconds", "last_try": "of last try",
}  # fmt: skip


def table(findings: Sequence[Finding]) -> str:
    """Lay findings out for a terminal."""
    cells = ([getattr(finding, name) for name in HEADINGS] for finding in findings)
    return aligned([HEADINGS.values(), *cells])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tables and print them."""
    parser = parser_for(__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind; may be repeated")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    parser.add_argument("--only", choices=CONTENDERS, help="only one of the operators")
    parser.add_argument(
        "--write", action="store_true", help="put the results into the docs, beside those of other releases"
    )
    parser.add_argument("--keep", action="store_true", help="keep the home of Airflow, with the logs")
    options = parser.parse_args(arguments)
    kinds = [KINDS[name] for name in options.kind or KINDS]
    known = {row.name for kind in kinds for row in kind.rows}
    if unknown := set(options.row or ()) - known:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    rows = {kind: [row for row in kind.rows if not options.row or row.name in options.row] for kind in kinds}
    contenders = [options.only] if options.only else CONTENDERS

    def problems(release: Release) -> Iterator[str]:
        findings, leaks = run(release, rows, contenders, keep=options.keep)
        print(f"Keys, phone numbers and texts in the home of Airflow: {len(leaks)} leaks")
        for kind, found in findings.items():
            print(f"{kind.name}:\n{table(found)}", flush=True)
            if options.write:
                page.keep(kind, found)
            for finding in found:
                if finding.problem:
                    yield f"{finding.contender}, {finding.fault}: {finding.problem}"
        yield from (f"{NEVER}: {leak}" for leak in leaks)

    return on_each_release(options.airflow, problems)


if __name__ == "__main__":
    sys.exit(main())
