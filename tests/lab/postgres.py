"""A PostgreSQL server of the lab's own, on the loopback, from Debian's package."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab.debian import install

if TYPE_CHECKING:
    from types import TracebackType


class Postgres:
    """A server in a directory of its own, which goes with it.

    It never touches a cluster of the system. PostgreSQL refuses to run as root, so that root lends it to the
    user that came with the package.
    """

    def __init__(self) -> None:
        self._bin = _binaries()
        self._owner = "postgres" if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="periskope-postgres-"))
        self.port = free_port()

    def __enter__(self) -> Self:
        if self._owner:
            account = pwd.getpwnam(self._owner)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        self._run("initdb", "--pgdata", self._data, "--auth", "trust", "--username", "airflow", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": self.port,
            "max_connections": 400,
            # The data live for minutes: nothing is gained by waiting for a disk.
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = " ".join(f"-c {name}={value or repr('')}" for name, value in settings.items())
        log = str(self.directory / "log")
        self._run("pg_ctl", "start", "--wait", "--pgdata", self._data, "--log", log, "--options", options)

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self._run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", self._data, check=False)

    def create_database(self, name: str) -> str:
        """Create an empty database and return its SQLAlchemy address."""
        self.query(f'create database "{name}"', database="postgres")
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/{name}"

    def query(self, sql: str, *, database: str) -> None:
        """Run a statement."""
        self._psql(database, sql)

    def rows(self, sql: str, *, database: str) -> list[dict[str, Any]]:
        """Run a select and return its rows."""
        answer = self._psql(database, f"select coalesce(json_agg(found), '[]') from ({sql}) as found")
        rows: list[dict[str, Any]] = json.loads(answer)
        return rows

    def psql_command(self, database: str) -> list[str]:
        """Return the command line of psql for a database, to which a statement is added."""
        return [
            str(self._bin / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
            "--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--port", str(self.port),
            "--username", "airflow", database,
        ]  # fmt: skip

    def _psql(self, database: str, sql: str) -> str:
        command = [*self.psql_command(database), "--command", sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=os.sep)
        if done.returncode:
            raise ConnectionError(done.stderr.strip())
        return done.stdout

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        # Output goes to files: a server that is started by pg_ctl would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=os.sep, check=False,
                **({"user": self._owner, "group": self._owner, "extra_groups": []} if self._owner else {}),
            )  # fmt: skip
            output.seek(0)
            if check and done.returncode:
                raise RuntimeError(f"{program} failed: {output.read().strip()}")


def free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _binaries() -> Path:
    """Find PostgreSQL's programs, which Debian keeps out of the path, and install them when they are missing."""
    for _ in range(2):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
        if found:
            return found[-1].parent
        on_path = shutil.which("initdb")
        if on_path:
            return Path(on_path).resolve().parent
        install("postgresql")
    raise RuntimeError("The package postgresql brought no initdb.")
