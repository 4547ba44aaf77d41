"""Looking for one group among 100,000 chats, against fetching the same pages and parsing their JSON."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.calls import connections
from benchmarks.loopback import CHATS, PHONE
from benchmarks.measuring import Figures, Samples, in_fresh_process, in_turn, timed

if TYPE_CHECKING:
    from collections.abc import Callable


def measure(url: str, repetitions: int) -> Samples:
    """Read the list in fresh processes."""
    in_fresh_process(f"{__name__}:fetch_and_parse", url)  # so that the server has all pages at hand
    return in_turn(
        {
            "ours": lambda: in_fresh_process(f"{__name__}:search", url),
            "json.loads": lambda: in_fresh_process(f"{__name__}:fetch_and_parse", url),
        },
        repetitions,
    )


def search(url: str) -> Figures:
    """Look for the oldest group."""
    os.environ.update(connections(url))
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import NewGroup
    from airflow_provider_periskope.once.group import OneGroup

    hook = PeriskopeHook()
    hook.get_conn()

    def look() -> None:
        group = NewGroup(group_name=f"Seeded group {CHATS:06}", participants=[PHONE])
        if not OneGroup(hook, group, if_exists="reuse").look(None, last=True):
            raise SystemExit("found no group")

    return _timed_with_memory(look)


def fetch_and_parse(url: str) -> Figures:
    """Fetch the pages that a search fetches."""
    os.environ.update(connections(url))
    from airflow_provider_periskope.api.chat_list import PAGE_OVERLAP, PAGE_SIZE
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

    session = PeriskopeHook().get_conn()
    # Up to the end, where nothing new is told, and the first page once more.
    offsets = [*range(0, CHATS, PAGE_SIZE - PAGE_OVERLAP), CHATS - PAGE_OVERLAP, 0]

    def fetch() -> None:
        for offset in offsets:
            query: dict[str, str | int] = {"offset": offset, "limit": PAGE_SIZE, "chat_type": "group"}
            json.loads(session.get(f"{url}/v1/chats", params=query, timeout=60).content)

    return _timed_with_memory(fetch)


def _timed_with_memory(function: Callable[[], object]) -> Figures:
    gc.collect()
    base = _resident()
    figures = timed(function)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {**figures, "memory": float(peak - base)}


def _resident() -> int:
    """Return the memory that this process holds now; not known but on Linux, where the peak so far stands in."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(statm.read_text().split()[1]) * resource.getpagesize()
