"""The README's comparison with HttpOperator, from the fault table that was measured last: `--write` renews it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
FINDINGS = ROOT / "docs" / "_generated" / "faults.json"
PLACE = re.compile(r"(?<=<!-- comparison -->\n).*?(?=<!-- /comparison -->)", re.DOTALL)
OURS, OTHER = "PeriskopeCreateGroupOperator", "HttpOperator"


def table() -> str:
    """Return the table for the newest release that was measured."""
    findings = json.loads(FINDINGS.read_text())
    release = max(
        (found["airflow"] for found in findings), key=lambda text: [int(n) for n in text.split(".")]
    )
    measured = {
        (found["contender"], found["fault"]): found for found in findings if found["airflow"] == release
    }
    faults = [fault for contender, fault in measured if contender == OTHER and fault != "nothing"]

    def count(contender: str, **wanted: object) -> str:
        rows = [measured[contender, fault] for fault in faults]
        return str(sum(all(row[key] == value for key, value in wanted.items()) for row in rows))

    def doubled(contender: str) -> str:
        return f"{sum(measured[contender, fault]['made'] > 1 for fault in faults)} of {len(faults)}"

    def limited(contender: str) -> str:
        row = measured[contender, "429 for 30 s (retries=0)"]
        ends = "succeeds on its first try" if row["tries"] == 1 else f"succeeds after {row['tries']} tries"
        return ends if row["state"] == "success" else "fails"

    rows = [
        (f"Airflow {release}, {len(faults)} faults", "HttpOperator", "this operator"),
        ("---", "---", "---"),
        ("cases in which a **second group** was made", doubled(OTHER), f"**{doubled(OURS)}**"),
        (
            "cases that ended with the **right chat ID** downstream",
            f"{count(OTHER, downstream='right')} of {len(faults)}",
            f"**{count(OURS, downstream='right')} of {len(faults)}**",
        ),
        ("a rate limit of 30 s, with `retries=0`", limited(OTHER), f"**{limited(OURS)}**"),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def is_current() -> bool:
    """Return whether the README shows what was measured last."""
    found = PLACE.search(README.read_text())
    return bool(found) and found[0] == table()


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(PLACE.sub(lambda _: table(), README.read_text()))
    else:
        print(table(), end="")
