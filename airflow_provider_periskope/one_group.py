"""
The one-group rule: whatever fails, one task of one run makes one group, and hands on that one.

The API knows no idempotency key, and WhatsApp allows many groups of one name. So a request is never sent while it is
unknown whether an earlier one made the group; whether it did shows in the list of chats.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeApiError,
    PeriskopeConnectionError,
    PeriskopeGroupExistsError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.group_record import GroupMemory, GroupRecord, Outcome, identity_of
from airflow_provider_periskope.group_search import GroupSearch, Sighting

if TYPE_CHECKING:
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import Chat, NewGroup

log = logging.getLogger(__name__)

IfExists = Literal["create", "reuse", "fail"]

SETTLING = timedelta(seconds=60)
"""How long after an attempt has ended its group may still be on its way into the list of chats."""

CLOCK_MARGIN = timedelta(seconds=30)
"""How much the clock that stamps groups may be behind the one that dates the API's answers."""

WORKERS_CLOCK_MARGIN = timedelta(minutes=3)
"""How much the clocks of scheduler and workers may differ, besides."""

LOOK_PAUSES = (2.0, 3.0, 5.0, 8.0, 10.0)
"""Seconds between two looks; the last one repeats."""


@dataclass(frozen=True)
class TaskTry:
    """
    What a try knows of those before it.

    :param number: number of the try.
    :param cleared: whether the task may have run before for another reason than a retry of Airflow's own.
    :param run_opened_at: no try of this run can have sent a request before, by the clock of scheduler and workers.
    :param forerunner_ended_ago: how long ago the try before ended, at least.
    """

    number: int
    cleared: bool
    run_opened_at: datetime
    forerunner_ended_ago: timedelta

    @classmethod
    def of(cls, context: Any) -> TaskTry:
        """Return it for the context of a running task."""
        ti, run, task = context["ti"], context["dag_run"], context["task"]
        # A clear of the run counts up clear_number, a clear of the task alone raises max_tries.
        cleared = bool(getattr(run, "clear_number", 0)) or ti.max_tries != task.retries
        # Clearing moves a run's start; without one it is the better bound, for a run of the past was due long before.
        due = getattr(run, "run_after", None) or run.data_interval_end  # Airflow 2.11 has no run_after.
        moments = [moment for moment in (run.start_date, due) if moment]
        ended_ago = timedelta()
        if ti.try_number > 1 and not cleared:
            ended_ago = min(task.retry_delay, task.max_retry_delay or task.retry_delay)
        return cls(
            number=ti.try_number,
            cleared=cleared,
            run_opened_at=min(moments) if cleared else moments[0],
            forerunner_ended_ago=ended_ago,
        )


def make_one_group(
    hook: PeriskopeHook, group: NewGroup, *, task_try: TaskTry, memory: GroupMemory, if_exists: IfExists
) -> GroupRecord:
    """
    Make the group, or find the one that an earlier attempt made.

    :param hook: hook of the phone.
    :param group: the group, checked.
    :param task_try: what is known of earlier tries.
    :param memory: where the record is kept.
    :param if_exists: what to do about groups of this name from before the run.
    :return: the finished record.
    :raises PeriskopeAmbiguousGroupError: if several groups could be the one.
    :raises PeriskopeGroupExistsError: if there is one from before the run, and ``if_exists="fail"``.
    :raises PeriskopeOutcomeUnknownError: if the request was sent and no group has shown up in the settling time; the
        next try looks again before it sends.

    Other errors as :meth:`PeriskopeHook.request`.
    """
    name = group.group_name
    identity = identity_of(hook.phone, name)
    before = memory.record
    ours = before if before and before.identity == identity else None
    if ours and ours.chat_id:
        log.info("Group %r was made by an earlier try: %s. Nothing is sent.", name, ours.chat_id)
        return ours

    def finish(chat: Sighting | Chat, outcome: Outcome) -> GroupRecord:
        done = GroupRecord(
            identity, task_try.number, chat_id=chat.chat_id, invite_link=chat.invite_link, outcome=outcome
        )
        memory.keep(done)
        return done

    search = GroupSearch(hook, name)
    if _in_doubt(task_try, memory, ours):
        log.info("An earlier attempt may have made group %r: looking for it before anything is sent.", name)
        window = Window.of_earlier_try(task_try, ours, hook.settings.read_timeout)
        if found := _await_ours(search, window, hook, stop_at_older=if_exists != "create"):
            log.info("Found group %r of an earlier attempt: %s. Nothing is sent.", name, found)
            return finish(found, "created")
    elif if_exists != "create":
        search.read_all()
    if if_exists != "create" and (older := _the_older_one(search, name, if_exists)):
        log.info("Reusing group %r: %s. Nothing is sent.", name, older)
        return finish(older, "reused")

    sent = GroupRecord(identity, task_try.number, sent_at=_now().isoformat())
    memory.keep(sent)
    try:
        chat = hook.send_group(group)
    except PeriskopeRateLimitError:
        # Known from now on: this try has nothing in doubt, so that it need not look again when it goes on.
        memory.keep(replace(sent, sent_at=None))
        raise
    except (PeriskopeApiError, PeriskopeConnectionError, PeriskopeUnreachableError):
        memory.forget()
        raise
    except PeriskopeOutcomeUnknownError as unknown:
        ended = _now()
        memory.keep(replace(sent, ended_at=ended.isoformat()))
        log.warning("%s Looking for group %r until %s.", unknown, name, _clock(ended + SETTLING))
        window = Window(datetime.fromisoformat(str(sent.sent_at)) - CLOCK_MARGIN, ended + SETTLING)
        found = _await_ours(search, window, hook)
        if not found:
            raise PeriskopeOutcomeUnknownError(
                f"{unknown} Group {name!r} has not shown up in the chats of the phone within "
                f"{SETTLING.total_seconds():.0f} s. The next try of this task looks again before it sends anything.",
                status=unknown.status,
                trace_id=unknown.trace_id,
            ) from None
        log.info("Found group %r: %s.", name, found)
        return finish(found, "created")
    log.info("Made group %r with %d invited or added: %s.", name, len(group.participants), chat.chat_id)
    return finish(chat, "created")


def _in_doubt(task_try: TaskTry, memory: GroupMemory, ours: GroupRecord | None) -> bool:
    """Return whether an earlier attempt may have made the group."""
    record = memory.record
    if record and (record.sent_at or record.chat_id):
        return True
    if ours and ours.on_try == task_try.number:
        return False
    if memory.outlives_tries and not task_try.cleared:
        return False
    return task_try.number > 1 or task_try.cleared


@dataclass(frozen=True)
class Window:
    """
    When a group was made if it is ours, and until when it may still show up.

    :param opens_at: made at this moment or later, by the clock of scheduler and workers, margin taken off.
    :param settled_at: after this moment, what has not shown up is not there.
    """

    opens_at: datetime
    settled_at: datetime

    @classmethod
    def of_earlier_try(cls, task_try: TaskTry, ours: GroupRecord | None, read_timeout: float) -> Window:
        """Return the window of an attempt that an earlier try has, or may have, made."""
        now = _now()
        margin = CLOCK_MARGIN + WORKERS_CLOCK_MARGIN
        if not ours or not ours.sent_at:
            return cls(task_try.run_opened_at - margin, now + SETTLING - task_try.forerunner_ended_ago)
        answer_due = timedelta(seconds=read_timeout)
        sent_at = datetime.fromisoformat(ours.sent_at)
        ended_at = datetime.fromisoformat(ours.ended_at) if ours.ended_at else sent_at + answer_due
        # Another worker's clock may be ahead of ours; that must not make anybody wait for longer than can be needed.
        return cls(sent_at - margin, min(ended_at, now + answer_due) + SETTLING)

    def contains(self, sighting: Sighting, hook: PeriskopeHook) -> bool:
        """Return whether the group may be ours by the moment it was made (or that nobody knows)."""
        opens_at = self.opens_at + (hook.api_clock_ahead or timedelta())
        return sighting.created_at is None or sighting.created_at >= opens_at


def _await_ours(
    search: GroupSearch, window: Window, hook: PeriskopeHook, *, stop_at_older: bool = False
) -> Sighting | None:
    """Look for the group of an earlier attempt until it is found or cannot be coming any more."""
    search.read_all()
    looked_again = False
    for pause in chain(LOOK_PAUSES, repeat(LOOK_PAUSES[-1])):
        if found := _the_one_in(search, window, hook):
            return found
        left = (window.settled_at - _now()).total_seconds()
        if left <= 0 or (stop_at_older and search.sightings):
            break
        if not looked_again:
            log.info("It is not there yet; looking again until %s.", _clock(window.settled_at))
        time.sleep(min(pause, left))
        search.read_front()
        looked_again = True
    if looked_again and search.spans_pages:
        # How the list is sorted is not documented; before anything is sent, no row may have gone unread.
        search.read_all()
        return _the_one_in(search, window, hook)
    return None


def _the_one_in(search: GroupSearch, window: Window, hook: PeriskopeHook) -> Sighting | None:
    candidates = [sighting for sighting in search.sightings.values() if window.contains(sighting, hook)]
    if not candidates:
        return None
    if len(candidates) == 1 and candidates[0].created_at and candidates[0].phone_known:
        return candidates[0]
    raise _ambiguous(search.name, "An attempt of this task may have made", candidates)


def _the_older_one(search: GroupSearch, name: str, if_exists: IfExists) -> Sighting | None:
    """Return the group from before the run, where there is one."""
    older = list(search.sightings.values())
    if not older:
        return None
    if if_exists == "fail":
        raise PeriskopeGroupExistsError(
            f"Group {name!r} exists from before this run, and if_exists='fail': {_listed(older)}. Nothing was sent. "
            "Choose another name, or if_exists='reuse' to go on with that group."
        )
    if len(older) == 1 and older[0].phone_known:
        return older[0]
    raise _ambiguous(name, "if_exists='reuse' asks for", older)


def _ambiguous(name: str, why: str, candidates: list[Sighting]) -> PeriskopeAmbiguousGroupError:
    could = "several could be it" if len(candidates) > 1 else "one might be it, the list tells too little"
    return PeriskopeAmbiguousGroupError(
        f"{why} group {name!r}, and {could}: {_listed(candidates)}. Nothing more was sent. Leave or rename on the phone "
        "what it is not, then clear this task; or take the chat ID from here.",
        chat_ids=[candidate.chat_id for candidate in candidates],
    )


def _listed(sightings: list[Sighting]) -> str:
    return ", ".join(str(sighting) for sighting in sightings)


def _now() -> datetime:
    return datetime.now(UTC)


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
