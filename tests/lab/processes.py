"""The processes of an installation, read from Linux's /proc and killed by id."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal


def parent(pid: int) -> int | None:
    """Return the parent of a process, or nothing when it is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def _stat(pid: int) -> list[str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The name stands in brackets and may hold spaces; state, parent, group and session follow it.
    return stat.rpartition(")")[2].split()


def lineage(pid: int, *, below: int) -> list[int]:
    """Return a process and its ancestors, up to but without ``below``; empty when that is no ancestor of it."""
    line = []
    current: int | None = pid
    while current not in (None, 0, 1, below):
        line.append(current)
        current = parent(current)
    return line if current == below else []


def processes_of(sessions: set[int], variable: str, value: str) -> list[int]:
    """
    Return the living processes of these sessions, and those that were started with this environment variable.

    Neither is enough alone: a process can leave its session, and one that renames itself overwrites its environment.
    """
    needle = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        stat = _stat(int(entry.name))
        if not stat or stat[0] == "Z":
            continue
        with contextlib.suppress(OSError):
            if int(stat[3]) in sessions or needle in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def send(signal_number: signal.Signals, *pids: int) -> None:
    """Send a signal to processes, those that are gone left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
