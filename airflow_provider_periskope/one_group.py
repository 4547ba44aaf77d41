"""
The one-group rule: whatever fails, one task of one run makes one group, and hands on that one.

The API knows no idempotency key, and WhatsApp allows many groups of one name. So a request is never sent while it is
unknown whether an earlier one made the group; whether it did shows in the list of chats.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_periskope.connection_form import DEFAULT_READ_TIMEOUT
from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeApiError,
    PeriskopeConnectionError,
    PeriskopeError,
    PeriskopeGroupExistsError,
    PeriskopeNoAnswerError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.group_record import GroupMemory, GroupRecord, Outcome, identity_of
from airflow_provider_periskope.group_search import GroupSearch, Sighting
from airflow_provider_periskope.phone_numbers import mask_creator, masked

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    :param is_mapped: whether the task is one of several made by mapping, whose list may be another after a clear.
    :param cleared: whether the task may have run before for another reason than a retry of Airflow's own.
    :param run_opened_at: no try of this run can have sent a request before, by the clock of scheduler and workers.
    :param retry_delay: how long Airflow has waited since the try before; zero if that is not known.
    """

    number: int
    is_mapped: bool
    cleared: bool
    run_opened_at: datetime
    retry_delay: timedelta

    @classmethod
    def of(cls, context: Any) -> TaskTry:
        """Return it for the context of a running task."""
        ti, run, task = context["ti"], context["dag_run"], context["task"]
        # A clear of the run counts up clear_number, a clear of the task alone raises max_tries.
        cleared = bool(getattr(run, "clear_number", 0)) or ti.max_tries != task.retries
        run_after = getattr(run, "run_after", None)  # Airflow 2.11 has none.
        # Clearing moves a run's start, and so does the command of 2.11 that goes on with a backfill; without that it is
        # the better bound, for a run of the past was due long before.
        restarted = run.run_type == "backfill" and run_after is None and ti.try_number > 1
        moments = [moment for moment in (run.start_date, run_after or run.data_interval_end) if moment]
        delay = min(task.retry_delay, task.max_retry_delay or task.retry_delay)
        return cls(
            number=ti.try_number,
            is_mapped=ti.map_index >= 0,
            cleared=cleared,
            run_opened_at=min(moments) if cleared or restarted else moments[0],
            retry_delay=delay if ti.try_number > 1 and not cleared else timedelta(),
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
    ours = memory.record if memory.record and memory.record.identity == identity else None
    if ours and ours.chat_id:
        log.info(
            "Group %r is known from an earlier try: %s. Nothing is sent.", name, mask_creator(ours.chat_id)
        )
        return ours

    def finish(chat: Sighting | Chat, outcome: Outcome) -> GroupRecord:
        made = GroupRecord(
            identity, task_try.number, chat_id=chat.chat_id, invite_link=chat.invite_link, outcome=outcome
        )
        memory.keep(made)
        return made

    unsent = GroupRecord(identity, task_try.number)
    search = GroupSearch(hook, name)
    if _in_doubt(task_try, memory, ours):
        log.info("An earlier attempt may have made group %r: looking for it before anything is sent.", name)
        window = _window_of_earlier_try(task_try, memory, ours, read_timeout=hook.settings.read_timeout)
        with _in_doubt_told(name):
            found = _await_ours(search, window, hook, stop_at_older=if_exists != "create")
        if found:
            log.info("Found group %r: %s. Nothing is sent.", name, found)
            return finish(found, "created")
    elif if_exists != "create":
        search.read_all()
        # Should this be refused, a clear of the task has to know that none of the groups is its own.
        memory.keep(unsent)
    if if_exists != "create" and search.sightings:
        older = _the_older_one(search, if_exists, hook)
        log.info("Reusing group %r: %s. Nothing is sent.", name, older)
        return finish(older, "reused")

    sent_at = _now()
    doubted = ours if ours and ours.sent_at else None
    since = (doubted and doubted.in_doubt_since) or sent_at.isoformat()
    sent = replace(unsent, sent_at=sent_at.isoformat(), in_doubt_since=since)
    memory.keep(sent)
    try:
        chat = hook.send_group(group)
    except (PeriskopeApiError, PeriskopeConnectionError, PeriskopeUnreachableError) as refused:
        if not isinstance(refused, PeriskopeApiError) or refused.is_the_apis_own:
            # This request made nothing. Unless one before it may have, whoever goes on need not look.
            memory.keep(replace(doubted, on_try=task_try.number, settled=True) if doubted else unsent)
        raise
    except PeriskopeOutcomeUnknownError as unknown:
        margin = CLOCK_MARGIN + (WORKERS_CLOCK_MARGIN if doubted else timedelta())
        window = Window(datetime.fromisoformat(since) - margin, _now() + SETTLING)
        log.warning("%s Looking for group %r until %s.", unknown, name, _clock(window.settled_at))
        try:
            with _in_doubt_told(name):
                found = _await_ours(search, window, hook)
        except (PeriskopeRateLimitError, PeriskopeAmbiguousGroupError):
            raise
        except PeriskopeError as failure:
            raise PeriskopeOutcomeUnknownError(
                f"{unknown} Looking for group {name!r} failed: {failure}",
                status=unknown.status,
                trace_id=unknown.trace_id,
            ) from None
        if not found:
            memory.keep(replace(sent, settled=True))
            raise PeriskopeOutcomeUnknownError(
                f"{unknown} Group {name!r} has not shown up in the chats of the phone within "
                f"{SETTLING.total_seconds():.0f} s. The next try of this task looks again before it sends anything.",
                status=unknown.status,
                trace_id=unknown.trace_id,
            ) from None
        log.info("Found group %r: %s.", name, found)
        return finish(found, "created")
    log.info(
        "Made group %r, people added or invited: %d. Chat ID: %s", name, len(group.participants), chat.chat_id
    )
    return finish(chat, "created")


def _in_doubt(task_try: TaskTry, memory: GroupMemory, ours: GroupRecord | None) -> bool:
    """Return whether an earlier attempt may have made the group."""
    if ours and ours.sent_at:
        return True
    # The last word is that nothing was sent that is in doubt.
    if ours and _is_last_word(ours, task_try, memory):
        return False
    if task_try.number == 1 and not task_try.is_mapped and not memory.record:
        return False
    return bool(memory.record) or task_try.number > 1 or task_try.cleared


def _is_last_word(ours: GroupRecord, task_try: TaskTry, memory: GroupMemory) -> bool:
    """Return whether nothing can have been sent for this group since its record was written."""
    # In a list that was re-ordered between two clears, another instance may have had a later word; and what a deferral
    # carried may reach a next try, if the worker of this one is lost.
    return ours.on_try == task_try.number or (
        memory.outlives_tries and not (task_try.is_mapped and task_try.cleared)
    )


@contextmanager
def _in_doubt_told(name: str) -> Iterator[None]:
    """Let an error of looking say what is in doubt, for of itself it says that nothing was changed."""
    try:
        yield
    except PeriskopeAmbiguousGroupError:
        raise
    except PeriskopeError as failure:
        cure = "let this task retry, or clear it" if failure.retryable else "then clear this task"
        failure.args = (
            f"{failure} An earlier request may have made group {name!r}: {cure}, and it looks again; a new run would "
            "not.",
        )
        raise


@dataclass(frozen=True)
class Window:
    """
    When a group was made if it is ours, and until when it may still show up; by the clock of scheduler and workers.

    :param opens_at: one that was made before is not ours.
    :param settled_at: one that has not shown up at this moment is not there.
    """

    opens_at: datetime
    settled_at: datetime

    def contains(self, sighting: Sighting, hook: PeriskopeHook) -> bool:
        """Return whether the group may be ours by the moment when it was made, or because nobody knows when."""
        opens_at = self.opens_at + (hook.api_clock_ahead or timedelta())
        return sighting.created_at is None or sighting.created_at >= opens_at


def _window_of_earlier_try(
    task_try: TaskTry, memory: GroupMemory, ours: GroupRecord | None, *, read_timeout: float
) -> Window:
    now = _now()
    margin = CLOCK_MARGIN + WORKERS_CLOCK_MARGIN
    # An attempt whose worker was lost may still be under way, and how long is what a longer timeout than usual says.
    under_way = timedelta(seconds=max(0.0, read_timeout - DEFAULT_READ_TIMEOUT))
    # A try that follows a lost scheduler comes without that delay, but not before half a minute has passed.
    since_now = now + SETTLING + under_way - min(task_try.retry_delay, SETTLING / 2 + under_way)
    if ours and ours.sent_at:
        sent_at = datetime.fromisoformat(ours.sent_at)
        due = min(sent_at, now) + timedelta(seconds=read_timeout) + SETTLING
        settled_at = max(due, since_now)
        if _is_last_word(ours, task_try, memory):
            # Clocks of workers differ, but not by more than this.
            settled_at = now if ours.settled else min(settled_at, due + WORKERS_CLOCK_MARGIN)
        since = datetime.fromisoformat(ours.in_doubt_since or ours.sent_at)
        return Window(since - margin, settled_at)
    if not task_try.is_mapped and memory.outlives_tries and not task_try.cleared:
        # Such a task has nothing under way, for an attempt would have left its record.
        since_now = now
    return Window(task_try.run_opened_at - margin, since_now)


def _await_ours(
    search: GroupSearch, window: Window, hook: PeriskopeHook, *, stop_at_older: bool = False
) -> Sighting | None:
    """Look for the group of an earlier attempt until it is found, or cannot be coming any more."""
    read_once = told = False
    for pause in chain(LOOK_PAUSES, repeat(LOOK_PAUSES[-1])):
        left = (window.settled_at - _now()).total_seconds()
        try:
            # How the list is sorted is not documented: before anything is sent, no row may have gone unread.
            if read_once and not (left <= 0 and search.spans_pages):
                search.read_front()
            else:
                search.read_all()
                read_once = True
        except (PeriskopeNoAnswerError, PeriskopeUnreachableError) as failure:
            if left <= 0:
                raise
            log.warning("%s Looking again in %.0f s.", failure, min(pause, left))
        else:
            try:
                if found := _the_one_in(search, window, hook):
                    return found
            except PeriskopeAmbiguousGroupError as unsure:
                # A single row that tells too little may be filled in yet.
                if left <= 0 or len(unsure.chat_ids) > 1:
                    raise
            else:
                if left <= 0 or (stop_at_older and search.sightings):
                    return None
            if not told:
                log.info(
                    "Group %r is not there; looking again until %s.", search.name, _clock(window.settled_at)
                )
                told = True
        time.sleep(min(pause, left))
    return None


def _the_one_in(search: GroupSearch, window: Window, hook: PeriskopeHook) -> Sighting | None:
    candidates = [sighting for sighting in search.sightings.values() if window.contains(sighting, hook)]
    if not candidates:
        return None
    if len(candidates) == 1 and candidates[0].created_at and candidates[0].phone_known:
        return candidates[0]
    raise _ambiguous(search.name, "An attempt of this task may have made", candidates, hook)


def _the_older_one(search: GroupSearch, if_exists: IfExists, hook: PeriskopeHook) -> Sighting:
    """Return the group from before the run."""
    older = list(search.sightings.values())
    if if_exists == "fail":
        raise PeriskopeGroupExistsError(
            f"Group {search.name!r} exists from before this run, and if_exists='fail': {_listed(older)}, on "
            f"{_whose(hook)}. Nothing was sent. Choose another name, or if_exists='reuse' to go on with that group."
        )
    if len(older) == 1 and older[0].phone_known:
        return older[0]
    raise _ambiguous(search.name, "if_exists='reuse' asks for", older, hook)


def _ambiguous(
    name: str, why: str, candidates: list[Sighting], hook: PeriskopeHook
) -> PeriskopeAmbiguousGroupError:
    could = "several could be it" if len(candidates) > 1 else "one might be it, the list tells too little"
    return PeriskopeAmbiguousGroupError(
        f"{why} group {name!r}, and {could}: {_listed(candidates)}, on {_whose(hook)}. Nothing more was sent. On that "
        "phone, leave or rename what it is not, then clear this task; or take the chat ID from here.",
        chat_ids=[candidate.chat_id for candidate in candidates],
    )


def _whose(hook: PeriskopeHook) -> str:
    return f"phone {masked(hook.phone)} of connection {hook.periskope_conn_id!r}"


def _listed(sightings: list[Sighting]) -> str:
    return ", ".join(str(sighting) for sighting in sightings)


def _now() -> datetime:
    return datetime.now(UTC)


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
