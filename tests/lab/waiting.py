"""Waiting for what other processes do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(check: Callable[[], bool], seconds: float, what: str, *, every: float = 0.5) -> float:
    """Wait until something is so, and return how long it took."""
    start = time.monotonic()
    while not check():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}")
        time.sleep(every)
    return time.monotonic() - start
