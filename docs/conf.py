"""How the documentation is built: `make docs`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Documenting imports Airflow, which reads and writes in its home.
os.environ["AIRFLOW_HOME"] = str(Path(__file__).resolve().parent.parent / ".airflow" / "docs")

from airflow_provider_periskope import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("urls", {})

project = "airflow-provider-periskope"
author = "the maintainers of airflow-provider-periskope"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_generated"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Periskope for Airflow {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6b53", "color-brand-content": "#0b6b53"},
    "dark_css_variables": {"color-brand-primary": "#4fd1a5", "color-brand-content": "#4fd1a5"},
}

if "Documentation" in URLS:
    html_baseurl = URLS["Documentation"].rstrip("/") + "/"
if "Source" in URLS:
    # Furo's links "View this page" and "Edit this page".
    html_theme_options |= {
        "source_repository": URLS["Source"],
        "source_branch": "main",
        "source_directory": "docs/",
    }

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_display_short_literal_types = True

nitpicky = True
# What other projects document; nothing is fetched while this is built, so their names stay plain text.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(airflow\.|requests\.|pydantic|datetime|collections\.|typing\.|types\.|pytest|starlette|uvicorn|abc\.).*",
    ),
    (
        "py:.*",
        r"(Any|Iterable|Iterator|Mapping|Sequence|Literal|timedelta|Context|BaseOperator|TaskInstanceKey|Session"
        r"|AirflowFailException|Self|ClassVar|Callable|Path|IfExists|RateLimit|Call|Chat|Message|Invitation|dict\[str)",
    ),
    # Of the sandbox, only what a test uses is documented.
    ("py:.*", r"airflow_provider_periskope\.sandbox\.(calls|chats|messages|phones|rate_limit|whatsapp)\..*|(.*\.)?KINDS"),
]


def without_signature(_app: Sphinx, _what: str, _name: str, thing: Any, *_: Any) -> tuple[str, None] | None:
    """Leave out the signature of a pydantic model, which says how it is validated instead of what it takes."""
    return ("", None) if hasattr(thing, "model_fields") else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", without_signature)
