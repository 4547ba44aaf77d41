from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_periskope.api.responses import LONGEST_WAIT
from airflow_provider_periskope.exceptions import PeriskopeRateLimitError
from airflow_provider_periskope.triggers.events import UnloggedEvent
from airflow_provider_periskope.triggers.wait import PeriskopeWaitTrigger
from airflow_provider_periskope.waiting import wait_for_rate_limit

try:
    from airflow.sdk import BaseOperator
except ImportError:  # Airflow 2.11
    from airflow.models import BaseOperator
try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # below Airflow 3.2
    from airflow.exceptions import TaskDeferred
try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # before the task state store, with which alone it is raised
    AirflowRescheduleException = None


def limit_of(seconds: float) -> PeriskopeRateLimitError:
    return PeriskopeRateLimitError(
        "Too many.",
        retry_after=seconds,
        status=429,
        code="RATE_LIMIT_ERROR",
        api_message="slow down",
        trace_id="trace-1",
    )


def now() -> datetime:
    return datetime.now(UTC)


def context_of(*, store: object | None, first_reschedule: datetime | None = None) -> dict[str, Any]:
    ti = SimpleNamespace(get_first_reschedule_date=lambda _: first_reschedule)
    return {"task_state_store": store, "ti": ti}


def wait(
    seconds: float = 60,
    *,
    store: object | None = None,
    rate_limit_timeout: timedelta = timedelta(hours=1),
    first_reschedule: datetime | None = None,
    waiting_since: datetime | None = None,
) -> None:
    since = {"waiting_since": waiting_since.isoformat()} if waiting_since else {}
    wait_for_rate_limit(
        BaseOperator(task_id="create"),
        context_of(store=store, first_reschedule=first_reschedule),
        limit_of(seconds),
        rate_limit_timeout=rate_limit_timeout,
        carried={"records": {"group": {"identity": "x"}}, **since},
    )


@pytest.mark.skipif(
    Version(airflow.__version__) < Version("3.3.0b0"),
    reason="no task state store before Airflow 3.3: tests/dags/test_dags.py shows what a task does there",
)
class TestWithATaskStateStore:
    @pytest.mark.parametrize(
        ("seconds", "least"),
        [pytest.param(60, 60, id="as the API says"), pytest.param(0, 15, id="15 s at least")],
    )
    def test_reschedules(self, seconds: float, least: float) -> None:
        with pytest.raises(AirflowRescheduleException) as rescheduled:
            wait(seconds, store=object())
        left = (rescheduled.value.reschedule_date - now()).total_seconds()
        assert least - 1 < left <= least + 15

    def test_spreads_the_tasks(self) -> None:
        moments = set()
        for _ in range(5):
            with pytest.raises(AirflowRescheduleException) as rescheduled:
                wait(60, store=object())
            moments.add(round(rescheduled.value.reschedule_date.timestamp()))
        assert len(moments) > 1

    def test_is_bounded_by_what_passed_since_the_first_wait(self) -> None:
        with pytest.raises(
            PeriskopeRateLimitError, match="would exceed rate_limit_timeout=1:00:00, of which 35"
        ):
            wait(60, store=object(), first_reschedule=now() - timedelta(minutes=59))


class TestWithout:
    def test_defers_to_a_moment_with_all_that_is_known(self) -> None:
        since = now() - timedelta(minutes=10)
        with pytest.raises(TaskDeferred) as deferred:
            wait(60, waiting_since=since)
        assert deferred.value.method_name == "resume"
        path, arguments = deferred.value.trigger.serialize()
        assert path == f"{PeriskopeWaitTrigger.__module__}.PeriskopeWaitTrigger"
        assert 59 < (arguments["until"] - now()).total_seconds() <= 75
        assert arguments["carried"] == {
            "records": {"group": {"identity": "x"}},
            "waiting_since": since.isoformat(),
        }

    def test_ends_where_no_triggerer_runs(self) -> None:
        with pytest.raises(TaskDeferred) as deferred:
            wait(60)
        assert timedelta(minutes=11) <= deferred.value.timeout <= timedelta(minutes=12)

    def test_is_bounded_by_what_passed_since_the_first_wait(self) -> None:
        with pytest.raises(PeriskopeRateLimitError, match="would exceed rate_limit_timeout"):
            wait(60, waiting_since=now() - timedelta(minutes=59))


@pytest.mark.parametrize("store", [None, object()], ids=["without a store", "with a store"])
class TestTooLong:
    def test_keeps_what_the_api_said(self, store: object | None) -> None:
        with pytest.raises(PeriskopeRateLimitError) as error:
            wait(7200, store=store)
        assert error.value.retry_after == 7200
        assert (error.value.status, error.value.code, error.value.api_message) == (
            429,
            "RATE_LIMIT_ERROR",
            "slow down",
        )
        assert error.value.trace_id == "trace-1"
        assert "Increase rate_limit_timeout, or use a pool" in str(error.value)
        assert error.value.retryable

    def test_a_minute_more_than_is_left(self, store: object | None) -> None:
        with pytest.raises(
            PeriskopeRateLimitError, match="would exceed rate_limit_timeout=0:10:00, of which 0"
        ):
            wait(660, store=store, rate_limit_timeout=timedelta(minutes=10))


def test_may_be_allowed_to_wait_for_ever() -> None:
    """With the longest wait that the client reports."""
    with pytest.raises(TaskDeferred) as deferred:
        wait(LONGEST_WAIT, rate_limit_timeout=timedelta.max, waiting_since=now() - timedelta(days=300))
    _, arguments = deferred.value.trigger.serialize()
    assert (arguments["until"] - now()).total_seconds() > LONGEST_WAIT - 1


def test_the_event_of_a_trigger_shows_nothing_of_what_it_carries() -> None:
    event = UnloggedEvent(payload={"missing": ["919537851844"]})
    assert event.payload == {"missing": ["919537851844"]}
    for shown in (str(event), repr(event), f"{event}", repr([event])):
        assert "9195" not in shown
