"""What must not be found in the home of an Airflow after its tasks have met every fault."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "sandbox-key/+"
"""An API key that looks another way in a URL."""

PHONE = "919876543210"
PARTICIPANTS = ["919537851844", "919874532456"]
DESCRIPTION = "Nobody but the group may read this"


def leaks_in(home: Path, *, texts: Sequence[str]) -> list[str]:
    """Return where a file of the home tells the key, and where a log tells a number or a text of the group.

    The DAG files are what their author wrote; so is what HttpOperator is given, with which the key stands in the DAG.

    :param home: the home of Airflow, logs included
    :param texts: what people wrote for a group or into it
    """
    told = []
    for path in sorted(home.rglob("*")):
        part = str(path.relative_to(home))
        if not path.is_file() or part.startswith("dags/") or "__http" in part:
            continue
        content = path.read_bytes()
        secrets = {"the key": key_forms()}
        if part.startswith("logs/"):
            secrets |= {"a phone number": [PHONE, *PARTICIPANTS], "a text": texts}
        told += [
            f"{part} tells {what}"
            for what, forms in secrets.items()
            if any(form.encode() in content for form in forms)
        ]
    return told


def key_forms() -> list[str]:
    """Return the key plain, as in a URL, and in base64 at any place of a longer text."""
    shifted = [base64.b64encode(b"x" * shift + KEY.encode())[4:-4].decode() for shift in range(3)]
    return [KEY, quote(KEY, safe=""), *shifted]
