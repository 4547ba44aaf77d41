"""A Sphinx extension that writes each page's Markdown beside its HTML, and ``llms.txt``, which lists the pages."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.directives.code import LiteralIncludeReader

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DIRECTIVE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} ?(?P<argument>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=indent)(?P=fence) *$\n?",
    re.MULTILINE | re.DOTALL,
)
OPTION = re.compile(r"^:([\w-]+):[ ]?(.*)$")
ROLE = re.compile(r"\{[\w:]+\}`~?([^`]+)`")
DOCUMENTED = re.compile(r"^\.\. auto(?:class|module):: (\S+)$", re.MULTILINE)
SECTION = re.compile(r"^```\{toctree\}\n:caption: ([^\n]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def write_pages(app: Sphinx, problem: Exception | None) -> None:
    """Write all pages once the HTML is there."""
    if problem or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for page in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(page))
        (out / f"{page}.md").write_text(plain(source.read_text(), source.parent, app), encoding="utf-8")
    (out / "llms.txt").write_text(contents(app), encoding="utf-8")


def contents(app: Sphinx) -> str:
    """List the pages under the captions of the start page, each with its first sentence."""
    index = Path(app.env.doc2path("index")).read_text()
    lines = [f"# {app.config.project} {app.config.release}", "", f"> {first_sentence(index)}"]
    for caption, body in SECTION.findall(index):
        lines += ["", f"## {caption}", ""]
        for page in [line for line in body.split() if not line.startswith(":")]:
            text = plain(Path(app.env.doc2path(page)).read_text(), Path(app.srcdir), app)
            url = f"{app.config.html_baseurl}{page}.md"
            lines.append(f"- [{app.env.titles[page].astext()}]({url}): {first_sentence(text)}")
    return "\n".join(lines) + "\n"


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph of a page, without its links."""
    paragraph = next(
        (part for part in text.split("\n\n") if part.strip() and part.strip()[0] not in "#`:|!<("), ""
    )
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
    return re.split(r"(?<=[.!?]) ", words)[0]


def plain(text: str, folder: Path, app: Sphinx) -> str:
    """Return a page in Markdown that needs no Sphinx: with what it includes, and without its directives."""

    def replace(directive: re.Match[str]) -> str:
        lines = inspect.cleandoc("\n" + directive["body"]).splitlines() if directive["body"].strip() else []
        options: dict[str, str] = {}
        while lines and (option := OPTION.match(lines[0])):
            options[option[1]] = option[2].strip('"')
            lines.pop(0)
        body = "\n".join(lines).strip()
        text = rendered(directive["name"], directive["argument"], options, body, folder, app)
        return "".join(f"{directive['indent']}{line}".rstrip() + "\n" for line in text.splitlines())

    text = DIRECTIVE.sub(replace, text)
    text = ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", text)
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    return text.replace("](pictures/", "](_images/")


def rendered(name: str, argument: str, options: dict[str, str], body: str, folder: Path, app: Sphinx) -> str:
    """Return what stands for a directive in plain Markdown."""
    if name == "toctree":
        return ""
    if name == "literalinclude":
        chosen = {key: int(value) if key == "dedent" else value for key, value in options.items()}
        code, _ = LiteralIncludeReader(str(folder / argument), chosen, app.config).read()
        code = re.sub(r"^ *# \[(START|END) \w+\]\n", "", code, flags=re.MULTILINE)
        return f"```{options.get('language', '')}\n{code.rstrip()}\n```"
    if name == "include":
        return plain((folder / argument).read_text(), (folder / argument).parent, app)
    if name == "eval-rst":
        return "\n\n".join(map(documentation, DOCUMENTED.findall(body)))
    title = {"tab-item": f"**{argument}**\n\n", "list-table": f"{argument}\n\n"}.get(name, "")
    if name in ("important", "note", "tip", "warning"):
        title = f"**{name.capitalize()}.** "
    return title + plain(body + "\n", folder, app)


def documentation(path: str) -> str:
    """Return name and docstring of a class, or of the classes of a module."""
    try:
        thing = importlib.import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
        thing = getattr(importlib.import_module(module), name)
    if not inspect.ismodule(thing):
        return f"### {path}\n\n{inspect.getdoc(thing) or ''}"
    classes = [value for value in vars(thing).values() if getattr(value, "__module__", "") == path]
    return "\n\n".join(f"### {path}.{one.__name__}\n\n{inspect.getdoc(one) or ''}" for one in classes)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
