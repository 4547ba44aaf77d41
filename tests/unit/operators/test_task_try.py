"""What an operator reads from the context of a task: by it alone a later try without a record knows what is its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.operators.base import task_try_of

if TYPE_CHECKING:
    from airflow_provider_periskope.once.doubt import TaskTry

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def task_try(
    *, number: int = 1, retries: int = 1, max_tries: int = 1, map_index: int = -1, **of_run: Any
) -> TaskTry:
    run: dict[str, Any] = {
        "run_type": "scheduled",
        "start_date": NOW,
        "data_interval_start": LONG_AGO - DAY,
        "data_interval_end": LONG_AGO,
        "logical_date": LONG_AGO - DAY,
        **of_run,
    }
    ti = SimpleNamespace(try_number=number, max_tries=max_tries, map_index=map_index)
    return task_try_of(
        {"ti": ti, "dag_run": SimpleNamespace(**run), "task": SimpleNamespace(retries=retries)}
    )


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual"])
def test_a_run_has_started_when_it_says_and_was_due_when_its_interval_ended(run_type: str) -> None:
    for of_airflow_3 in ({}, {"run_after": LONG_AGO, "clear_number": 0}):
        read = task_try(run_type=run_type, **of_airflow_3)
        assert (read.run_started_at, read.run_due_at) == (NOW, LONG_AGO)
        assert read.earliest_start == (LONG_AGO - DAY if run_type == "backfill" else LONG_AGO)
        assert not read.cleared


@pytest.mark.parametrize("now", [NOW, NOW + 3 * DAY], ids=["before its interval has ended", "after that"])
def test_a_backfill_can_have_started_at_any_moment_of_its_interval(now: datetime) -> None:
    interval = {"data_interval_start": NOW - DAY / 2, "data_interval_end": NOW + DAY / 2}
    read = task_try(run_type="backfill", start_date=now, max_tries=3, **interval)
    assert (read.earliest_start, read.run_due_at) == (NOW - DAY / 2, NOW + DAY / 2)


def test_a_run_without_an_interval_was_due_when_airflow_says() -> None:
    triggered = {"data_interval_start": None, "data_interval_end": None, "logical_date": None}
    assert task_try(run_after=NOW, **triggered).run_due_at == NOW


@pytest.mark.parametrize(
    ("fields", "cleared"),
    [
        pytest.param({}, False, id="neither"),
        pytest.param({"number": 2}, False, id="a retry"),
        pytest.param({"clear_number": 0, "run_after": LONG_AGO}, False, id="3.x"),
        pytest.param({"clear_number": 1, "run_after": LONG_AGO}, True, id="the run, 3.x"),
        pytest.param({"max_tries": 3}, True, id="the task"),
        pytest.param({"run_type": "backfill", "number": 2}, True, id="a backfill of 2.11 that was resumed"),
        pytest.param({"run_type": "backfill"}, False, id="a backfill of 2.11, first try"),
        pytest.param(
            {"run_type": "backfill", "number": 2, "run_after": LONG_AGO},
            False,
            id="a retry in a backfill of 3.x",
        ),
    ],
)
def test_cleared(fields: dict[str, Any], cleared: bool) -> None:
    assert task_try(**fields).cleared is cleared


def test_mapped() -> None:
    assert not task_try().is_mapped
    assert task_try(map_index=0).is_mapped


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        pytest.param({"retries": 2, "max_tries": 2, "number": 3}, 1, id="never cleared"),
        pytest.param({"retries": 2, "max_tries": 3, "number": 2}, 2, id="cleared after its first try"),
        pytest.param({"retries": 2, "max_tries": 3, "number": 4}, 2, id="the last retry after that"),
        pytest.param(
            {"retries": 0, "max_tries": 5, "number": 6}, 6, id="cleared five times, without retries"
        ),
        pytest.param({"retries": 9, "max_tries": 2, "number": 2}, 1, id="given more retries meanwhile"),
        pytest.param({"retries": 0, "max_tries": 9, "number": 2}, 2, id="given fewer retries meanwhile"),
    ],
)
def test_the_first_try_since_the_last_clear(fields: dict[str, int], first: int) -> None:
    assert task_try(**fields).first_number == first
