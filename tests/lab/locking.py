"""One process at a time for what several checks share: Debian's packages, and the environments in ``.cache``."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait until no other process holds this file, and hold it meanwhile.

    :param file: the file; it is made when it is missing, and stays
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        # The lock ends with its process, whatever ends that.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
