"""A request as it came in: what tests look at, and what a fault is matched with."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

from airflow_provider_periskope.sandbox.ids import now

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import Scope

PREFIX = "/v1"


@dataclass(frozen=True)
class Conditions:
    """
    Under what conditions a call is carried out, where a fault changes them.

    :param listed_from: the moment, by the monotonic clock, from which lists show what it makes.
    :param stays_for: how many seconds the message that it sends stays in the queue.
    :param is_failing: whether that message counts as failed meanwhile.
    """

    listed_from: float = 0.0
    stays_for: float = 0.0
    is_failing: bool = False


@dataclass
class Call:
    """
    A request as it came in.

    :param path: decoded, without `/v1`.
    :param target: path and query exactly as sent.
    :param phone: the header `x-phone` as sent.
    :param headers: all of them, to be asked by a name in any case.
    :param body: the parsed JSON, None when there is none.
    :param trace_id: what the response calls it in `x-periskope-trace-id`.
    :param status: the status of the response, None when none was sent (or not yet: see `ended_at`).
    :param response: the body of the response that was sent, its first 10,000 characters.
    :param fault: the name of the fault it met.
    """

    time: datetime
    method: str
    path: str
    target: str
    phone: str | None
    headers: Headers
    body: Any
    trace_id: str = field(default_factory=lambda: str(uuid.uuid1()))
    status: int | None = None
    response: str | None = None
    fault: str | None = None
    ended_at: datetime | None = None

    @property
    def group_name(self) -> str | None:
        """The name of the group that it creates."""
        return self._value("group_name") if (self.method, self.path) == ("POST", "/chats/create") else None

    @property
    def chat_id(self) -> str | None:
        """The chat that it is about, named in the path or in the body."""
        named = re.match(r"/chats/([^/]+@[^/]+)", self.path)
        return named[1] if named else self._value("chat_id")

    @property
    def text(self) -> str | None:
        """The text of the message that it sends."""
        return self._value("message") if (self.method, self.path) == ("POST", "/message/send") else None

    def _value(self, name: str) -> str | None:
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return value if isinstance(value, str) else None


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
