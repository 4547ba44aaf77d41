"""How the documentation is built: `make docs`."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Documenting imports Airflow, which reads and writes in its home.
os.environ["AIRFLOW_HOME"] = str(Path(__file__).resolve().parent.parent / ".airflow" / "docs")

from docutils import nodes
from sphinx.util import logging

from airflow_provider_periskope import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("urls", {})

project = "airflow-provider-periskope"
author = "the maintainers of airflow-provider-periskope"
project_copyright = author
release = version = __version__

sys.path.append(str(Path(__file__).parent))
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_design", "markdown_pages"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_generated"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

smartquotes = False  # error messages are quoted as they are printed
html_theme = "furo"
html_title = f"Periskope for Airflow {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["tables.js"]
# Neither prompts nor what a command prints.
copybutton_exclude = ".linenos, .gp, .go"
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
        r"|AirflowFailException|AirflowSensorTimeout|XComArg|Self|ClassVar|Callable|Path|IfExists|RateLimit|Call|Chat|Message|Invitation|dict\[str)",
    ),
    # Of the sandbox, only what a test uses is documented.
    (
        "py:.*",
        r"airflow_provider_periskope\.sandbox\.(calls|chats|messages|phones|rate_limit|whatsapp)\..*|(.*\.)?KINDS",
    ),
]


def without_signature(_app: Sphinx, _what: str, _name: str, thing: Any, *_: Any) -> tuple[str, None] | None:
    """Leave out the signature of a pydantic model, which says how it is validated instead of what it takes."""
    return ("", None) if hasattr(thing, "model_fields") else None


# What delimits the parts of an example that pages include.
MARK = re.compile(r"^ *# \[(START|END) \w+\]\n?", re.MULTILINE)


def without_marks(_app: Sphinx, page: nodes.document) -> None:
    """Leave out the marks of other parts in what a page includes."""
    for block in page.findall(nodes.literal_block):
        if MARK.search(block.astext()):
            text = MARK.sub("", block.astext())
            block.rawsource = text
            block.children = [nodes.Text(text)]


def check_code(_app: Sphinx, page: nodes.document, _name: str) -> None:
    """Warn of Python on a page that does not compile, as where an include ends too early."""
    for block in page.findall(nodes.literal_block):
        if block.get("language") == "python":
            try:
                ast.parse(block.astext())
            except SyntaxError as error:
                logging.getLogger(__name__).warning("Python that does not compile: %s", error, location=block)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", without_marks)
    app.connect("doctree-resolved", check_code)
    app.connect("autodoc-process-signature", without_signature)
