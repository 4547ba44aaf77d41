"""
The promises of `docs/one-group.md`, and what it exempts.

This knows what has really happened: which process sent which request, and which group came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.histories.groups import ids_in
from tests.histories.scheduler import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.histories.groups import Group
    from tests.histories.history import World
    from tests.histories.network import Request
    from tests.histories.scheduler import End, Run

SETTLING = 60.0
DAY = 86400.0
APART = 240.0
"""Seconds within which two groups of one name cannot be told apart by when they were made, where all clocks agree."""

EXPECTED = {"StoreError", "PushError", "AirflowFailException", "TaskDeferred", "AirflowRescheduleException"}


@dataclass
class Unit:
    """That of which there is to be one: one name on one phone, in one run."""

    run: Run
    name: str
    requests: list[Request] = field(default_factory=list)
    own: list[Group] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    began_at: float = float("inf")


def judge(world: World) -> tuple[str | None, list[str]]:
    """Return the promise that was broken, and the exemptions that were needed."""
    exempted: list[str] = []
    for unit in _units(world):
        for violation in _violations(world, unit):
            names = [name for name, holds in EXEMPTIONS.items() if holds(world, unit, violation)]
            if not names:
                return violation, exempted
            exempted += names[:1]
    return None, exempted


def _units(world: World) -> list[Unit]:
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
        if request.path == "/chats/create":
            of(request.process).requests.append(request)
    for group in world.groups.all:
        if group.request:
            of(group.request.process).own.append(group)
    for end in airflow.ends:
        of(end.process).ends.append(end)
    return list(units.values())


def _violations(world: World, unit: Unit) -> list[str]:
    broken = []
    named = [group for group in world.groups.all if group.first_name == unit.name]
    own = {group.chat_id for group in unit.own}
    older = [group for group in named if group.made_at < unit.began_at and group.chat_id not in own]
    if len(own) > 1:
        broken.append(f"two groups: {', '.join(sorted(own))}")
    for end in unit.ends:
        where = f"by {end.process.name}"
        if end.state == "success":
            if end.value in own:
                if end.outcome != "created":
                    broken.append(f"wrong outcome: {end.value} is {end.outcome} {where}")
            elif unit.run.if_exists != "reuse":
                broken.append(f"another's group: {end.value} {where}")
            elif own or not _could_be_reused(named, end):
                broken.append(f"another's group: reused {end.value} {where}")
            elif end.outcome != "reused":
                broken.append(f"wrong outcome: {end.value} is {end.outcome} {where}")
            continue
        error = end.error
        kind = type(error).__name__
        if not kind.startswith("Periskope") and kind not in EXPECTED:
            broken.append(f"crash: {kind}: {error} {where}")
        cause = kind_of(error)
        told = ids_in(str(error))
        if cause == "PeriskopeGroupExistsError" and own & set(told):
            broken.append(f"own group called older: {error} {where}")
        if (
            cause == "PeriskopeAmbiguousGroupError"
            and unit.run.if_exists == "create"
            and _tells_enough(world)
        ):
            since = (
                min(unit.began_at, _due_at(unit))
                if _has_no_record(world) or unit.run.is_mapped or _was_cleared_without_record(world, unit)
                else unit.began_at
            )
            by_id = {group.chat_id: group.made_at for group in named}
            if all(by_id.get(chat_id, since) < since - _apart(world) for chat_id in set(told) - own):
                broken.append(f"not told apart from older groups: {error} {where}")
    is_clear = [
        group
        for group in older
        if group.phone == "A" and group.listed_from < unit.began_at and not group.was_changed
    ]
    if unit.run.if_exists != "create" and is_clear and own:
        broken.append(f"older group ignored: {is_clear[0].chat_id}, made {', '.join(own)}")
    return broken


def _could_be_reused(named: list[Group], end: End) -> bool:
    return any(group.chat_id == end.value and "A" in group.members for group in named)


def _listed_late(world: World, unit: Unit, violation: str) -> bool:
    """Return whether a group was not listed while it was looked for, nor when the next try looked again."""
    airflow = world.airflow
    for group in unit.own:
        request = group.request
        assert request is not None
        task, _ = airflow.starts_of[request.process]
        # Whoever created the next one has looked before, as every try does after a doubt.
        later = [
            other.request for other in unit.own if other.request and other.request.sent_at > request.sent_at
        ]
        end = min(request.ended_at, request.process.died_at)
        same_task = all(airflow.starts_of[other.process][0] is task for other in later)
        if request.process.died_at < request.ended_at and same_task and not _has_no_record(world):
            # Nobody saw its end, but when it was sent is on record, by the clock of its worker.
            ahead = max((other.process.clock_ahead for other in later), default=0.0)
            end = max(end, request.sent_at + SETTLING - max(0.0, ahead - request.process.clock_ahead))
        looked_again = min(
            (airflow.start_moments[other.process] for other in later if other.process is not request.process),
            default=float("inf"),
        )
        if end + SETTLING < group.listed_from and looked_again <= group.listed_from:
            return True
    return False


def _looks_like_ours(world: World, unit: Unit, violation: str) -> bool:
    return any(group.phone == "A" for group in _others_of_its_time(world, unit))


def _creator_not_told(world: World, unit: Unit, violation: str) -> bool:
    others = _others_of_its_time(world, unit)
    if _was_cleared_without_record(world, unit):
        # Then whatever was created since the run was due counts as its own.
        others += [group for group in _others(world, unit) if group.made_at >= _due_at(unit) - _apart(world)]
    return world.groups.shows_creator != "marked" and any(group.phone != "A" for group in others)


def _own_not_told(world: World, unit: Unit, violation: str) -> bool:
    return world.groups.shared == "other's row" and world.groups.shows_creator == "without a number"


def _others_of_its_time(world: World, unit: Unit) -> list[Group]:
    """Return the groups of the name since its first request, or since its run began where that is not on record."""
    airflow = world.airflow
    # A process that was killed after its record and before its request may have sent one, as far as can be known.
    moments = [request.sent_at for request in unit.requests]
    moments += [
        moment
        for process, moment in airflow.recorded_as_sent
        if airflow.starts_of[process] in [(task, unit.name) for task in unit.run.tasks.values()]
    ]
    if _has_no_record(world) or unit.run.is_mapped:
        moments.append(unit.run.began_at)
    since = min(moments, default=float("inf"))
    return [group for group in _others(world, unit) if group.made_at >= since - _apart(world)]


def _was_cleared_without_record(world: World, unit: Unit) -> bool:
    airflow = world.airflow
    has_written = any(
        airflow.starts_of[process][0].run is unit.run for process, _ in airflow.recorded_as_sent
    )
    if has_written and not _has_no_record(world) and not unit.run.is_mapped:
        return False
    if unit.run.kind == "backfill" and not airflow.release.has_run_after:
        return True  # A later try may follow a command that has resumed the backfill, which moves its start, too.
    return unit.run.clear_number > 0 or any(end.task.max_tries != world.airflow.retries for end in unit.ends)


def _due_long_before(world: World, unit: Unit, violation: str) -> bool:
    """Return whether its own group may be another run's, since it was created more than a day after the run was due."""
    return (
        violation.startswith(("wrong outcome", "not told apart"))
        and _was_cleared_without_record(world, unit)
        and any(group.made_at >= _due_at(unit) + DAY - _apart(world) for group in unit.own)
    )


def _soon_after_due(world: World, unit: Unit, violation: str) -> bool:
    """Return whether another's group was created on the day that the run was due, so that it may be its own."""
    due_at, apart = _due_at(unit), _apart(world)
    return _was_cleared_without_record(world, unit) and any(
        due_at - apart <= group.made_at <= due_at + DAY + apart
        for group in _others(world, unit)
        if group.phone == "A"
    )


def _due_at(unit: Unit) -> float:
    """Return when a run can have started first; a backfill of the current interval, at any moment of it."""
    return unit.run.due_at - (
        DAY if unit.run.kind == "backfill" or unit.run.due_at > unit.run.began_at else 0.0
    )


def _apart(world: World) -> float:
    clocks = [world.airflow.clock_ahead, *(process.clock_ahead for process in world.airflow.starts_of)]
    return APART + max(clocks) - min(clocks)


def _tells_enough(world: World) -> bool:
    return (
        world.groups.lacking == "nothing"
        and world.groups.shared != "other's row"
        and world.periskope.tells_date
    )


def _has_no_record(world: World) -> bool:
    release = world.airflow.release
    return not release.has_store or release.store_cleared or world.store_was_lost


def _others(world: World, unit: Unit) -> list[Group]:
    own = {group.chat_id for group in unit.own}
    return [group for group in world.groups.all if group.first_name == unit.name and group.chat_id not in own]


def _twice_in_list(world: World, unit: Unit, violation: str) -> bool:
    return unit.run.names.count(unit.name) > 1 or (
        unit.run.is_mapped and world.choices.made.get("Dag: list") is not None
    )


def _changed_by_hand(world: World, unit: Unit, violation: str) -> bool:
    return any(group.was_changed for group in world.groups.all)


def _list_cleared_while_running(world: World, unit: Unit, violation: str) -> bool:
    return unit.run.was_relisted_while_running and not world.airflow.release.counts_every_clear


def _old_process_sends(world: World, unit: Unit, violation: str) -> bool:
    starts = world.airflow.start_moments
    for request in unit.requests:
        task, _ = world.airflow.starts_of[request.process]
        for process in task.processes:
            if starts[request.process] < starts[process] <= request.sent_at:
                return True
    return False


def _clocks_differ(world: World, unit: Unit, violation: str) -> bool:
    if world.periskope.tells_date:
        return False
    api = world.periskope.clock_ahead + world.periskope.stamps_ahead
    return any(
        abs(api - process.clock_ahead) > 29 for task in unit.run.tasks.values() for process in task.processes
    )


EXEMPTIONS: dict[str, Callable[[World, Unit, str], bool]] = {
    "listed later than is looked": _listed_late,
    "a name twice in the list": _twice_in_list,
    "renamed or left by hand": _changed_by_hand,
    "clocks differ, and the API does not tell its own": _clocks_differ,
    "list cleared while its run goes on, below 3.2": _list_cleared_while_running,
    "another's group of that name looks like ours": _looks_like_ours,
    "another phone's group, and its creator is not told": _creator_not_told,
    "the list names another phone, and the creator has no number": _own_not_told,
    "cleared run that was due more than a day before its group": _due_long_before,
    "cleared run, and another's group of the day that it was due": _soon_after_due,
    "an old process still sends": _old_process_sends,
}
"""What the documentation does not promise, by name: whether it explains what happened to a unit."""
