"""Used by hatchling: makes the package's description from README.md, with links that work outside of the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r'(?P<before>\]\(|<img [^>]*?src=")(?P<path>(?![a-z]+:|#)[^)"\s]+)')
RELATIVE = re.compile(
    r"""\]\((?!https?:|mailto:|\#)[^)]*|\b(src|href)="(?!https?:)[^"]*|^\[[^\]]+\]:\s*(?!https?:)\S+""",
    re.MULTILINE,
)


class Description(MetadataHookInterface):
    """Sets ``readme``. The project's address comes from ``[project.urls]``; without one, relative links stay."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if urls := metadata.get("urls"):
            text = with_absolute_links(text, urls, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_absolute_links(text: str, urls: dict[str, str], tag: str) -> str:
    """
    Make each relative link absolute: pages of the documentation on its site, everything else at the release's tag.

    :raises ValueError: if one cannot be made so.
    """
    source = urls.get("Source", "").rstrip("/")
    site = urls.get("Documentation", "").rstrip("/")

    def absolute(link: re.Match[str]) -> str:
        path, _, anchor = link["path"].partition("#")
        page = re.fullmatch(r"docs/([\w-]+)\.md", path)
        if page and site:
            url = f"{site}/{page[1]}.html"
        elif source:
            kind = "raw" if "img" in link["before"] else "blob"
            url = f"{source}/{kind}/{tag}/{path}"
        else:
            raise ValueError(
                f"README.md links to {path}, and [project.urls] has no Source to make that absolute"
            )
        return f"{link['before']}{url}{'#' + anchor if anchor else ''}"

    text = LINK.sub(absolute, text)
    if left := RELATIVE.search(text):
        raise ValueError(f"the package's description has a relative link: {left[0]}")
    return text
