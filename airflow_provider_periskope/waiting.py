"""Waiting without a worker slot and without using a retry."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from airflow_provider_periskope.compat import BaseOperator
    from airflow_provider_periskope.exceptions import PeriskopeRateLimitError

log = logging.getLogger(__name__)

SHORTEST = 15.0
"""
Seconds. The scheduler learns some seconds late that a start of the task has ended. A task that is due again sooner is
treated as dead.
"""

JITTER = 15.0
"""Seconds over which tasks are spread that met the limit together."""

TRIGGER_MARGIN = timedelta(minutes=10)
"""How late a triggerer may be before a deferred task fails. Without a triggerer, it would wait forever."""


def wait_for_rate_limit(
    operator: BaseOperator,
    context: Any,
    limit: PeriskopeRateLimitError,
    *,
    rate_limit_timeout: timedelta,
    carried: dict[str, Any],
) -> NoReturn:
    """
    End this start of the task, so that it resumes once the API accepts requests again.

    :param operator: the running operator.
    :param context: its context.
    :param limit: what the API said.
    :param rate_limit_timeout: how long the task may wait in all.
    :param carried: what the task is resumed with. On an Airflow without a task state store, ``waiting_since`` in it
        says when the first wait began.
    :raises PeriskopeRateLimitError: if the wait would exceed ``rate_limit_timeout``.
    """
    now = datetime.now(UTC)
    since = _waiting_since(context, carried) or now
    seconds = max(limit.retry_after, SHORTEST) + random.uniform(0, JITTER)  # noqa: S311
    until = now + timedelta(seconds=seconds)
    if until - since > rate_limit_timeout:
        raise limit.add(
            f"Waiting until {until:%H:%M:%S} UTC would exceed rate_limit_timeout={rate_limit_timeout}, of which "
            f"{(now - since).total_seconds():.0f} s have passed.",
            what_to_do="The task's retries apply. Increase rate_limit_timeout, or use a pool so that fewer tasks "
            "run at once.",
        )
    log.info(
        "API rate limit reached. The task resumes at %s UTC (in %.0f s); until then it holds no worker slot and uses "
        "no retry.",
        f"{until:%H:%M:%S}",
        seconds,
    )
    release_slot_until(until, operator, context, carried={**carried, "waiting_since": since.isoformat()})


def release_slot_until(
    until: datetime, operator: BaseOperator, context: Any, *, carried: dict[str, Any]
) -> NoReturn:
    """
    End this start of the task, so that another one follows at a moment.

    From Airflow 3.3 on, the task is rescheduled and runs ``execute`` again; what it knows is in the task state store.
    Older releases forget that at a reschedule, so the task is deferred and continues in ``resume``.

    :param until: the moment, at least 15 seconds ahead.
    :param operator: the running operator, with a method ``resume``.
    :param context: its context.
    :param carried: what ``resume`` is called with, as the event of the trigger.
    """
    from airflow_provider_periskope.compat import AirflowRescheduleException

    if context.get("task_state_store") is not None:
        raise AirflowRescheduleException(until)  # type: ignore[no-untyped-call]
    _defer_until(until, operator, carried)


def keep_pool_slot_for(
    duration: timedelta, operator: BaseOperator, *, after: str, carried: dict[str, Any]
) -> NoReturn:
    """
    End this start of the task, so that it continues in ``resume`` when its phone may do the next thing.

    The task is deferred on every release: unlike a rescheduled one, it can keep its slot of a pool.

    :param duration: for how long.
    :param operator: the running operator, with a method ``resume``.
    :param after: what has been done, for the log.
    :param carried: what ``resume`` is called with, as the event of the trigger.
    """
    until = datetime.now(UTC) + duration
    log.info(
        "%s. The task ends at %s UTC (cool_down). Until then it holds no worker slot, but its slot of the pool if that "
        "includes deferred tasks.",
        after,
        f"{until:%H:%M:%S}",
    )
    _defer_until(until, operator, carried)


def _defer_until(until: datetime, operator: BaseOperator, carried: dict[str, Any]) -> NoReturn:
    from airflow_provider_periskope.triggers.wait import PeriskopeWaitTrigger

    operator.defer(
        trigger=PeriskopeWaitTrigger(until, carried),
        method_name="resume",
        timeout=until - datetime.now(UTC) + TRIGGER_MARGIN,
    )


def _waiting_since(context: Any, carried: dict[str, Any]) -> datetime | None:
    if context.get("task_state_store") is not None:
        first: datetime | None = context["ti"].get_first_reschedule_date(context)
        return first
    return datetime.fromisoformat(carried["waiting_since"]) if carried.get("waiting_since") else None
