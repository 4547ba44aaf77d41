"""Waits in the triggerer until people are in a group. It only reads: several copies may run, and any may be lost."""

from __future__ import annotations

import asyncio
import math
import random
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from airflow_provider_periskope.compat import BaseTrigger
from airflow_provider_periskope.exceptions import PeriskopeError, PeriskopeRateLimitError
from airflow_provider_periskope.membership import Wanted
from airflow_provider_periskope.triggers.events import UnloggedEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.membership import Membership

MOST_FAILURES = 10
"""How many reads in a row may fail."""

SHORTEST_PAUSE = 1.0
"""Seconds between two reads of one trigger, at the least."""

THREADS = 8
"""
How many reads of one connection can be under way in a triggerer. Each connection has threads of its own, so that a
server that does not respond delays nothing but what waits for it.
"""

HOOK_LIFETIME = 60
"""Seconds for which the triggers of a triggerer share a hook, and with it what the Airflow connection says."""


class PeriskopeGroupMembersTrigger(BaseTrigger):
    """
    Read the members of a group from time to time, until enough people are in.

    The event holds ``status`` (``met``, ``timeout`` or ``failed``), ``result`` as the sensor returns it (``None``
    before the first read that succeeds), and for ``failed`` the ``error`` and whether it is ``retryable``.

    :param chat_id: id of the group.
    :param people: who is expected, as digits.
    :param at_least: how many people must be in; ``None`` for all of ``people``.
    :param periskope_conn_id: Airflow connection of type Periskope.
    :param phone: another phone of the organisation than the connection's; ``None`` for that one.
    :param poke_interval: seconds between two reads.
    :param end_at: when to give up.
    :param not_before: when the API accepts requests again; ``None`` if it does.
    """

    def __init__(
        self,
        *,
        chat_id: str,
        people: list[str],
        at_least: int | None,
        periskope_conn_id: str,
        phone: str | None,
        poke_interval: float,
        end_at: datetime,
        not_before: datetime | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.chat_id = chat_id
        self.people = people
        self.at_least = at_least
        self.periskope_conn_id = periskope_conn_id
        self.phone = phone
        self.poke_interval = poke_interval
        self.end_at = end_at
        self.not_before = not_before

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments, from which any triggerer can make this trigger again."""
        names = (
            "chat_id",
            "people",
            "at_least",
            "periskope_conn_id",
            "phone",
            "poke_interval",
            "end_at",
            "not_before",
        )
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[UnloggedEvent]:
        """Sleep, read, and so on, until there is something to report."""
        wanted = Wanted(self.people, self.at_least)
        interval = max(self.poke_interval, SHORTEST_PAUSE)
        result: dict[str, Any] | None = None
        failures = 0
        # The sensor has just read the group. And triggers that a triggerer starts together must not read together.
        pause = interval * random.uniform(0.5, 1)  # noqa: S311
        asked_for = (self.not_before - datetime.now(UTC)).total_seconds() if self.not_before else 0.0
        while True:
            left = (self.end_at - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.0, min(_until_others_read(max(pause, asked_for)), left)))
            if asked_for > left:
                yield _event("timeout", result)
                return
            pause, asked_for = interval, 0.0
            try:
                membership = await self._read(longest=max(0.0, left) + interval)
            except PeriskopeRateLimitError as limit:
                asked_for = limit.retry_after
                self.log.info(
                    "API rate limit reached. The next read follows in %.0f s.", max(pause, asked_for)
                )
            except (
                Exception
            ) as error:  # The task ends with it, in place of a traceback in the triggerer's log.
                failures += 1
                retryable = not isinstance(error, PeriskopeError) or error.retryable
                self.log.warning("Reading the group failed (%d in a row): %s", failures, _first_line(error))
                if failures >= MOST_FAILURES or not retryable:
                    said = f"{type(error).__name__}: {error}"
                    yield _event("failed", result, error=said, retryable=retryable)
                    return
            else:
                failures, before, result = 0, result, wanted.result(membership)
                if result != before:
                    self.log.info("%s.", wanted.describe(result))
                if wanted.is_met_by(membership):
                    yield _event("met", result)
                    return
            if datetime.now(UTC) >= self.end_at:
                yield _event("timeout", result)
                return

    async def _read(self, longest: float) -> Membership:
        """Read the group in a thread of the connection's own."""
        # Not wait_for: before Python 3.12 it can lose the cancellation with which a triggerer stops.
        async with asyncio.timeout(longest):
            hook = await _shared_hook(self.periskope_conn_id, self.phone)
            # With its context, by which a triggerer sorts log lines into the logs of tasks.
            return await asyncio.get_running_loop().run_in_executor(
                _threads(self.periskope_conn_id), copy_context().run, hook.get_membership, self.chat_id
            )


_Hooks: TypeAlias = "dict[tuple[str, str | None], tuple[float, PeriskopeHook]]"
_hooks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hooks] = WeakKeyDictionary()
"""When each hook was made, and the hook; by the event loop, of which a triggerer has one, and a test its own."""


async def _shared_hook(conn_id: str, phone: str | None) -> PeriskopeHook:
    """Return a hook that the triggers of this triggerer share for a while."""
    loop = asyncio.get_running_loop()
    hooks = _hooks.setdefault(loop, {})
    made_at, hook = hooks.get((conn_id, phone), (0.0, None))
    if hook and loop.time() - made_at <= HOOK_LIFETIME:
        return hook
    if hook:  # The others go on with it meanwhile.
        hooks[conn_id, phone] = (loop.time(), hook)
    from asgiref.sync import sync_to_async

    # In a thread of asgiref, Airflow can read a connection on each release.
    connect = sync_to_async(_connect, thread_sensitive=False, executor=_threads(conn_id))
    try:
        hook = await connect(conn_id, phone)
    except BaseException:
        hooks.pop((conn_id, phone), None)
        raise
    hooks[conn_id, phone] = (loop.time(), hook)
    return hook


def _connect(conn_id: str, phone: str | None) -> PeriskopeHook:
    # Imported in the thread: it would block the event loop.
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

    hook = PeriskopeHook(conn_id, phone=phone)
    hook.settings  # noqa: B018  # Reads the connection, which is only possible here.
    return hook


@cache
def _threads(conn_id: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"periskope-{conn_id}")


def _until_others_read(pause: float) -> float:
    """Return a pause, longer by up to a second, at whose end others read too: together, reads take less time."""
    now = asyncio.get_running_loop().time()
    return math.ceil((now + pause) / SHORTEST_PAUSE) * SHORTEST_PAUSE - now


def _event(status: str, result: dict[str, Any] | None, **more: Any) -> UnloggedEvent:
    return UnloggedEvent(payload={"status": status, "result": result, **more})


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
