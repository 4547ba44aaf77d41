"""One running Airflow: scheduler, API server and all, as processes of their own that can be killed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab.postgres import Postgres, free_port
from tests.lab.processes import processes_of, send
from tests.lab.rest_api import Api
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.environments import Environment

DAGS = Path(__file__).parent / "dags"
# A task whose process fell silent is failed after this many seconds (Airflow's default is 300).
SILENCE = 30


class Component:
    """One of Airflow's processes, started again when it ends unasked, as a service manager would.

    :param name: a name for it and its log
    :param command: the command line
    :param environment: the environment variables
    :param log: the file that its output goes to
    """

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.starts = 0
        self.wanted = False
        self._command = command
        self._environment = environment
        self._log = log
        self.sessions: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it."""
        self.wanted = True
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, cwd=self._log.parent,
            )  # fmt: skip
        self.sessions.add(self._process.pid)

    def kill(self) -> None:
        """Kill this process alone, with no word to its children, and leave it down."""
        self.wanted = False
        send(signal.SIGKILL, self.pid)
        if self._process:
            self._process.wait()

    def kill_group(self) -> None:
        """Kill it and its children, as the loss of a machine would, and leave it down."""
        self.wanted = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._process:
            self._process.wait()

    def reap(self) -> None:
        """Take note of its end, so that it does not stay in the list of processes."""
        if self._process:
            self._process.poll()

    def ended(self) -> bool:
        """Whether it ended although it should run."""
        return self.wanted and self._process is not None and self._process.poll() is not None


class Airflow:
    """An installation with a home and a database of its own.

    :param environment: the Airflow to run
    :param postgres: the server for the metadata database
    :param settings: further settings, as ``AIRFLOW__SECTION__KEY``
    :param executor: the executor
    :param triggerer: whether to run a triggerer
    """

    def __init__(
        self,
        environment: Environment,
        postgres: Postgres,
        *,
        settings: dict[str, str] | None = None,
        executor: str = "LocalExecutor",
        triggerer: bool = True,
    ) -> None:
        self.environment = environment
        self.release = environment.release
        self.postgres = postgres
        self.home = Path(tempfile.mkdtemp(prefix=f"periskope-airflow-{self.release.version}-"))
        self.dags = self.home / "dags"
        self.dags.mkdir()
        self.logs = self.home / "logs"
        self.logs.mkdir()
        self.received = self.home / "received"
        self.received.mkdir()
        self.database = self.home.name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.variables = self._variables(executor, settings or {})
        self.components = {
            name: self._component(name, arguments) for name, arguments in self._commands(triggerer)
        }
        self.api = Api(self)
        self._watching = threading.Event()
        self.keep = False

    def _variables(self, executor: str, settings: dict[str, str]) -> dict[str, str]:
        database = f"postgresql+psycopg2://airflow@127.0.0.1:{self.postgres.port}/{self.database}"
        secret = secrets.token_hex(32)
        variables = {
            "PATH": f"{self.environment.path / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self.home),
            "LAB_RECEIVED": str(self.received),
            "PYTHONPATH": str(DAGS.parent / "worker"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CORE__EXECUTOR": executor,
            "AIRFLOW__CORE__PARALLELISM": "48",
            "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "48",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # Short periods: the lab waits for a scheduler more often than for a task.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
            # Less, and a scheduler that is short of processor time takes itself for dead and its tasks for orphans.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
        }
        if self.release.has_task_sdk:
            variables |= {
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENCE),
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API__PORT": str(self.port),
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__API__SECRET_KEY": secret,
                "AIRFLOW__API__BASE_URL": self.url,
                "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            }
        else:
            variables |= {
                "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": str(SILENCE),
                "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "5",
                "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
                "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
                "AIRFLOW__WEBSERVER__SECRET_KEY": secret,
                "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
                "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self.port),
                "AIRFLOW__WEBSERVER__BASE_URL": self.url,
                "AIRFLOW__WEBSERVER__WORKERS": "1",
            }
            # Everybody is an administrator here, as with Airflow 3's simple_auth_manager_all_admins.
            (self.home / "webserver_config.py").write_text(
                'AUTH_ROLE_PUBLIC = "Admin"\nWTF_CSRF_ENABLED = False\n'
            )
        return variables | settings

    def _commands(self, triggerer: bool) -> list[tuple[str, list[str]]]:
        # The server of logs would listen on all addresses, on one port for all installations.
        commands = [("scheduler", ["scheduler", "--skip-serve-logs"])]
        if self.release.has_task_sdk:
            commands += [("api-server", ["api-server"]), ("dag-processor", ["dag-processor"])]
        else:
            commands += [("api-server", ["webserver"])]
        if triggerer:
            commands += [("triggerer", ["triggerer", "--skip-serve-logs"])]
        return commands

    def _component(self, name: str, arguments: list[str]) -> Component:
        command = [str(self.environment.airflow), *arguments]
        return Component(name, command, self.variables, self.logs / f"{name}.log")

    def add_component(self, name: str, arguments: list[str], variables: dict[str, str]) -> Component:
        """Start one more process, such as a Celery worker."""
        command = [str(self.environment.airflow), *arguments]
        component = Component(name, command, self.variables | variables, self.logs / f"{name}.log")
        self.components[name] = component
        component.start()
        return component

    def __enter__(self) -> Self:
        try:
            self.postgres.create_database(self.database)
            self.command("db", "migrate")
            self.start_all()
            threading.Thread(target=self._watch, daemon=True).start()
            self.api.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every process that was started with this home, those that lost their parent too."""
        self._watching.set()
        for component in self.components.values():
            component.wanted = False
        for signal_number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            until = time.monotonic() + patience
            send(signal_number, *self._processes())
            while self._processes() and time.monotonic() < until:
                for component in self.components.values():
                    component.reap()
                time.sleep(0.2)
        if not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)

    def _processes(self) -> list[int]:
        sessions = {session for component in self.components.values() for session in component.sessions}
        return processes_of(sessions, "AIRFLOW_HOME", str(self.home))

    def crash(self) -> None:
        """Kill every process with all its children at once, as the loss of the machine would."""
        for component in self.components.values():
            component.wanted = False
        send(signal.SIGKILL, *self._processes())

    def start_all(self) -> None:
        """Start every process again."""
        for component in self.components.values():
            component.start()

    def revive_scheduler(self, patience: float = 20) -> None:
        """Do what a liveness probe does: start the scheduler anew when it hangs.

        That of Airflow 2.11 stops working without the database, and does not end either.
        """
        scheduler = self.components["scheduler"]
        age = "select extract(epoch from now() - max(latest_heartbeat)) as age from job where job_type='SchedulerJob'"
        try:
            wait_until(lambda: self.rows(age)[0]["age"] < patience / 2, patience, "the scheduler to go on")
        except TimeoutError:
            scheduler.kill_group()
            scheduler.start()

    def _watch(self) -> None:
        while not self._watching.wait(1):
            for component in self.components.values():
                if component.ended():
                    component.start()

    def command(self, *arguments: str, variables: dict[str, str] | None = None) -> str:
        """Run a command of Airflow's command line and return its output."""
        done = subprocess.run(
            [str(self.environment.airflow), *arguments], env=self.variables | (variables or {}),
            capture_output=True, text=True, check=False, cwd=self.home,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(
                f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout

    def add_dags(self, file: str | Path, **files: Any) -> None:
        """Put a file of DAGs, of the lab's or any, into the DAGs folder; each keyword becomes a JSON file beside it."""
        for name, content in files.items():
            (self.dags / f"{name}.json").write_text(json.dumps(content))
        # The file comes last and at once, so that a DAG processor does not read half of it.
        name = Path(file).name
        shutil.copy(DAGS / file, self.home / name)
        (self.home / name).rename(self.dags / name)

    def wait_for_dags(self, *dag_ids: str, seconds: float = 90) -> None:
        """Wait until the scheduler knows these DAGs."""

        def known() -> bool:
            return set(dag_ids) <= {row["dag_id"] for row in self.rows("select dag_id from serialized_dag")}

        try:
            wait_until(known, seconds, f"the DAGs of {self.dags} to be read")
        except TimeoutError:
            for row in self.rows("select filename, stacktrace from import_error"):
                print(row["filename"], row["stacktrace"], sep="\n", flush=True)
            raise

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Read the metadata database."""
        return self.postgres.rows(sql, database=self.database)

    def task_instances(self, where: str = "true") -> list[dict[str, Any]]:
        """Read the task instances."""
        table = "task_instance"
        if self.release.keeps_tries_as_rows:
            table = (
                "(select *, region_index as map_index from task_instance where working_set) as task_instance"
            )
        columns = "dag_id, run_id, task_id, map_index, state, try_number, pid, hostname, start_date, end_date"
        return self.rows(f"select {columns} from {table} where {where}")

    def task_log(self, dag_id: str, task_id: str = "") -> str:
        """Return what the tries of a DAG's tasks have logged."""
        logs = sorted(path for path in self.logs.rglob("*.log") if f"dag_id={dag_id}/" in str(path))
        return "\n".join(
            f"--- {log.relative_to(self.logs)}\n{log.read_text(errors='replace')}"
            for log in logs if f"task_id={task_id}" in str(log)
        )  # fmt: skip
