"""Part of `make docs`: what Sphinx does not check in the pages that stand outside of it."""

from __future__ import annotations

import re
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import comparison

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PIECE = re.compile(r"^ *# \[START (\w+)\]\n(.*?)^ *# \[END \1\]", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^ *# \[(START|END) \w+\]\n", re.MULTILINE)
IMAGE_WITHOUT_TEXT = re.compile(r"!\[\]\(|<img(?![^>]* alt=\"[^\"]+\")")


def main() -> int:
    """Check links, code and pictures; return the exit status."""
    problems = [
        f"{page.relative_to(ROOT)}: {problem}"
        for page in [*PAGES, *(ROOT / "docs").glob("*.md")]
        for problem in problems_of(page)
    ] + [
        f"{picture.relative_to(ROOT)} is larger than 200 kB"
        for picture in (ROOT / "docs" / "pictures").glob("*")
        if picture.stat().st_size > 200_000
    ]
    if not comparison.is_current():
        problems.append(
            "README.md: the comparison is not what was measured last: scripts/comparison.py --write"
        )
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


def problems_of(page: Path) -> Iterator[str]:
    """Find what is wrong with a page."""
    text = page.read_text()
    if IMAGE_WITHOUT_TEXT.search(text):
        yield "a picture has no alternative text"
    if page not in PAGES:
        return  # Sphinx has checked the rest.
    for link in LINK.finditer(text):
        target = link[1] or link[2]
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        if path and not (page.parent / path).exists():
            yield f"the link {target} leads nowhere"
        elif anchor and anchor not in anchors((page.parent / path if path else page).read_text()):
            yield f"the link {target} leads to no heading"
    for code in CODE.finditer(text):
        if code[1] not in example_code():
            yield f"code that stands in no example DAG:\n{code[1]}"


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    named = re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(named)


@cache
def example_code() -> str:
    """Return all example DAGs without their marks, and of each the marked pieces as the pages show them."""
    files = [file.read_text() for file in sorted((ROOT / "example_dags").glob("*.py"))]
    pieces = [textwrap.dedent(piece[2]) for text in files for piece in PIECE.finditer(text)]
    return "\n".join(pieces + [MARK.sub("", text) for text in files])


if __name__ == "__main__":
    sys.exit(main())
