"""A request as it came in: what tests look at, and what a fault is matched with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

from airflow_provider_periskope.sandbox.whatsapp import now

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import Scope

PREFIX = "/v1"


@dataclass
class Call:
    """
    A request as it came in.

    :param path: decoded, without `/v1`.
    :param target: path and query exactly as sent.
    :param phone: the header `x-phone` as sent.
    :param headers: all of them, to be asked by a name in any case.
    :param body: the parsed JSON, None when there is none.
    :param status: what was answered, None when nothing was (or not yet: see `ended_at`).
    :param fault: the name of the fault it met.
    """

    time: datetime
    method: str
    path: str
    target: str
    phone: str | None
    headers: Headers
    body: Any
    status: int | None = None
    fault: str | None = None
    ended_at: datetime | None = None

    @property
    def group_name(self) -> str | None:
        """The name of the group that it creates."""
        is_create = (self.method, self.path) == ("POST", "/chats/create") and isinstance(self.body, dict)
        return self.body.get("group_name") if is_create else None


def record(scope: Scope, body: bytes) -> tuple[Call, bool]:
    """Note a request, and whether its body is JSON (or there is none)."""
    headers, content, is_json = Headers(scope=scope), None, True
    try:
        content = json.loads(body, parse_constant=refuse_constant) if body else None
    except (ValueError, RecursionError):
        is_json = False
    target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
    path = scope["path"].removeprefix(PREFIX)
    return Call(now(), scope["method"], path, target, headers.get("x-phone"), headers, content), is_json


def refuse_constant(name: str) -> None:
    """Refuse `NaN` and its like, which Python reads and JSON does not have."""
    raise ValueError(name)
