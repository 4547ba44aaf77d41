"""Periskope and what stands in front of it: what becomes of a request, and what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from tests.histories.network import Reply, Request

if TYPE_CHECKING:
    from tests.histories.choices import Choices
    from tests.histories.virtual_time import Process, Timeline

Handler = Callable[[Request, re.Match[str]], "tuple[int, Any]"]

READ_BY_POST = {"/message/queues"}

CONNECTIONS = ("made", "refused", "host unknown", "not made in time", "slow", "killed while it is made")


@dataclass(frozen=True)
class Fate:
    """
    What becomes of a request.

    :param works: whether it is carried out: ``at once``, ``late`` or ``never``.
    :param reply: what comes back: ``api`` (what it really says), ``none``, ``dropped``, ``cut``, ``stalls`` or
        ``garbage``; a refusal of the API, or the page of a gateway.
    """

    works: str = "at once"
    reply: str | tuple[int, str, str] = "api"


def page(status: int) -> tuple[int, str, str]:
    """Return the page of something in front of the API."""
    return status, "text/html", f"<html><h1>{status}</h1></html>"


def foreign(status: int) -> tuple[int, str, str]:
    """Return JSON of something in front of the API."""
    return status, "application/json", json.dumps({"error": "not today"})


READING: dict[str, Fate] = {
    "answered": Fate(),
    "dropped": Fate(reply="dropped"),
    "no answer": Fate(reply="none"),
    "HTML 502": Fate(reply=page(502)),
    "HTML 401": Fate(reply=page(401)),
    "HTML 404": Fate(reply=page(404)),
    "HTML 429": Fate(reply=page(429)),
    "cut off": Fate(reply="cut"),
    "stalls": Fate(reply="stalls"),
    "rate limit of 3 s": Fate("never", "limit 3"),
    "rate limit of 40 s": Fate("never", "limit 40"),
    "rate limit of 15 min": Fate("never", "limit 900"),
    "rate limit without a time": Fate("never", "limit"),
    "phone off": Fate("never", "phone off"),
    "killed before it is sent": Fate("never", "killed"),
    "killed as it is answered": Fate("at once", "killed"),
}
"""What can become of a request that only reads."""

CHANGING: dict[str, Fate] = READING | {
    "dropped": Fate("never", "dropped"),
    "dropped after the work": Fate("at once", "dropped"),
    "dropped, then the work": Fate("late", "dropped"),
    "no answer": Fate("never", "none"),
    "no answer, carried out": Fate("at once", "none"),
    "no answer, carried out late": Fate("late", "none"),
    "HTML 502": Fate("never", page(502)),
    "HTML 502 after the work": Fate("at once", page(502)),
    "HTML 504, then the work": Fate("late", page(504)),
    "HTML 401": Fate("never", page(401)),
    "HTML 401 after the work": Fate("at once", page(401)),
    "HTML 404": Fate("never", page(404)),
    "HTML 404 after the work": Fate("at once", page(404)),
    "HTML 429": Fate("never", page(429)),
    "HTML 429 after the work": Fate("at once", page(429)),
    "foreign JSON 429 after the work": Fate("at once", foreign(429)),
    "foreign JSON 401 after the work": Fate("at once", foreign(401)),
    "foreign JSON 403 after the work": Fate("at once", foreign(403)),
    "redirect after the work": Fate("at once", page(302)),
    "HTML 408, then the work": Fate("late", page(408)),
    "not JSON, carried out": Fate("at once", "garbage"),
    "error 500 after the work": Fate("at once", "error 500"),
    "error 500": Fate("never", "error 500"),
    "wrong key": Fate("never", "wrong key"),
    "not found": Fate("never", "not found"),
    "invalid": Fate("never", "invalid"),
    "killed once it is sent": Fate("at once", "killed in flight"),
    "killed once it is sent, carried out late": Fate("late", "killed in flight"),
}
"""What can become of a request that changes something."""

REFUSALS = {
    "phone off": (
        401,
        "UNAUTHORIZED_ERROR",
        "The phone server instance is switched off. Please call /phone/restart",
    ),
    "wrong key": (401, "UNAUTHORIZED_ERROR", "Invalid bearer auth token"),
    "not found": (404, "NOT_FOUND_ERROR", "Chat not found"),
    "invalid": (422, "VALIDATION_ERROR", "Invalid body"),
    "error 500": (500, "UNKNOWN_ERROR", "Internal server error"),
}


class Periskope:
    """
    The API, its clock, and the phones of one organisation.

    :param timeline: the time.
    :param choices: what happens.
    :param tell: notes a step.
    """

    def __init__(self, timeline: Timeline, choices: Choices, tell: Callable[[str], None]) -> None:
        self.timeline, self.choices, self.tell = timeline, choices, tell
        self.requests: list[Request] = []
        self.routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._numbers: dict[str, int] = {}
        pick = choices.pick
        self.clock_ahead = float(pick("API: clock ahead", (0, 25, -25, 600, -600, 86400), 0.3, setting=True))
        self.stamps_ahead = float(pick("API: stamps of groups ahead", (0, -10, -28), 0.3, setting=True))
        self.tells_date = pick("API: Date header", ("there", "missing"), 0.08, setting=True) == "there"
        self.keeps_alive = (
            pick("API: connections", ("closed", "kept alive"), 0.3, setting=True) == "kept alive"
        )

    def route(self, method: str, pattern: str, handler: Handler) -> None:
        """Serve an endpoint."""
        self.routes.append((method, re.compile(pattern), handler))

    def stamp(self, ahead: float = 0.0) -> datetime:
        """Return the time by the clock of the API."""
        return datetime.fromtimestamp(self.timeline.now + self.clock_ahead + ahead, UTC)

    def _number(self, name: str) -> int:
        self._numbers[name] = number = self._numbers.get(name, 0) + 1
        return number

    def fate_of_connection(self, process: Process) -> str:
        """Return what becomes of an attempt to connect."""
        name = f"{process.name}, connection {self._number(f'{process.name} connects')}"
        fate = str(self.choices.pick(f"{name}: connecting", CONNECTIONS, 0.03))
        if fate != "made":
            self.tell(f"{process.name}: connection {fate}")
        return fate

    def receive(
        self,
        process: Process,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        body: Any,
    ) -> Reply:
        """Take a request; it may be carried out now, later or never."""
        request = Request(
            process, self._number(process.name), method, path, query, headers, body, self.timeline.now
        )
        self.requests.append(request)
        changes = method == "POST" and path not in READ_BY_POST
        fates = CHANGING if changes else READING
        chosen = str(
            self.choices.pick(
                f"{request.name}: {'POST' if changes else 'GET'}", tuple(fates), 0.35 if changes else 0.05
            )
        )
        fate = fates[chosen]
        self.tell(f"{process.name}: {method} {path}" + ("" if chosen == "answered" else f", {chosen}"))
        if fate.reply == "killed":
            if fate.works == "never":
                request.ended_at = self.timeline.now
                self.requests.remove(request)
                process.die()
            self._handle(request)
            request.ended_at = self.timeline.now
            process.die()
        took = float(self.choices.pick(f"{request.name}: seconds it takes", (1, 0.2, 5, 30), 0.15))
        answer: tuple[int, Any] = (200, None)
        if fate.works == "late":
            wait = float(self.choices.pick(f"{request.name}: work comes after", (20, 5, 45, 70, 110), 0.7))
            self.timeline.after(wait, lambda: self._handle(request))
        elif fate.works == "at once":
            answer = self._handle(request)
        if fate.reply == "killed in flight":
            self.timeline.after(
                float(self.choices.pick(f"{request.name}: killed after", (0.5, 10, 40))), process.kill
            )
        reply = self._reply(fate, answer, took, request)
        reply.request = request
        return reply

    def _handle(self, request: Request) -> tuple[int, Any]:
        for method, pattern, handler in self.routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                return handler(request, match)
        raise NotImplementedError(f"{request.method} {request.path}")

    def _reply(self, fate: Fate, answer: tuple[int, Any], took: float, request: Request) -> Reply:
        match fate.reply:
            case "none" | "killed in flight":
                return Reply(float("inf"))
            case "dropped":
                return Reply(took)
            case "garbage":
                return self._answer(took, 200, "it worked", kind="text/plain")
            case (status, kind, text):
                reply = self._answer(took, status, text, kind=kind, by_api=False)
                if status == 302:
                    reply.headers["Location"] = "https://elsewhere.example"
                if status == 429:
                    wait = self.choices.pick(f"{request.name}: gateway's Retry-After", ("none", 5, 60))
                    reply.headers |= {} if wait == "none" else {"Retry-After": str(wait)}
                return reply
            case "api" | "cut" | "stalls":
                reply = self._answer(took, answer[0], json.dumps(answer[1]))
                if fate.reply != "api":
                    reply.body = reply.body[:-9]
                    reply.ends = "dropped" if fate.reply == "cut" else "stalls"
                return reply
            case str(text) if text.startswith("limit"):
                return self._rate_limit(took, text.removeprefix("limit").strip(), request)
            case str(text):
                return self._error(took, *REFUSALS[text])
        raise AssertionError(fate)

    def _rate_limit(self, took: float, seconds: str, request: Request) -> Reply:
        reply = self._error(took, 429, "RATE_LIMIT_ERROR", "You can only make 10 requests per second")
        if seconds:
            form = self.choices.pick(
                f"{request.name}: reset given", ("as a moment", "Retry-After", "in ms"), 0.4
            )
            reset = self.timeline.now + took + self.clock_ahead + float(seconds)
            reply.headers |= {
                "as a moment": {"X-RateLimit-Reset": f"{reset:.0f}"},
                "Retry-After": {"Retry-After": seconds},
                "in ms": {"X-RateLimit-Reset": f"{reset * 1000:.0f}"},
            }[str(form)]
        return reply

    def _error(self, took: float, status: int, code: str, message: str) -> Reply:
        return self._answer(took, status, json.dumps({"code": code, "message": message, "status": status}))

    def _answer(
        self, took: float, status: int, text: str, *, kind: str = "application/json", by_api: bool = True
    ) -> Reply:
        body = text.encode()
        headers = {"Content-Type": kind, "Content-Length": str(len(body))}
        headers["Connection"] = "keep-alive" if self.keeps_alive else "close"
        if by_api:
            headers["x-periskope-trace-id"] = f"trace-{len(self.requests)}"
        if self.tells_date:
            # A gateway has a clock of its own.
            moment = self.timeline.now + took + (self.clock_ahead if by_api else 0)
            headers["Date"] = formatdate(moment, usegmt=True)
        return Reply(took, status, headers, body)
