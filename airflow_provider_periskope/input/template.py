"""What a template makes of a value: the text of a list, of a mapping, or of ``None``."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any


def parsed(text: str) -> Any:
    """Return what JSON or a Python literal says, or ``None`` where the text is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def found_nothing(value: object) -> bool:
    """Return whether a template rendered nothing: ``None``, its text, or an empty text."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def likely_mistake(argument: str, value: object) -> str:
    """Return what was probably meant, for the end of a problem, where a value is not of its type."""
    task_id = getattr(value, "task_id", None)
    if task_id and hasattr(value, "output"):
        return f"; did you mean {task_id}.output?"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"; to act for each of several values, map over them: .partial(…).expand({argument}=…)"
    return ""


def described(value: object) -> str:
    """Return what a value is, in words that show none of it."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return "empty" if not value.strip() else "the text 'None'" if value.strip() == "None" else "text"
    return f"{'an' if type(value).__name__[0] in 'aeio' else 'a'} {type(value).__name__}"
