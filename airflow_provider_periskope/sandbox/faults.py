"""Failures on demand: what a client can meet between itself and Periskope, each by its name."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_periskope.sandbox import answers
from airflow_provider_periskope.sandbox.answers import Answer, ApiError, too_many

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call


def page(status: int, title: str) -> Answer:
    """Answer as a proxy does that stands in front of Periskope."""
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, text.encode(), "text/html; charset=utf-8", by_api=False)


@dataclass(frozen=True)
class Kind:
    """
    What a fault does to a call.

    :param works: whether the call is carried out.
    :param answer: what is answered; None for what the API really says.
    :param sends: whether the answer reaches the client whole, cut in the middle, or not at all.
    :param waits: what `seconds` delay: the work, the answer, or the moment when lists show the new group.
    """

    works: bool
    answer: Answer | ApiError | None = None
    sends: Literal["whole", "half", "nothing"] = "whole"
    waits: Literal["work", "answer", "listing"] | None = None


EMPTY_500 = Answer(500, content_type="", by_api=False)
BAD_GATEWAY = page(502, "502 Bad Gateway")
TIMED_OUT = page(504, "504 Gateway Time-out")

KINDS: dict[str, Kind] = {
    "drop_before": Kind(works=False, sends="nothing"),
    "drop_after": Kind(works=True, sends="nothing"),
    "late": Kind(works=True, waits="answer"),
    "late_work": Kind(works=True, waits="work"),
    "hidden": Kind(works=True, waits="listing"),
    "gateway_504_hidden": Kind(works=True, answer=TIMED_OUT, waits="listing"),
    "truncated": Kind(works=True, sends="half"),
    "not_json": Kind(works=True, answer=page(200, "Please log in")),
    "error_500": Kind(works=False, answer=answers.UNKNOWN),
    "error_500_after": Kind(works=True, answer=answers.UNKNOWN),
    "empty_500": Kind(works=False, answer=EMPTY_500),
    "empty_500_after": Kind(works=True, answer=EMPTY_500),
    "html_502": Kind(works=False, answer=BAD_GATEWAY),
    "html_502_after": Kind(works=True, answer=BAD_GATEWAY),
    "wrong_key": Kind(works=False, answer=answers.WRONG_KEY),
    "phone_off": Kind(works=False, answer=answers.PHONE_OFF),
    "wrong_plan": Kind(works=False, answer=answers.WRONG_PLAN),
    "not_found": Kind(works=False, answer=answers.not_found()),
    "invalid": Kind(works=False, answer=answers.invalid("Invalid body", {"group_name": "Not a good name"})),
    "rate_limit": Kind(works=False),
}


@dataclass
class Fault:
    """
    A failure that waits for its calls.

    :param name: one of :data:`KINDS`.
    :param route: the calls it meets: method and path without `/v1`, `*` stands for anything.
    :param group_name: only creates of this name.
    :param times: how many calls it meets; None for all until it is cleared.
    :param seconds: how long, for the faults that have a duration.
    :param reset: drop with a reset (RST) where otherwise the connection is closed (FIN).
    :param header: how a `rate_limit` says when it ends: `X-RateLimit-Reset`, `Retry-After`, or None.
    :param value: what stands in that header, in place of the true value.
    :param says: what stands in the body of a refusal besides, or in place of what does: `{"message": …}`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}  # a misspelt address would meet all

    name: str
    route: str = "POST /chats/create"
    group_name: str | None = None
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
        return on_route and self.group_name in (None, call.group_name) and not self.is_spent

    def strike(self) -> None:
        """Count a call; a rate limit of some seconds begins with its first one and goes by the clock."""
        if self.name == "rate_limit" and self.seconds is not None:
            self.ends_at = self.ends_at or time.time() + self.seconds
        elif self.times is not None:
            self.times -= 1

    def answer(self) -> Answer | None:
        """Make the answer that it puts in place of the real one."""
        if self.name == "rate_limit":
            ends_at = self.ends_at or time.time() + 1
            moment = math.ceil(ends_at if self.header == "X-RateLimit-Reset" else ends_at - time.time())
            headers = {self.header: self.value or str(moment)} if self.header else {}
            return too_many(10).answer(self.says, **headers)
        answer = KINDS[self.name].answer
        return answer.answer(self.says) if isinstance(answer, ApiError) else answer
