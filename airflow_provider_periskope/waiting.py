"""Waiting for a rate limit without a worker slot and without spending a retry."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_periskope.exceptions import PeriskopeRateLimitError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

log = logging.getLogger(__name__)

SHORTEST = 15.0
"""Seconds; a task that comes back sooner is taken for its own first start, whose end the scheduler has yet to see."""

LONGEST = 366 * 24 * 3600.0
"""Seconds; what an API asks for beyond that is a slip of its (milliseconds, say), and no calendar may have the date."""

JITTER = 15.0
"""Seconds over which tasks spread that met the limit together."""

TRIGGER_MARGIN = timedelta(minutes=10)
"""How late a triggerer may be before a deferred task is given up; without one it would wait for ever."""


def wait_without_slot(
    operator: BaseOperator,
    context: Any,
    limit: PeriskopeRateLimitError,
    *,
    max_wait: timedelta,
    waiting_since: str | None,
    method_name: str,
    carried: dict[str, Any],
) -> NoReturn:
    """
    End this start of the task, so that it goes on once the API takes requests again.

    From Airflow 3.3 on the task is rescheduled and runs ``execute`` again, with what it knows in the task state store.
    Below, a reschedule would forget that, so the task is deferred to a time trigger, and what it knows goes along.

    :param operator: the running operator.
    :param context: its context.
    :param limit: what the API said.
    :param max_wait: how long the task may wait in all.
    :param waiting_since: when it began to wait, ISO 8601, if it has been deferred before.
    :param method_name: method that a deferred task goes on with.
    :param carried: keyword arguments for it; ``waiting_since`` is added.
    :raises PeriskopeRateLimitError: if the wait would go beyond ``max_wait``.
    """
    now = datetime.now(UTC)
    reschedules = context.get("task_state_store") is not None
    if reschedules:
        since = context["ti"].get_first_reschedule_date(context) or now
    else:
        since = datetime.fromisoformat(waiting_since) if waiting_since else now
    seconds = min(max(limit.retry_after, SHORTEST), LONGEST) + random.uniform(0, JITTER)  # noqa: S311
    until = now + timedelta(seconds=seconds)
    if until > since + max_wait:
        waited = (now - since).total_seconds()
        raise PeriskopeRateLimitError(
            f"{limit} Waiting until {until:%H:%M:%S} UTC would go beyond max_wait={max_wait}, {waited:.0f} s of which "
            "have passed. The task's own retries apply; give it more max_wait, or a pool so that fewer run at once.",
            retry_after=limit.retry_after,
            status=limit.status,
            code=limit.code,
            api_message=limit.message,
            fields=limit.fields,
            trace_id=limit.trace_id,
        ) from None
    log.info(
        "Rate limit of the API: this task goes on at %s UTC (in %.0f s). It holds no worker slot meanwhile and spends "
        "no retry.",
        f"{until:%H:%M:%S}",
        (until - now).total_seconds(),
    )
    if reschedules:
        from airflow.sdk.exceptions import AirflowRescheduleException

        raise AirflowRescheduleException(until)  # type: ignore[no-untyped-call]
    operator.defer(
        trigger=_time_trigger(until),
        method_name=method_name,
        kwargs={**carried, "waiting_since": since.isoformat()},
        timeout=until - now + TRIGGER_MARGIN,
    )


def _time_trigger(until: datetime) -> Any:
    try:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    except ImportError:  # Airflow 2.11 has it in its core.
        from airflow.triggers.temporal import DateTimeTrigger  # type: ignore[import-not-found,no-redef]
    return DateTimeTrigger(until)
