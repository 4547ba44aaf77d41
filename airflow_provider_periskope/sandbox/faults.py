"""Failures on demand: what a client can meet between itself and Periskope, each by its name."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_periskope.sandbox import answers
from airflow_provider_periskope.sandbox.answers import Answer, ApiError, json_bytes, too_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.calls import Call


def page(status: int, title: str) -> Answer:
    """Answer as a proxy does that stands in front of Periskope."""
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, text.encode(), "text/html; charset=utf-8", by_api=False)


def foreign_json(status: int, title: str) -> Answer:
    """Answer as a gateway does that writes JSON of its own."""
    return Answer(status, json_bytes({"error": {"title": title}}), by_api=False)


@dataclass(frozen=True)
class Kind:
    """
    What a fault does to a call.

    :param works: whether the call is carried out.
    :param answer: the response; None for what the API really says.
    :param sends: whether the response reaches the client whole, cut in the middle, or not at all.
    :param delays: what `seconds` delay: the work, the response, the work after the response, the moment when
        lists show what was made, or the moment when a message can leave the queue.
    :param rewrites: what it does to each text in the JSON of the real response.
    """

    works: bool
    answer: Answer | ApiError | None = None
    sends: Literal["whole", "half", "nothing"] = "whole"
    delays: Literal["work", "answer", "commit", "listing", "queue"] | None = None
    rewrites: Callable[[Any], Any] | None = None


def with_other_white_space(content: Any) -> Any:
    """Change the white space of each message's text, as a client of WhatsApp may do."""
    if isinstance(content, list):
        return [with_other_white_space(item) for item in content]
    if not isinstance(content, dict):
        return content
    changed = {name: with_other_white_space(value) for name, value in content.items()}
    if isinstance(changed.get("body"), str):
        changed["body"] = "".join(f"{line} \r\n" for line in changed["body"].splitlines())
    return changed


def in_an_object(content: Any) -> Any:
    """Put a bare list into an object."""
    return {"data": content}


EMPTY_500 = Answer(500, content_type="", by_api=False)
GATEWAY = {
    401: "401 Authorization Required",
    404: "404 Not Found",
    429: "429 Too Many Requests",
    502: "502 Bad Gateway",
}

KINDS: dict[str, Kind] = {
    "drop_before": Kind(works=False, sends="nothing"),
    "drop_after": Kind(works=True, sends="nothing"),
    "late": Kind(works=True, delays="answer"),
    "late_work": Kind(works=True, delays="work"),
    "late_commit": Kind(works=True, sends="nothing", delays="commit"),
    "hidden": Kind(works=True, delays="listing"),
    "gateway_504_hidden": Kind(works=True, answer=page(504, "504 Gateway Time-out"), delays="listing"),
    "message_failed": Kind(works=True, delays="queue"),
    "queue_stuck": Kind(works=True, delays="queue"),
    "truncated": Kind(works=True, sends="half"),
    "not_json": Kind(works=True, answer=page(200, "Please log in")),
    "other_white_space": Kind(works=True, rewrites=with_other_white_space),
    "in_an_object": Kind(works=True, rewrites=in_an_object),
    "error_500": Kind(works=False, answer=answers.UNKNOWN),
    "error_500_after": Kind(works=True, answer=answers.UNKNOWN),
    "empty_500": Kind(works=False, answer=EMPTY_500),
    "empty_500_after": Kind(works=True, answer=EMPTY_500),
    "wrong_key": Kind(works=False, answer=answers.WRONG_KEY),
    "phone_off": Kind(works=False, answer=answers.PHONE_OFF),
    "wrong_plan": Kind(works=False, answer=answers.WRONG_PLAN),
    "not_found": Kind(works=False, answer=answers.not_found()),
    "invalid": Kind(works=False, answer=answers.invalid("Invalid body", {"group_name": "Not a good name"})),
    "rate_limit": Kind(works=False),
    "rate_limit_ms": Kind(works=False),
}
LIMITS = {"rate_limit": 1, "rate_limit_ms": 1000}  # and in how many parts of a second they count
for _status, _title in GATEWAY.items():
    for _form, _write in (("html", page), ("json", foreign_json)):
        KINDS[f"{_form}_{_status}"] = Kind(works=False, answer=_write(_status, _title))
        KINDS[f"{_form}_{_status}_after"] = Kind(works=True, answer=_write(_status, _title))


@dataclass
class Fault:
    """
    A failure that waits for its calls.

    :param name: one of :data:`KINDS`.
    :param route: the calls it meets: method and path without `/v1`, `*` stands for anything.
    :param group_name: only calls that create a group of this name.
    :param chat_id: only calls about this chat.
    :param text: only calls that send this text.
    :param times: how many calls it meets; None for all until it is cleared.
    :param seconds: how long, for the faults that have a duration.
    :param reset: drop with a reset (RST) where otherwise the connection is closed (FIN).
    :param header: how a `rate_limit` says when it ends: `X-RateLimit-Reset`, `Retry-After`, or None.
    :param value: what is in that header instead of the true value.
    :param says: what is also in the body of a refusal, or replaces what is there: `{"message": …}`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}  # a misspelt field would meet all

    name: str
    route: str = "POST /chats/create"
    group_name: str | None = None
    chat_id: str | None = None
    text: str | None = None
    times: int | None = 1
    seconds: float | None = None
    reset: bool = False
    header: str | None = "X-RateLimit-Reset"
    value: str | None = None
    says: dict[str, Any] = field(default_factory=dict)
    ends_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"No fault is named {self.name!r}; there are: {', '.join(KINDS)}")

    @property
    def is_spent(self) -> bool:
        """Whether it has met all its calls, or its time is over."""
        return self.times == 0 if self.ends_at is None else time.time() >= self.ends_at

    def meets(self, call: Call) -> bool:
        """Tell whether it strikes this call."""
        on_route = fnmatchcase(f"{call.method} {call.path}", self.route)
        wanted = ("group_name", "chat_id", "text")
        is_it = all(getattr(self, name) in (None, getattr(call, name)) for name in wanted)
        return on_route and is_it and not self.is_spent

    def strike(self) -> None:
        """Count a call; a rate limit of some seconds begins with its first one and goes by the clock."""
        if self.name in LIMITS and self.seconds is not None:
            self.ends_at = self.ends_at or time.time() + self.seconds
        elif self.times is not None:
            self.times -= 1

    def answer(self) -> Answer | None:
        """Make the response that replaces the real one."""
        if self.name in LIMITS:
            ends_at = self.ends_at or time.time() + 1
            moment = ends_at if self.header == "X-RateLimit-Reset" else ends_at - time.time()
            moment = math.ceil(moment * LIMITS[self.name])
            headers = {self.header: self.value or str(moment)} if self.header else {}
            return too_many(10).answer(self.says, **headers)
        answer = KINDS[self.name].answer
        return answer.answer(self.says) if isinstance(answer, ApiError) else answer
