"""Many histories, one after the other, and what was in them."""

from __future__ import annotations

import gc
import logging
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import requests

from tests.histories.history import History, World, play, shrink
from tests.histories.messages import WorldOfMessages
from tests.histories.people import WorldOfPeople

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.histories.choices import Value

CONNECTION = {
    "conn_type": "periskope",
    "login": "918527184400",
    "password": "key",
    "host": "http://127.0.0.1:9",
}


@dataclass
class Played:
    """What came of many histories."""

    count: int = 0
    violations: list[History] = field(default_factory=list)
    exempted: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, Value]] = field(default_factory=Counter)
    options: dict[str, set[Value]] = field(default_factory=dict)
    kind: type[World] = World

    def add(self, other: Played) -> None:
        """Add what came of others."""
        self.count += other.count
        self.violations += other.violations
        self.exempted.update(other.exempted)
        self.counts.update(other.counts)
        for what, options in other.options.items():
            self.options[what] = self.options.get(what, set()) | options


class QuickSession(requests.Session):
    """A session without what takes half of the time: cookies, redirects and hooks, none of which the provider uses."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request, and read the response to its end."""
        del options["allow_redirects"]
        response = self.get_adapter(request.url).send(request, stream=False, verify=False, **options)
        assert response.content is not None
        return response


SMALLER = {"PAGE_SIZE": 6, "PAGE_OVERLAP": 2, "LOOK_PAUSES": (30.0,), "MESSAGES_IN_A_PAGE": 4}
"""What is large in life: chats and messages in a page, and how often a look is repeated."""

KINDS: dict[str, type[World]] = {"groups": World, "messages": WorldOfMessages, "people": WorldOfPeople}


@cache
def import_what_a_task_imports() -> None:
    """Play the simplest history of each kind; to be called when all else is ready."""
    for kind in KINDS.values():
        play(fixed={}, kind=kind)


@contextmanager
def ready() -> Iterator[None]:
    """Let the worker have its connection, no proxy and a quiet log, and make small what is large in life."""
    from airflow.models.connection import Connection

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.operators.base import PeriskopeOperator

    connection = Connection(conn_id="periskope_default", **CONNECTION)
    quiet = logging.getLogger(__name__)
    with ExitStack() as stack:

        def replace(owner: Any, name: str, value: Any) -> None:
            stack.enter_context(mock.patch.object(owner, name, value))

        replace(PeriskopeHook, "get_connection", classmethod(lambda cls, conn_id: connection))
        replace(PeriskopeHook, "log", quiet)
        replace(PeriskopeOperator, "log", quiet)
        replace(requests, "Session", QuickSession)
        replace(requests.sessions, "get_environ_proxies", lambda url, no_proxy=None: {})
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        import_what_a_task_imports()
        for module in [
            module for name, module in sys.modules.items() if name.startswith("airflow_provider_periskope")
        ]:
            for name, value in SMALLER.items():
                if hasattr(module, name):
                    replace(module, name, value)
        gc.freeze()
        gc.disable()  # a fifth of the time; between histories is often enough
        stack.callback(gc.unfreeze)
        stack.callback(gc.enable)
        yield


def play_many(
    seed: int,
    count: int,
    *,
    stop_after: int = 1,
    fixed: Mapping[str, Value] | None = None,
    without: frozenset[tuple[str, Value]] = frozenset(),
    shrinks: bool = True,
    kind: type[World] = World,
) -> Played:
    """
    Play histories of consecutive seeds.

    :param stop_after: number of violations after which to stop.
    :param fixed: choices that are given in all of them.
    :param without: what never happens, see :class:`~tests.histories.choices.Choices`.
    :param shrinks: whether violations are shrunk.
    :param kind: what the tasks create.
    """
    played = Played(kind=kind)
    with ready():
        for number in range(seed, seed + count):
            history = play(number, fixed, without, kind)
            violations = [shrink(history) if shrinks else history] if history.violation else []
            played.add(
                Played(1, violations, Counter(history.exempted), history.counts, dict(history.options))
            )
            if len(played.violations) >= stop_after:
                break
            if played.count % 200 == 0:
                gc.collect()
    return played


HAPPENS = {
    "Airflow": (
        "backfill goes on", "cleared while finished", "cleared while it runs", "cleared while running", "deferred",
        "end of an old process", "rescheduled", "retried", "taken for dead",
    ),
    "state of the record": (
        "none to sent", "none to unsent", "none to done", "unsent to sent", "unsent to done", "sent to unsent",
        "sent to sent", "sent to looked", "sent to done", "looked to sent", "looked to done",
    ),
}  # fmt: skip
"""What happens in histories without being a choice."""


def tally(played: Played) -> dict[str, dict[str, int]]:
    """Return how often each thing happened that can happen."""
    counts = {
        what: {str(value): played.counts[what, value] for value in options}
        for what, options in played.options.items()
    }
    for what, options in HAPPENS.items():
        counts[what] = {value: played.counts[what, value] for value in options}
    counts["exempted"] = {name: played.exempted[name] for name in played.kind.exemptions}
    return dict(sorted(counts.items()))


def never(played: Played) -> list[str]:
    """Return what never happened."""
    return [
        f"{what}: {value}"
        for what, values in tally(played).items()
        for value, number in values.items()
        if not number
    ]


def report(played: Played) -> str:
    """Return the tally as text."""
    return "\n".join(
        f"{what}: " + ", ".join(f"{value} {number:,}" for value, number in values.items())
        for what, values in tally(played).items()
    )
