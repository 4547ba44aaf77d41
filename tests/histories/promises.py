"""
The promises of `docs/one-group.md`, and what it exempts.

This knows what has really happened: which process sent which request, and which group came of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.groups import ids_in
from tests.histories.scheduler import kind_of
from tests.histories.units import (
    DAY,
    EXPECTED,
    apart,
    clocks_differ,
    due_at,
    earliest_send,
    has_no_record,
    judge_units,
    list_cleared_while_running,
    listed_late,
    old_process_sends,
    twice_in_list,
    was_cleared_without_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.histories.groups import Group
    from tests.histories.history import World
    from tests.histories.scheduler import End
    from tests.histories.units import Unit


def judge(world: World) -> tuple[str | None, list[str]]:
    """Return the promise that was broken, and the exemptions that were needed."""
    return judge_units(
        world, lambda request: request.path == "/chats/create", world.groups.all, _violations, EXEMPTIONS
    )


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
            elif unit.run.option != "reuse":
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
        if cause == "PeriskopeAmbiguousGroupError" and unit.run.option == "create" and _tells_enough(world):
            since = (
                min(unit.began_at, due_at(unit))
                if has_no_record(world) or unit.run.is_mapped or was_cleared_without_record(world, unit)
                else unit.began_at
            )
            by_id = {group.chat_id: group.made_at for group in named}
            if all(by_id.get(chat_id, since) < since - apart(world) for chat_id in set(told) - own):
                broken.append(f"not told apart from older groups: {error} {where}")
    is_clear = [
        group
        for group in older
        if group.phone == "A" and group.listed_from < unit.began_at and not group.was_changed
    ]
    if unit.run.option != "create" and is_clear and own:
        broken.append(f"older group ignored: {is_clear[0].chat_id}, made {', '.join(own)}")
    return broken


def _could_be_reused(named: list[Group], end: End) -> bool:
    return any(group.chat_id == end.value and "A" in group.members for group in named)


def _looks_like_ours(world: World, unit: Unit, violation: str) -> bool:
    return any(group.phone == "A" for group in _others_of_its_time(world, unit))


def _creator_not_told(world: World, unit: Unit, violation: str) -> bool:
    others = _others_of_its_time(world, unit)
    if was_cleared_without_record(world, unit):
        # Then whatever was created since the run was due counts as its own.
        others += [group for group in _others(world, unit) if group.made_at >= due_at(unit) - apart(world)]
    return world.groups.shows_creator != "marked" and any(group.phone != "A" for group in others)


def _own_not_told(world: World, unit: Unit, violation: str) -> bool:
    return world.groups.shared == "other's row" and world.groups.shows_creator != "marked"


def _others_of_its_time(world: World, unit: Unit) -> list[Group]:
    """Return the groups of the name since its first request, or since its run began where that is not on record."""
    since = earliest_send(world, unit) - apart(world)
    return [group for group in _others(world, unit) if group.made_at >= since]


def _due_long_before(world: World, unit: Unit, violation: str) -> bool:
    """Return whether its own group may be another run's, since it was created more than a day after the run was due."""
    return (
        violation.startswith(("wrong outcome", "not told apart"))
        and was_cleared_without_record(world, unit)
        and any(group.made_at >= due_at(unit) + DAY - apart(world) for group in unit.own)
    )


def _soon_after_due(world: World, unit: Unit, violation: str) -> bool:
    """Return whether another's group was created on the day that the run was due, so that it may be its own."""
    due, near = due_at(unit), apart(world)
    return was_cleared_without_record(world, unit) and any(
        due - near <= group.made_at <= due + DAY + near
        for group in _others(world, unit)
        if group.phone == "A"
    )


def _tells_enough(world: World) -> bool:
    return (
        world.groups.lacking == "nothing"
        and world.groups.shared != "other's row"
        and world.periskope.tells_date
    )


def _others(world: World, unit: Unit) -> list[Group]:
    own = {group.chat_id for group in unit.own}
    return [group for group in world.groups.all if group.first_name == unit.name and group.chat_id not in own]


def _changed_by_hand(world: World, unit: Unit, violation: str) -> bool:
    return any(group.was_changed for group in world.groups.all)


EXEMPTIONS: dict[str, Callable[[World, Unit, str], bool]] = {
    "listed later than is looked": listed_late,
    "a name twice in the list": twice_in_list,
    "renamed or left by hand": _changed_by_hand,
    "clocks differ, and the API does not tell its own": clocks_differ,
    "list cleared while its run goes on, below 3.2": list_cleared_while_running,
    "another's group of that name looks like ours": _looks_like_ours,
    "another phone's group, and its creator is not told": _creator_not_told,
    "the list names another phone, and the creator is not told": _own_not_told,
    "cleared run that was due more than a day before its group": _due_long_before,
    "cleared run, and another's group of the day that it was due": _soon_after_due,
    "an old process still sends": old_process_sends,
}
"""What the documentation does not promise, by name: whether it explains what happened to a unit."""
