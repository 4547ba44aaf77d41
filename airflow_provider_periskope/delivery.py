"""Waiting until a message is out, without a worker slot and without using a retry."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_periskope.exceptions import (
    PeriskopeMessageFailedError,
    PeriskopeMessageWaitingError,
    PeriskopeNoResponseError,
    PeriskopeNotFoundError,
    PeriskopePhoneOffError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.once.message import note_failure
from airflow_provider_periskope.once.record import Record
from airflow_provider_periskope.waiting import SHORTEST, release_slot_until

if TYPE_CHECKING:
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import MessageStatus
    from airflow_provider_periskope.once.doubt import Attempt
    from airflow_provider_periskope.once.message import MessageResult, OneMessage

log = logging.getLogger(__name__)

Stage = Literal["queued", "sent", "delivered", "read"]
STAGES = get_args(Stage)

PAUSES = (0.5, 1.0, 2.0, 3.0)
"""Seconds between looks at a message that has just been queued. Longer waits release the worker slot."""

LONGEST_PAUSE = timedelta(minutes=5)
"""Between two looks without a worker slot."""

NOT_KNOWN_YET = (
    PeriskopeNoResponseError,
    PeriskopeNotFoundError,  # The API has accepted the message, so it will know it.
    PeriskopePhoneOffError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
"""What keeps the status of a message from being known; the message itself is none the worse for it."""


def wait_until_out(
    operator: Any,
    context: Any,
    hook: PeriskopeHook,
    attempt: Attempt,
    *,
    thing: OneMessage,
    result: MessageResult,
) -> str:
    """
    Wait some seconds, then end this start of the task, again and again, until a message is as far as is wanted.

    :param operator: the running operator, with ``wait_for`` and ``wait_timeout``.
    :param context: its context.
    :param hook: hook of the phone.
    :param attempt: this try, whose memory says since when it has been waiting.
    :param thing: the message.
    :param result: the same, as it was sent or found.
    :return: how far it is.
    :raises PeriskopeMessageFailedError: if the phone could not send it.
    :raises PeriskopeMessageWaitingError: if it is not as far within ``wait_timeout``.
    """
    enough = STAGES[STAGES.index(operator.wait_for) :]
    if result["status"] in enough:
        return result["status"]
    since, is_first_start = _waiting_since(attempt, f"{thing.kind}_wait", result["unique_id"])
    for pause in (0.0, *PAUSES) if is_first_start else (0.0,):
        time.sleep(pause)
        stage, obstacle = _stage_of(hook, attempt, thing, result)
        if stage in enough:
            log.info("The %s is %s.", thing, stage)
            # A repeated task need not ask again.
            attempt.memory.keep(
                thing.kind, Record(thing.identity).done(attempt.number, {**result, "status": stage})
            )
            return stage
    now = datetime.now(UTC)
    left = since + operator.wait_timeout - now
    if left <= timedelta():
        raise _not_out(operator.wait_timeout, thing, result, stage, obstacle)
    until = now + max(timedelta(seconds=SHORTEST), min((now - since) / 2, LONGEST_PAUSE, left))
    log.info(
        "The %s is %s. The task looks again at %s UTC; until then it holds no worker slot and uses no retry.",
        thing,
        f"not known to be {operator.wait_for}: {obstacle}"
        if obstacle
        else f"{stage}, not {operator.wait_for} yet",
        f"{until:%H:%M:%S}",
    )
    return release_slot_until(until, operator, context, carried={"records": attempt.memory.carried()})


def _waiting_since(attempt: Attempt, kind: str, unique_id: str) -> tuple[datetime, bool]:
    """Return since when this try has been waiting, and whether that is only now."""
    waiting = attempt.memory.of(kind, unique_id)
    if waiting.on_try == attempt.number and waiting.sent_at:
        return waiting.sent_at, False
    now = datetime.now(UTC)
    attempt.memory.keep(kind, Record(unique_id).sent(attempt.number, now))
    return now, True


def _stage_of(
    hook: PeriskopeHook, attempt: Attempt, thing: OneMessage, result: MessageResult
) -> tuple[Stage, str]:
    """Return how far a message is known to be, and what has kept that from being read."""
    try:
        status = hook.get_message_status(result["unique_id"])
    except NOT_KNOWN_YET as failure:
        return "queued", str(failure.args[0]).removesuffix(".")
    if status.has_failed:
        note_failure(thing, attempt, result)
        raise PeriskopeMessageFailedError(
            "The phone could not send a message.",
            unique_id=result["unique_id"],
            what_to_do="Check in the Periskope console that the phone works and may write in the chat, and that a "
            "person has a WhatsApp account; then let this task retry, or clear it. It looks for the message before it "
            "sends another one, because Periskope may try again by itself.",
            details=[f"It is the {thing}, unique_id {result['unique_id']}."],
        )
    return _stage(status), ""


def _stage(status: MessageStatus) -> Stage:
    if status.is_delivered:
        return "read" if status.status == "read" or (status.ack or 0) >= 4 else "delivered"
    return "sent" if status.is_sent else "queued"


def _not_out(
    timeout: timedelta, thing: OneMessage, result: MessageResult, stage: Stage, obstacle: str
) -> PeriskopeMessageWaitingError:
    how_far = "still queued, and not lost" if stage == "queued" else "sent, but not delivered"
    return PeriskopeMessageWaitingError(
        f"The message is {how_far}, after {timedelta(seconds=round(timeout.total_seconds()))}.",
        unique_id=result["unique_id"],
        what_to_do="See in the Periskope console that the phone is connected: then it sends the message by itself. A "
        "retry of this task waits on, and sends no second message.",
        details=[
            f"It is the {thing}, unique_id {result['unique_id']}.",
            f"How far it is could not be read: {obstacle}." if obstacle else "",
        ],
    )
