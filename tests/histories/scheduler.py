"""Airflow: runs, tries and clears, with what each release changes at each of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.operator import ExecutorSafeguard

from tests.histories.virtual_time import Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.histories.choices import Choices
    from tests.histories.virtual_time import Timeline


@dataclass(frozen=True)
class Release:
    """
    What differs between releases of Airflow.

    :param has_store: whether a task has a state store, which outlives its tries; else a long wait is a deferral.
    :param has_run_after: whether a run tells when it was due; 2.11 has the end of its data interval alone.
    :param counts_every_clear: whether a clear counts while its run is still going on.
    :param store_cleared: whether the store is emptied when the task has succeeded.
    """

    has_store: bool = False
    has_run_after: bool = True
    counts_every_clear: bool = True
    store_cleared: bool = False


RELEASES = {
    "3.3": Release(has_store=True),
    "3.3, clear_on_success": Release(has_store=True, store_cleared=True),
    "2.11": Release(has_run_after=False, counts_every_clear=False),
    "3.1": Release(counts_every_clear=False),
    "3.2": Release(),
}


class StoreError(Exception):
    """Airflow's API server did not take or give a value."""


class PushError(Exception):
    """An XCom could not be pushed."""


@dataclass
class End:
    """How a start of a task ended: ``success``, ``failed`` or ``up for retry``, with its value or error."""

    task: TaskInstance
    process: Process
    moment: float
    state: str
    value: Any = None
    outcome: Any = None
    error: BaseException | None = None


@dataclass
class Run:
    """
    A run of the Dag.

    :param names: names of the groups or texts of the messages, one for each mapped instance; one without mapping.
    :param option: how each is to be created: ``if_exists`` of a group, ``wait_for`` of a message.
    """

    number: str
    kind: str
    due_at: float
    names: list[str]
    phone: str
    option: str
    is_mapped: bool
    start_date: float = 0.0
    began_at: float = 0.0
    clear_number: int = 0
    state: str = "queued"
    tasks: dict[int, TaskInstance] = field(default_factory=dict)
    was_relisted_while_running: bool = False


class TaskInstance:
    """A task instance: what Airflow keeps of it, and what it offers to a running try."""

    def __init__(self, airflow: Airflow, run: Run, map_index: int) -> None:
        self.airflow, self.run, self.map_index = airflow, run, map_index
        self.try_number = 0
        self.max_tries = airflow.retries
        self.state = "scheduled"
        self.key = 0  # a new one for each try, as Airflow's id
        self.starts = 0
        self.store: dict[str, str] = {}
        self.xcoms: dict[str, Any] = {}
        self.next: tuple[str, dict[str, Any]] | None = None
        self.first_rescheduled: float | None = None
        self.process: Process | None = None
        self.processes: list[Process] = []

    @property
    def name(self) -> str:
        index = f"[{self.map_index}]" if self.run.is_mapped else ""
        return f"run {self.run.number}{index}"


class StartOfTask:
    """What a running process sees as ``ti`` and as ``task_state_store``: tied to the try that it was started for."""

    def __init__(self, task: TaskInstance, process: Process, operator: Any) -> None:
        self._task, self._process = task, process
        self._airflow, self._key = task.airflow, task.key
        self._writes = self._reads = self._pushes = 0
        self.task = operator
        self.try_number, self.max_tries = task.try_number, task.max_tries
        self.map_index = task.map_index if task.run.is_mapped else -1
        self.dag_id, self.task_id, self.run_id = "dag", "group", f"run {task.run.number}"

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        moment = self._task.first_rescheduled
        return None if moment is None else self._airflow.moment(moment)

    def _is_cut_off(self) -> bool:
        return self._task.key != self._key or self._process in self._airflow.cut_off

    def get(self, key: str, default: Any = None) -> Any:
        process = Process.running()
        self._reads += 1
        fate = self._airflow.choices.pick(
            f"{process.name}, store read {self._reads}: reading the store",
            ("read", "fails", "killed before"),
            0.02,
        )
        if fate == "killed before":
            self._airflow.tell(f"{process.name}: killed before it reads the store")
            process.die()
        if fate == "fails" or self._is_cut_off():
            self._airflow.tell(f"{process.name}: store cannot be read")
            raise StoreError("cannot be read")
        return json.loads(self._task.store[key]) if key in self._task.store else default

    def set(self, key: str, value: Any) -> None:
        process = Process.running()
        self._writes += 1
        where = f"{process.name}, store write {self._writes}"
        seconds = float(self._airflow.choices.pick(f"{where}: seconds a write takes", (0, 3, 20), 0.1))
        if seconds:
            self._airflow.timeline.sleep(seconds)
        fate = self._airflow.choices.pick(
            f"{where}: writing the store",
            ("written", "fails", "written, but it fails", "killed before", "killed after"),
            0.06,
        )
        if fate != "written":
            self._airflow.tell(f"{process.name}: store write {self._writes} {fate}")
        if fate == "killed before":
            process.die()
        if fate == "fails" or self._is_cut_off():
            raise StoreError("cannot be written")
        self._airflow.note_state(self._task, process, value)
        self._task.store[key] = json.dumps(value)
        if fate == "killed after":
            process.die()
        if fate == "written, but it fails":
            raise StoreError("cannot be written")

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        process = Process.running()
        self._pushes += 1
        fate = self._airflow.choices.pick(
            f"{process.name}, push {self._pushes}: pushing an XCom",
            ("pushed", "fails", "killed before", "killed after"),
            0.03,
        )
        if fate != "pushed":
            self._airflow.tell(f"{process.name}: push of {key} {fate}")
        if fate == "killed before":
            process.die()
        if fate == "fails" or self._is_cut_off():
            raise PushError(key)
        self._task.xcoms[key] = json.loads(json.dumps(value))
        if fate == "killed after":
            process.die()


class Airflow:
    """
    The scheduler and the workers.

    :param operator_for: makes the task of a run for a name.
    :param run_finished: told of each run that has finished.
    """

    def __init__(
        self,
        timeline: Timeline,
        choices: Choices,
        tell: Callable[[str], None],
        operator_for: Callable[..., Any],
        run_finished: Callable[[Run], None],
    ) -> None:
        self.timeline, self.choices, self.tell = timeline, choices, tell
        self._operator_for, self._run_finished = operator_for, run_finished
        self.release_name = str(choices.pick("Airflow: release", tuple(RELEASES), 0.75, setting=True))
        self.release = RELEASES[self.release_name]
        self.clock_ahead = float(choices.pick("scheduler: clock ahead", (0, 85, -85), 0.3, setting=True))
        self.retries = int(choices.pick("Dag: retries", (2, 0, 1, 4), 0.4, setting=True))
        self.retry_delay = float(choices.pick("Dag: retry_delay", (300, 0, 30), 0.5, setting=True))
        self.runs: list[Run] = []
        self.ends: list[End] = []
        self.cut_off: set[Process] = set()
        self.recorded_as_sent: list[tuple[Process, float]] = []
        self.starts_of: dict[Process, tuple[TaskInstance, str]] = {}
        self.start_moments: dict[Process, float] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    def moment(self, timestamp: float) -> datetime:
        """Return a moment as Airflow's database has it."""
        return datetime.fromtimestamp(timestamp, UTC)

    @property
    def now(self) -> float:
        """The scheduler's time."""
        return self.timeline.now + self.clock_ahead

    def _count(self, what: str, kind: str = "Airflow") -> None:
        self.counts[kind, what] += 1

    def note_state(self, task: TaskInstance, process: Process, record: dict[str, Any]) -> None:
        """Count from which state to which a record goes; of another group than before, it begins anew."""
        if record.get("state") == "sent":
            self.recorded_as_sent.append((process, self.timeline.now))
        before = [json.loads(text) for text in task.store.values()]
        state = next((kept.get("state") for kept in before if kept["identity"] == record["identity"]), "none")
        self._count(f"{state} to {record.get('state')}", "state of the record")

    def start_run(self, run: Run) -> None:
        """Start a run."""
        self.runs.append(run)
        run.state, run.start_date, run.began_at = "running", self.now, self.timeline.now
        self.tell(f"run {run.number} starts ({run.kind})")
        for index in range(len(run.names)):
            run.tasks[index] = TaskInstance(self, run, index)
            self._schedule(run.tasks[index], 1.0)

    def _schedule(self, task: TaskInstance, seconds: float) -> None:
        task.state = "scheduled"
        key = task.key = task.key + 1
        self.timeline.after(seconds, lambda: self._start(task, key))

    def _start(self, task: TaskInstance, key: int) -> None:
        if task.state != "scheduled" or task.key != key or task.map_index >= len(task.run.names):
            return
        resumed = task.next is not None or task.first_rescheduled is not None
        if not resumed or getattr(task, "is_new_try", False):
            task.try_number += 1
            task.starts = 0
            task.xcoms = {}
        task.is_new_try = False  # type: ignore[attr-defined]
        task.starts += 1
        task.state = "running"
        name = f"{task.name} try {task.try_number}" + (f" start {task.starts}" if task.starts > 1 else "")
        pick = self.choices.pick
        ahead = float(pick(f"{name}: worker's clock ahead", (0, 2, 85, -85), 0.3))
        process = Process(
            self.timeline, name, ahead, lambda: self._work(task, process),
            lambda value, error: self._ended(task, process, value, error),
        )  # fmt: skip
        task.process = process
        task.processes.append(process)
        group_name = task.run.names[task.map_index]
        self.starts_of[process] = (task, group_name)
        self.start_moments[process] = self.timeline.now
        self._watch(task, process, task.key)
        trouble = pick(
            f"{name}: trouble",
            ("none", "killed at 1 s", "killed at 15 s", "killed at 70 s", "fails before it begins", "cut off at 0.5 s",
             "cut off at 20 s"),
            0.12,
        )  # fmt: skip
        if trouble != "none":
            self.tell(f"{name}: {trouble}")
        what, _, when = str(trouble).rpartition(" at ")
        if what == "killed":
            self.timeline.after(float(when.removesuffix(" s")), process.kill)
        elif what == "cut off":
            self.timeline.after(float(when.removesuffix(" s")), lambda: self._cut_off(task, process, key))
        process.fails_first = trouble == "fails before it begins"  # type: ignore[attr-defined]
        process.go_on()

    def _cut_off(self, task: TaskInstance, process: Process, key: int) -> None:
        """Let the worker lose Airflow: its heartbeats stop, and after five minutes the scheduler gives the try up."""
        if process.is_dead:
            return
        self.cut_off.add(process)
        lives = float(self.choices.pick(f"{process.name}: killed once cut off for", (60, 200, 290, 330), 0.7))
        self.timeline.after(lives, process.kill)
        self.timeline.after(305, lambda: self._given_up(task, process, key))

    def _watch(self, task: TaskInstance, process: Process, key: int) -> None:
        """See to it that the end of a killed process is noticed."""
        notice = float(self.choices.pick(f"{process.name}: a kill is noticed after", (5, 310), 0.4))

        def look() -> None:
            if task.key != key or task.process is not process:
                return
            if process.is_dead and task.state == "running" and process not in self.cut_off:
                self.timeline.after(notice, lambda: self._given_up(task, process, key))
            elif task.state == "running":
                self.timeline.after(5, look)

        self.timeline.after(1, look)

    def _given_up(self, task: TaskInstance, process: Process, key: int) -> None:
        if task.key == key and task.process is process and task.state == "running":
            self.tell(f"{process.name}: taken for dead")
            self._count("taken for dead")
            keeps = task.starts > 1 and not self.release.has_store and self.choices.pick(
                f"{process.name}: what the deferral carried", ("is gone", "reaches the next try")
            ) != "is gone"  # fmt: skip
            self._failed(task, StoreError("killed"), keeps_deferral=keeps)

    def _work(self, task: TaskInstance, process: Process) -> Any:
        run, release = task.run, self.release
        operator = self._operator_for(
            self.starts_of[process][1], run.phone, run.option, self.retries, self.retry_delay
        )
        ti = StartOfTask(task, process, operator)
        dag_run = SimpleNamespace(
            run_id=f"run {run.number}", run_type=run.kind, start_date=self.moment(run.start_date),
            clear_number=run.clear_number, data_interval_start=self.moment(run.due_at - 86400),
            data_interval_end=self.moment(run.due_at), logical_date=self.moment(run.due_at - 86400),
        )  # fmt: skip
        if release.has_run_after:
            dag_run.run_after = self.moment(run.due_at)
            if run.kind == "manual":
                dag_run.data_interval_start = dag_run.data_interval_end = dag_run.logical_date = None
        context: dict[str, Any] = {"ti": ti, "task_instance": ti, "dag_run": dag_run, "task": operator}
        if release.has_store:
            context["task_state_store"] = ti
        if process.fails_first:  # type: ignore[attr-defined]
            raise StoreError("the connection's secrets backend is away")
        if task.next:
            method, arguments = task.next
            task.next = None if release.has_store else task.next
            value = getattr(operator, method)(context, **arguments)
        else:
            # As Airflow calls it: without this it warns that somebody else does.
            started_by_airflow = {f"{type(operator).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
            value = operator.execute(context, **started_by_airflow)
        ti.xcom_push("return_value", value)
        return value

    def _ended(self, task: TaskInstance, process: Process, value: Any, error: BaseException | None) -> None:
        if task.process is not process or task.state != "running":
            self._count("end of an old process")
            return
        if process in self.cut_off:
            return
        kind = type(error).__name__
        if error is None:
            self._success(task, value)
        elif kind == "TaskDeferred":
            trigger = error.trigger  # type: ignore[attr-defined]
            moment = trigger.until.timestamp()
            task.next = (error.method_name, {"event": json.loads(json.dumps(trigger.carried))})  # type: ignore[attr-defined]
            self._count("deferred")
            self._wait(task, moment - process.clock_ahead)
        elif kind == "AirflowRescheduleException":
            moment = error.reschedule_date.timestamp()  # type: ignore[attr-defined]
            task.first_rescheduled = task.first_rescheduled or self.now
            self._count("rescheduled")
            self._wait(task, moment - process.clock_ahead)
        elif kind == "AirflowFailException":
            self._finish(task, "failed", error=error)
        else:
            self._failed(task, error)

    def _wait(self, task: TaskInstance, moment: float) -> None:
        self.tell(f"{task.name}: waits {moment - self.timeline.now:.0f} s without a slot")
        first = task.first_rescheduled
        self._schedule(task, moment - self.timeline.now)
        task.first_rescheduled = first

    def _success(self, task: TaskInstance, value: Any) -> None:
        if self.release.store_cleared:
            task.store = {}
        self._finish(task, "success", value=value)

    def _failed(
        self, task: TaskInstance, error: BaseException | None, *, keeps_deferral: bool = False
    ) -> None:
        if task.try_number > task.max_tries:
            self._finish(task, "failed", error=error)
            return
        self.ends.append(End(task, task.process, self.timeline.now, "up for retry", error=error))
        self.tell(f"{task.name}: {_told(error)}; up for retry")
        self._next_try(task, self.retry_delay, keeps_deferral=keeps_deferral)

    def _next_try(self, task: TaskInstance, seconds: float, *, keeps_deferral: bool = False) -> None:
        task.first_rescheduled = None
        task.is_new_try = True  # type: ignore[attr-defined]
        if not keeps_deferral:
            task.next = None
        late = float(self.choices.pick(f"{task.name} try {task.try_number}: next try late by", (1, 40), 0.2))
        self._schedule(task, seconds + late)
        self._count("retried")

    def _finish(
        self, task: TaskInstance, state: str, *, value: Any = None, error: BaseException | None = None
    ) -> None:
        task.state = state
        end = End(task, task.process, self.timeline.now, state, value, task.xcoms.get("outcome"), error)
        self.ends.append(end)
        self.tell(f"{task.name}: {state}, " + (f"{value} {end.outcome}" if error is None else _told(error)))
        tasks = [task for index, task in task.run.tasks.items() if index < len(task.run.names)]
        if all(task.state in ("success", "failed") for task in tasks):
            task.run.state = "finished"
            self._run_finished(task.run)

    def clear(self, run: Run, names: list[str] | None = None, *, how: str = "clear") -> None:
        """
        Clear all tasks of a run.

        :param names: another list to map over, if the task that makes it is cleared, too.
        :param how: ``clear``, or ``mark failed first`` of tasks that are running.
        """
        self.tell(f"run {run.number} is cleared" + (f" ({how})" if how != "clear" else ""))
        self._count(f"cleared while {run.state}")
        was_finished = run.state == "finished"
        if was_finished:
            run.state, run.clear_number = "running", run.clear_number + 1
            self.timeline.after(1, lambda: setattr(run, "start_date", self.now))
        elif self.release.counts_every_clear:
            run.clear_number += 1
        if names is not None:
            self.tell(f"  and maps over {names}")
            run.names = names
            run.was_relisted_while_running |= not was_finished
        for task in run.tasks.values():
            self._clear(task, how)
        for index in range(len(run.names)):
            if index not in run.tasks:
                run.tasks[index] = TaskInstance(self, run, index)
                self._schedule(run.tasks[index], 3.0)

    def _clear(self, task: TaskInstance, how: str) -> None:
        process = task.process
        if task.state == "running" and process is not None and not process.is_dead:
            stopped = float(self.choices.pick(f"{process.name}: stopped after its clear by", (1, 9), 0.5))
            self.timeline.after(stopped, process.kill)
            self._count("cleared while it runs")
            if how == "clear":
                # Restarting: the next try waits until this one has stopped.
                key = task.key = task.key + 1
                task.state = "restarting"

                def stopped_now() -> None:
                    if task.key == key:
                        if self.release.has_store:
                            task.max_tries = task.try_number + self.retries
                            self._next_try(task, 1)
                        else:
                            self._next_try(task, self.retry_delay)

                self.timeline.after(stopped + 1, stopped_now)
                return
        if task.state == "restarting":
            return
        task.max_tries = task.try_number + self.retries
        self._next_try(task, 3)

    def restart_backfill(self, run: Run) -> None:
        """Go on with a backfill, by the command of 2.11: the run gets a new start, and nothing tells of it."""
        self.tell(f"backfill of run {run.number} goes on")
        self._count("backfill goes on")
        run.start_date = self.now


def kind_of(error: BaseException | None) -> str:
    """Return the name of an error, also of one that the operator has made final."""
    name = type(error).__name__
    return str(error).partition(":")[0] if name == "AirflowFailException" else name


def _told(error: BaseException | None) -> str:
    return (
        f"{kind_of(error)}: {str(error).removeprefix(kind_of(error) + ': ')}"[:150].replace("\n", " ")
        if error
        else ""
    )
