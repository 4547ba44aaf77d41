"""That of which there is to be one, and what the documentation exempts whatever it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.histories.history import World
    from tests.histories.network import Request
    from tests.histories.scheduler import End, Run

SETTLING = 60.0
DAY = 86400.0
APART = 240.0
"""Seconds within which two things of one name cannot be told apart by when they were made, where all clocks agree."""

EXPECTED = {"StoreError", "PushError", "AirflowFailException", "TaskDeferred", "AirflowRescheduleException"}


class Thing(Protocol):
    """A group or a message, as it really is."""

    made_at: float
    listed_from: float
    request: Request | None


@dataclass
class Unit:
    """That of which there is to be one: one name, or one text, on one phone, in one run."""

    run: Run
    name: str
    requests: list[Request] = field(default_factory=list)
    own: list[Any] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    began_at: float = float("inf")


def judge_units(
    world: World,
    creates: Callable[[Request], bool],
    things: Iterable[Thing],
    violations: Callable[[Any, Unit], list[str]],
    exemptions: dict[str, Callable[[Any, Unit, str], bool]],
) -> tuple[str | None, list[str]]:
    """
    Return the promise that was broken, and the names of the exemptions that were needed.

    :param creates: says whether a request creates.
    :param things: what there is.
    :param violations: says what was broken of a unit.
    :param exemptions: what is not promised, by name: whether it explains what happened to a unit.
    """
    exempted: list[str] = []
    for unit in _units(world, creates, things):
        for violation in violations(world, unit):
            names = [name for name, holds in exemptions.items() if holds(world, unit, violation)]
            if not names:
                return violation, exempted
            exempted += names[:1]
    return None, exempted


def _units(world: World, creates: Callable[[Request], bool], things: Iterable[Thing]) -> list[Unit]:
    units: dict[tuple[str, str], Unit] = {}
    airflow = world.airflow

    def of(process: Any) -> Unit:
        task, name = airflow.starts_of[process]
        unit = units.setdefault((task.run.number, name), Unit(task.run, name))
        unit.began_at = min(unit.began_at, airflow.start_moments[process])
        return unit

    for process in airflow.starts_of:
        of(process)
    for request in world.periskope.requests:
        if creates(request):
            of(request.process).requests.append(request)
    for thing in things:
        if thing.request:
            of(thing.request.process).own.append(thing)
    for end in airflow.ends:
        of(end.process).ends.append(end)
    return list(units.values())


def listed_late(world: World, unit: Unit, violation: str) -> bool:
    """Return whether a thing was not listed while it was looked for, nor when the next try looked again."""
    airflow = world.airflow
    for thing in unit.own:
        request = thing.request
        assert request is not None
        task, _ = airflow.starts_of[request.process]
        # Whoever created the next one has looked before, as every try does after a doubt.
        later = [
            other.request for other in unit.own if other.request and other.request.sent_at > request.sent_at
        ]
        same_task = all(airflow.starts_of[other.process][0] is task for other in later)
        looked = {other.process for other in later}
        # So has whoever took another one in its place.
        looked |= {
            ended.process
            for ended in unit.ends
            if ended.state == "success" and request.sent_at < ended.moment <= thing.listed_from
        }
        looked_again = min(
            (airflow.start_moments[process] for process in looked - {request.process}), default=float("inf")
        )
        end = request.ended_at
        if request.process.died_at < end:
            # Nobody who looks sees how long a process lives on that is being stopped.
            end = min(request.process.died_at, looked_again)
        if request.process.died_at < request.ended_at and same_task and not has_no_record(world):
            # Nobody saw its end, but when it was sent is on record, by the clock of its worker.
            ahead = max((other.process.clock_ahead for other in later), default=0.0)
            end = max(end, request.sent_at + SETTLING - max(0.0, ahead - request.process.clock_ahead))
        if end + SETTLING < thing.listed_from and looked_again <= thing.listed_from:
            return True
    return False


def was_cleared_without_record(world: World, unit: Unit) -> bool:
    """Return whether a try cannot know when the run started for the first time."""
    airflow = world.airflow
    has_written = any(
        airflow.starts_of[process][0].run is unit.run for process, _ in airflow.recorded_as_sent
    )
    if has_written and not has_no_record(world) and not unit.run.is_mapped:
        return False
    if unit.run.kind == "backfill" and not airflow.release.has_run_after:
        return True  # A later try may follow a command that has resumed the backfill, which moves its start, too.
    return unit.run.clear_number > 0 or any(end.task.max_tries != world.airflow.retries for end in unit.ends)


def due_at(unit: Unit) -> float:
    """Return when a run can have started first; a backfill of the current interval, at any moment of it."""
    return unit.run.due_at - (
        DAY if unit.run.kind == "backfill" or unit.run.due_at > unit.run.began_at else 0.0
    )


def apart(world: World) -> float:
    """Return the seconds within which two things cannot be told apart, with the clocks of this history."""
    clocks = [world.airflow.clock_ahead, *(process.clock_ahead for process in world.airflow.starts_of)]
    return APART + max(clocks) - min(clocks)


def has_no_record(world: World) -> bool:
    """Return whether a try may not find what an earlier one has kept."""
    release = world.airflow.release
    return not release.has_store or release.store_cleared or world.store_was_lost


def earliest_send(world: World, unit: Unit) -> float:
    """Return when its first request can have been sent, or when its run began where that is not on record."""
    airflow = world.airflow
    # A process that was killed after its record and before its request may have sent one, as far as can be known.
    moments = [request.sent_at for request in unit.requests]
    moments += [
        moment
        for process, moment in airflow.recorded_as_sent
        if airflow.starts_of[process] in [(task, unit.name) for task in unit.run.tasks.values()]
    ]
    if has_no_record(world) or unit.run.is_mapped or was_cleared_without_record(world, unit):
        moments.append(unit.run.began_at)
    return min(moments, default=float("inf"))


def twice_in_list(world: World, unit: Unit, violation: str) -> bool:
    """Return whether two mapped instances have one name."""
    return unit.run.names.count(unit.name) > 1 or (
        unit.run.is_mapped and world.choices.made.get("Dag: list") is not None
    )


def list_cleared_while_running(world: World, unit: Unit, violation: str) -> bool:
    """Return whether new map indexes do not know of a clear."""
    return unit.run.was_relisted_while_running and not world.airflow.release.counts_every_clear


def old_process_sends(world: World, unit: Unit, violation: str) -> bool:
    """Return whether a process has sent after a later one of its task had begun."""
    starts = world.airflow.start_moments
    for request in unit.requests:
        task, _ = world.airflow.starts_of[request.process]
        for process in task.processes:
            if starts[request.process] < starts[process] <= request.sent_at:
                return True
    return False


def clocks_differ(world: World, unit: Unit, violation: str) -> bool:
    """Return whether the API's clock is another one, and it does not say so."""
    if world.periskope.tells_date:
        return False
    api = world.periskope.clock_ahead + world.periskope.stamps_ahead
    return any(
        abs(api - process.clock_ahead) > 29 for task in unit.run.tasks.values() for process in task.processes
    )
