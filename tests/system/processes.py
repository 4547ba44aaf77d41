"""The processes of an installation, read from Linux's /proc and killed by id."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def parent(pid: int) -> int | None:
    """Return the parent of a process, or nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in brackets and may hold spaces; state and parent follow it.
    return int(stat.rpartition(")")[2].split()[1])


def lineage(pid: int, *, below: int) -> list[int]:
    """Return a process and its ancestors, up to but without ``below``; empty when that is no ancestor of it."""
    line = []
    current: int | None = pid
    while current not in (None, 0, 1, below):
        line.append(current)
        current = parent(current)
    return line if current == below else []


def processes_with(variable: str, value: str) -> list[int]:
    """Return the processes that were started with this environment variable."""
    needle = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def send(signal_number: signal.Signals, *pids: int) -> None:
    """Send a signal to processes, those that are gone left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
