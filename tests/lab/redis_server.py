"""A Redis server of the lab's own, on the loopback, from Debian's package."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import Self

from tests.lab.debian import install
from tests.lab.postgres import free_port


class Redis:
    """A Redis server of the lab's own, in memory, from Debian's package."""

    def __init__(self) -> None:
        if shutil.which("redis-server") is None:
            install("redis-server")
        self.port = free_port()
        self._directory = tempfile.mkdtemp(prefix="periskope-redis-")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", self._directory],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
