"""How the scripts tell the person at the terminal what goes on."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A copy, so that it stays the terminal where a script sends all other output to a log.
TERMINAL = os.fdopen(os.dup(1), "w")


def tell(line: str) -> None:
    """Say a line to the person."""
    print(line, file=TERMINAL, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, show every other second that it goes on, and how long it took."""
    started = time.monotonic()
    ended = threading.Event()

    def show_life() -> None:
        while not ended.wait(2):
            print(".", end="", file=TERMINAL, flush=True)

    print(f"{what} ", end="", file=TERMINAL, flush=True)
    life = threading.Thread(target=show_life, daemon=True)
    life.start()
    try:
        yield
    finally:
        ended.set()
        life.join()
        tell(f" {time.monotonic() - started:.0f} s")
