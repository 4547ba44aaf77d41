"""Part of `make docs`: what Sphinx does not check in the pages that stand outside of it."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import comparison
from sphinx.search.en import SearchEnglish

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
HTML = ROOT / "docs" / "_build" / "html"
SEARCHES = {
    "idempotency": "one-group",
    "duplicate": "one-group",
    "exactly once": "one-group",
    "second group": "one-group",
    "retry": "one-group",
    "backfill": "one-group",
    "phone off": "troubleshooting",
    "rate limit": "limits",
    "banned": "limits",
    "country code": "operator",
    "expand_kwargs": "recipes",
    "pytest": "sandbox",
    "proxy": "troubleshooting",
}
"""What people search for, and a page that must be among what is found."""
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
    problems += problems_of_the_search()
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


def problems_of(page: Path) -> Iterator[str]:
    """Find what is wrong with a page."""
    text = page.read_text()
    if IMAGE_WITHOUT_TEXT.search(text):
        yield "a picture has no alternative text"
    if page not in PAGES:
        if "<img" in text:
            yield "a picture in HTML, which Sphinx does not copy: use the directive image"
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


def problems_of_the_search() -> list[str]:
    """Search the built pages as their search box does: a page is found if it has every word."""
    index = json.loads(
        (HTML / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")")
    )
    language = SearchEnglish({})

    def pages(word: str) -> set[str]:
        stem = language.stem(word)
        found = [index[part].get(stem, []) for part in ("terms", "titleterms")]
        numbers = [number for one in found for number in (one if isinstance(one, list) else [one])]
        return {index["docnames"][number] for number in numbers}

    problems = []
    for search, wanted in SEARCHES.items():
        words = [word for word in language.split(search) if language.word_filter(word.lower())]
        if not words or wanted not in set.intersection(*map(pages, words)):
            problems.append(f"docs: searching for {search!r} does not find {wanted}")
    return problems


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
