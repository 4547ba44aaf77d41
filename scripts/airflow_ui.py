"""`make airflow`: Airflow's UI with the example DAGs or your own, and the sandbox that they call, until Ctrl+C."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.terminal import step, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_periskope.sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"
AIRFLOW_PORT = 8080
SANDBOX_PORT = 8765
PATIENCE = 180.0
"""Seconds until Airflow must be ready; on two busy cores it takes some forty."""
STOPPING = threading.Event()
DATABASE = Path(__file__).resolve().with_name("airflow_database.py")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AirflowUi:
    """
    Airflow's processes on one machine, without a login.

    :param home: what becomes ``AIRFLOW_HOME``.
    :param port: port of the UI.
    :param dags: folder with the DAGs. The examples start unpaused, any others paused, since they may do more than
        call the sandbox.
    :param python: interpreter of the environment in which Airflow and the provider are installed.
    :param before_3: whether that is Airflow 2.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        *,
        dags: Path = EXAMPLES,
        python: str = sys.executable,
        before_3: bool = False,
    ) -> None:
        self.home = home
        self.dags = dags
        self.logs = home / "output"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.python = python
        self.before_3 = before_3
        listen = ["--port", str(port), "--workers", "1"]
        self.commands = {
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }
        # Settings and connections that the person has for another Airflow must not reach this one.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))
        } | {
            "AIRFLOW_HOME": str(home),
            "PATH": f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": str(dags != EXAMPLES),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        if before_3:
            self.commands["webserver"] = ["webserver", "--hostname", "127.0.0.1", *listen]
            self.environment |= {
                # With SQLite, this one reads no DAG files while a task runs.
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
                "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
                "AIRFLOW__WEBSERVER__BASE_URL": self.url,
                "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_hex(16),
            }
            (home / "webserver_config.py").write_text('AUTH_ROLE_PUBLIC = "Admin"\n')
        else:
            self.commands["dag-processor"] = ["dag-processor"]
            self.commands["api-server"] = ["api-server", "--host", "127.0.0.1", *listen]
            self.environment |= {
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
                "AIRFLOW__API__BASE_URL": self.url,
                "AIRFLOW__API__INSTANCE_NAME": "Periskope provider",
                "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
                "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            }

    def prepare(self, sandbox: Sandbox) -> None:
        """
        Bring the database to its newest form, with the connection and the pool of the examples in it.

        :param sandbox: the sandbox that the connection leads to.
        :raises OSError: if that fails.
        """
        connection = {
            "conn_id": "periskope_default",
            "conn_type": "periskope",
            "description": "The local sandbox",
            "host": "http://127.0.0.1",
            "port": sandbox.port,
            "login": sandbox.phone,
            "password": sandbox.api_key,
        }
        self.start("database", [str(DATABASE), json.dumps(connection), "periskope_sales_phone"])
        if self.parts.pop("database").wait():
            raise OSError(f"Airflow's database could not be prepared, see {self.log('database')}")

    def start_all(self, stopping: threading.Event | None = None) -> None:
        """Start what an Airflow consists of."""
        for name, arguments in self.commands.items():
            if name != "scheduler":
                self.start(name, ["-m", "airflow", *arguments])
        # A task that is started before its API server listens fails.
        patience = time.monotonic() + PATIENCE
        while is_free(self.port) and not self.ended_part() and time.monotonic() < patience:
            if (stopping or threading.Event()).wait(0.5):
                return
        self.start("scheduler", ["-m", "airflow", *self.commands["scheduler"]])

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start one process."""
        with self.log(name).open("wb") as log:
            # A session of its own, so that Ctrl+C reaches it through `stop` alone.
            self.parts[name] = subprocess.Popen(
                [self.python, *arguments],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """
        Call Airflow's REST API.

        :param path: path after its version.
        :raises OSError: if it does not answer, or refuses.
        """
        headers = {"Content-Type": "application/json"}
        if not self.before_3:
            with DIRECT.open(f"{self.url}/auth/token", timeout=60) as answer:
                headers["Authorization"] = f"Bearer {json.load(answer)['access_token']}"
        url = f"{self.url}/api/{'v1' if self.before_3 else 'v2'}{path}"
        data = None if body is None else json.dumps(body).encode()
        with DIRECT.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            return json.load(answer)

    def log(self, part: str) -> Path:
        """Return where the output of a part goes."""
        return self.logs / f"{part}.log"

    def ended_part(self) -> str | None:
        """Return the part that ended by itself, if one has."""
        return next((name for name, process in self.parts.items() if process.poll() is not None), None)

    def is_ready(self) -> bool:
        """Return whether the UI responds and the example DAGs are known; what another folder has is not."""
        wanted = {file.stem for file in self.dags.glob("example_*.py")} if self.dags == EXAMPLES else set()
        with contextlib.suppress(OSError, ValueError):
            return wanted.issubset(dag["dag_id"] for dag in self.api("GET", "/dags")["dags"])
        return False

    def wait_until_ready(self, stopping: threading.Event | None = None) -> str | None:
        """Return what went wrong; ``None`` once it is ready, or somebody stops it."""
        stopping = stopping or threading.Event()
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            if stopping.wait(1) or self.is_ready():
                return None
            if part := self.ended_part():
                return f"Airflow's {part} did not start"
        return f"Airflow was not ready within {PATIENCE:.0f} s"

    def stop(self) -> None:
        """End all parts and what they started; those that do not listen are killed."""
        for process in self.parts.values():
            process.terminate()
        patience = time.monotonic() + 5
        for process in self.parts.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, patience - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> int:
    """Run until somebody stops it; return the exit status."""
    chosen = arguments()
    if not chosen.dags.is_dir():
        tell(f"DAGS={chosen.dags} is not a folder.")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: STOPPING.set())
    for variable, port in (("PORT", chosen.port), ("SANDBOX_PORT", chosen.sandbox_port)):
        if not is_free(port):
            tell(
                f"Port {port} is in use. Stop what listens there, or choose another: make airflow {variable}={port + 1}"
            )
            return 1

    from airflow_provider_periskope.sandbox.server import Sandbox

    with Sandbox(port=chosen.sandbox_port, rate_limit="10/1s") as sandbox:
        # The group that some examples write to.
        sandbox.add_group("On call", chat_id="120363392071406466@g.us")
        home = "ui" if chosen.port == AIRFLOW_PORT else f"ui-{chosen.port}"
        ui = AirflowUi(ROOT / ".airflow" / home, chosen.port, dags=chosen.dags)
        with step("Preparing Airflow's database (longer the first time)"):
            try:
                ui.prepare(sandbox)
            except OSError as error:
                tell(f"\n{error}.")
                return 1
        try:
            with step("Starting Airflow"):
                ui.start_all(STOPPING)
                problem = ui.wait_until_ready(STOPPING)
            if not problem and not STOPPING.is_set():
                first_steps = EXAMPLE_STEPS if ui.dags == EXAMPLES else OWN_STEPS.format(dags=ui.dags)
                tell(
                    WELCOME.format(airflow=ui.url, sandbox=sandbox.url.removesuffix("v1"), steps=first_steps)
                )
                while not STOPPING.wait(1) and not problem:
                    if part := ui.ended_part():
                        problem = f"Airflow's {part} has ended by itself"
        finally:
            with step("Stopping Airflow"):
                ui.stop()
    if problem:
        tell(f"{problem}. What it printed: {ui.logs.relative_to(ROOT)}/")
        return 1
    return 0


WELCOME = """
  Airflow   {airflow}    no login
  sandbox   {sandbox}    the groups it holds, and the requests it received

{steps}

No real phone is involved. Ctrl+C stops everything."""
EXAMPLE_STEPS = """\
Create a group: in Airflow, Dags > example_periskope_create_group > Trigger. Then click the task create_group: its log
says which group it created, Storage > XCom has the chat ID, Details has the link "Join WhatsApp group". The connection
is under Admin > Connections, with its form and a test button. The scheduled examples have already run once."""
OWN_STEPS = """\
The DAGs are those of {dags}. They start paused, and appear within a few seconds; what is wrong with a file is shown
under Dags. The connection periskope_default leads to the sandbox, and so does any other that you give the sandbox's
URL as its host (Admin > Connections)."""


def arguments() -> argparse.Namespace:
    """Read what `make airflow` was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dags", type=lambda path: Path(path).expanduser().resolve(), default=EXAMPLES)
    parser.add_argument("--port", type=int, default=AIRFLOW_PORT)
    parser.add_argument("--sandbox-port", type=int, default=SANDBOX_PORT)
    return parser.parse_args()


def is_free(port: int) -> bool:
    """Return whether a port of the loopback can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
