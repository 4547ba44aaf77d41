"""Rendering a message whose template may name what a callback's context does not have."""

from __future__ import annotations

from typing import Any

import jinja2


class Missing(jinja2.ChainableUndefined):
    """What a context lacks: it shows as nothing, and its attributes, items and calls are missing as well."""

    def _missing_too(self, *_: Any, **__: Any) -> Any:
        return self

    __call__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _missing_too
    __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __pos__ = _missing_too
    __lt__ = __le__ = __gt__ = __ge__ = _missing_too


def tolerant(environment: jinja2.Environment) -> jinja2.Environment:
    """Return the same environment, in which what is missing, and ``None``, show as nothing."""
    return environment.overlay(undefined=Missing, finalize=lambda value: "" if value is None else value)
