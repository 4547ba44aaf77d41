"""
A thousand sensors that wait in one triggerer, each with a read a minute, beside HttpSensor's trigger.

The triggers run in an event loop of their own process, which has imported what a triggerer imports; what the triggerer
itself does is the same for both and left out. Every read finds that it has to go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from benchmarks.calls import connections
from benchmarks.loopback import GROUP, take_seen
from benchmarks.measuring import Figures, Samples, in_fresh_process, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

SENSORS = 1000
POKE_INTERVAL = 60.0
SECONDS = 125
"""How long they wait: two intervals, and some."""

HEARTBEAT = 0.005
"""Seconds between two looks at whether the event loop still turns."""


def measure(url: str, repetitions: int) -> Samples:
    """Let both kinds of trigger wait, each in a process of its own."""
    return in_turn(
        {kind: lambda kind=kind: in_fresh_process(f"{__name__}:wait", url, kind) for kind in KINDS},  # type: ignore[misc]
        repetitions,
    )


def ours() -> Any:
    """Return a trigger of ours."""
    from airflow_provider_periskope.triggers.group import PeriskopeGroupMembersTrigger

    return PeriskopeGroupMembersTrigger(
        chat_id=GROUP,
        people=[],
        at_least=5,
        periskope_conn_id="periskope_default",
        phone=None,
        poke_interval=POKE_INTERVAL,
        end_at=datetime.now(UTC) + timedelta(days=3),
    )


def theirs() -> Any:
    """Return a trigger of HttpSensor, for something that is not there yet."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return HttpSensorTrigger(endpoint="v1/not-yet", http_conn_id="http_default", poke_interval=POKE_INTERVAL)


KINDS: dict[str, Callable[[], Any]] = {"ours": ours, "HttpSensorTrigger": theirs}


def wait(url: str, kind: str) -> Figures:
    """Run the triggers for some time."""
    os.environ.update(connections(url))
    take_seen(url)
    return asyncio.run(_wait(url, KINDS[kind]))


async def _wait(url: str, make: Callable[[], Any]) -> Figures:
    # What a triggerer has imported before its first trigger.
    import airflow.jobs.triggerer_job_runner  # noqa: F401

    # Before the import of the trigger, some of which ours leaves until it reads.
    cpu = time.process_time()
    triggers = [make() for _ in range(SENSORS)]
    # Where a log goes to, and what that takes, is up to the triggerer. Importing Airflow has switched it on.
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(HEARTBEAT)
            longest = max(longest, time.perf_counter() - before - HEARTBEAT)

    running = [asyncio.create_task(_first(trigger)) for trigger in triggers]
    watching = asyncio.create_task(watch())
    await asyncio.sleep(SECONDS)
    cpu = time.process_time() - cpu
    done = [task for task in running if task.done()]
    for task in (*running, watching):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*running, watching, return_exceptions=True)
    if done:
        raise SystemExit(f"{len(done)} triggers have ended")
    seen = await asyncio.to_thread(take_seen, url)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": cpu, "blocked": longest, "memory": memory, "requests": seen["requests"]}


async def _first(trigger: Any) -> Any:
    async for event in trigger.run():
        return event
    return None
