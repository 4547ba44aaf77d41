"""The table of :mod:`airflow_provider_periskope.once` as code. It does not know what is being created."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeError,
    PeriskopeNoResponseError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_periskope.once.doubt import Attempt, Window
    from airflow_provider_periskope.once.record import Record

    Result = Mapping[str, Any]

log = logging.getLogger(__name__)

SETTLING = timedelta(seconds=60)
"""How long after a request has ended its result may still appear."""

RETRY_OR_CLEAR = "Let this task retry, or clear it."
LOOKS_AGAIN = "It looks again before it sends anything; a new run would not."

LOOK_PAUSES = (2.0, 3.0, 5.0, 8.0, 10.0)
"""Seconds between two looks; the last one repeats."""


class Once(Protocol):
    """
    Something that is created once.

    :ivar kind: what it is, one word; records of different kinds are kept apart.
    :ivar identity: which one, as a digest.
    :ivar looks_first: whether it looks before a first request too, such as for one that exists from before the run.
    :ivar settling: how long after a request has ended its result may still appear.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def identity(self) -> str: ...  # noqa: D102
    @property
    def looks_first(self) -> bool: ...  # noqa: D102
    @property
    def settling(self) -> timedelta: ...  # noqa: D102

    def send(self, before_sending: Callable[..., None]) -> Result:
        """
        Create it with one request.

        :param before_sending: to be called right before each request that is really sent; accepts what is to be kept in
            the record (:attr:`.record.Record.about`).
        """

    def look(self, window: Window | None, *, last: bool) -> Result | None:
        """
        Look for it.

        :param window: when an earlier request can have created it; ``None`` if none was sent.
        :param last: whether this is the last look before a request is sent, so that nothing may go unread. What cannot
            be decided is an error then: one that a retry cures, if looking again later can decide it.
        :return: the result; ``None`` if there is none.
        """

    def __str__(self) -> str:
        """Return its name for logs, such as ``group 'Stand-up'``."""


def make_once(thing: Once, attempt: Attempt) -> Result:
    """
    Create something, or find what an earlier attempt has created.

    :param thing: what to create.
    :param attempt: what is known of this try and of earlier ones.
    :return: what was created.
    :raises PeriskopeError: ``in_doubt`` if the request was sent and no result has appeared; the next try looks again
        before it sends anything.
    """
    before = attempt.memory.of(thing.kind, thing.identity)
    if before.result is not None:
        log.info("The result for %s is known from an earlier try. Nothing is sent.", thing)
        return before.result
    window = attempt.window_of_earlier_one(before, thing.kind, thing.settling)
    found = None
    if window:
        log.info("An earlier attempt may have created %s. Looking for it before anything is sent.", thing)
        found = _look_for_earlier_one(thing, window)
    elif thing.looks_first:
        attempt.memory.keep(thing.kind, before.unsent(attempt.number))
        found = thing.look(None, last=True)
    result = found or _send(thing, before, attempt, older_doubt=window is not None)
    attempt.memory.keep(thing.kind, before.done(attempt.number, result))
    return result


def _send(thing: Once, before: Record, attempt: Attempt, *, older_doubt: bool) -> Result:
    sent = before

    def keep_record(about: Mapping[str, Any] | None = None) -> None:
        nonlocal sent
        sent = before.sent(attempt.number, datetime.now(UTC), about)
        attempt.memory.keep(thing.kind, sent)

    try:
        return thing.send(keep_record)
    except PeriskopeError as failure:
        if not failure.in_doubt:
            attempt.memory.keep(thing.kind, before.refused(attempt.number, older_doubt=older_doubt))
            raise
        window = attempt.window_after(sent, thing.settling)
        log.warning(
            "%s Looking for %s until %s UTC. Nothing needs to be done.",
            failure.args[0],
            thing,
            f"{window.closes_at:%H:%M:%S}",
        )
        found = _look_for_own(thing, window, failure)
        if found:
            return found
        attempt.memory.keep(thing.kind, sent.looked())
        raise failure.add(
            f"It has not appeared within {thing.settling.total_seconds():.0f} s: {thing}.",
            what_to_do=f"{RETRY_OR_CLEAR} {LOOKS_AGAIN}",
        ) from None


def _look_for_earlier_one(thing: Once, window: Window) -> Result | None:
    try:
        return _look_until_closed(thing, window)
    except PeriskopeError as failure:
        if not isinstance(failure, PeriskopeConflictError):
            failure.add(f"An earlier request may have created {thing}.", what_to_do=_cure(failure))
        raise


def _look_for_own(thing: Once, window: Window, lost: PeriskopeError) -> Result | None:
    try:
        return _look_until_closed(thing, window)
    except PeriskopeError as failure:
        if isinstance(failure, (PeriskopeConflictError, PeriskopeRateLimitError)):
            raise
        cure, failure.what_to_do = _cure(failure), ""
        raise lost.add(f"Looking for {thing} failed: {failure}", what_to_do=cure) from None


def _cure(failure: PeriskopeError) -> str:
    """Return what to do after a look that failed: what is in the way of the look comes first."""
    if isinstance(failure, PeriskopeNoResponseError):
        return f"{RETRY_OR_CLEAR} {LOOKS_AGAIN}"
    then = RETRY_OR_CLEAR if failure.retryable else "Then clear this task."
    return f"{failure.what_to_do} {then} {LOOKS_AGAIN}".lstrip()


def _look_until_closed(thing: Once, window: Window) -> Result | None:
    """Look for the result until it is found, or can no longer appear."""
    told = False
    for pause in chain(LOOK_PAUSES, repeat(LOOK_PAUSES[-1])):
        left = (window.closes_at - datetime.now(UTC)).total_seconds()
        try:
            if found := thing.look(window, last=left <= 0):
                return found
        except (PeriskopeNoResponseError, PeriskopeUnreachableError) as failure:
            if left <= 0:
                raise
            log.warning("%s Looking again in %.0f s.", failure.args[0], min(pause, left))
        if left <= 0:
            return None
        if not told:
            log.info("Not found yet: %s. Looking again until %s UTC.", thing, f"{window.closes_at:%H:%M:%S}")
            told = True
        time.sleep(min(pause, left))
    return None
