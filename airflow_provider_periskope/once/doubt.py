"""Whether an earlier try may have sent a request, and in which period its result can appear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_periskope.connection_form import DEFAULT_READ_TIMEOUT
from airflow_provider_periskope.once.record import State

if TYPE_CHECKING:
    from airflow_provider_periskope.once.record import Memory, Record

CLOCK_MARGIN = timedelta(seconds=30)
"""How far the clock that stamps what was created may be behind the one that dates the API's responses."""

WORKERS_CLOCK_MARGIN = timedelta(minutes=3)
"""How far the clocks of the scheduler and of two workers may differ."""

ON_TIME = timedelta(days=1)
"""How long after a run was due its first requests are expected, where it is not known when it really started."""


@dataclass(frozen=True)
class TaskTry:
    """
    What Airflow says of the tries of a task.

    :param number: number of this try.
    :param is_mapped: whether the task is one of several mapped instances, whose list may change at a clear.
    :param cleared: whether an earlier start of the run may have been followed by a clear, which moves its start date.
    :param run_started_at: when the run started, or started again after it was cleared.
    :param run_due_at: when the run was due.
    :param interval_started_at: for a run that can start before it is due, when its data interval started.
    :param first_number: number of the first try since the task was cleared last.
    """

    number: int
    is_mapped: bool
    cleared: bool
    run_started_at: datetime
    run_due_at: datetime
    interval_started_at: datetime | None = None
    first_number: int = 1

    @property
    def earliest_start(self) -> datetime:
        """The earliest moment at which the run can have started for the first time."""
        return min(self.run_due_at, self.run_started_at, self.interval_started_at or self.run_due_at)


@dataclass(frozen=True)
class Window:
    """
    When the result of an earlier request was created, and until when it may appear; by the worker's clock.

    :param opens_at: what was created before this is not the result.
    :param closes_at: what has not appeared by this moment does not exist.
    :param doubtful: the period whose results may as well be those of another run; ``None`` if never.
    """

    opens_at: datetime
    closes_at: datetime
    doubtful: tuple[datetime, datetime] | None = None

    def contains(self, created_at: datetime) -> bool:
        """Return whether something that was created at this moment can be the result."""
        return created_at >= self.opens_at

    def is_certain(self, created_at: datetime) -> bool:
        """Return whether it cannot be that of another run."""
        return not (self.doubtful and self.doubtful[0] <= created_at < self.doubtful[1])


@dataclass(frozen=True)
class Attempt:
    """
    Everything that the rule may ask about this try.

    :param task_try: what Airflow says of the tries.
    :param memory: where records are kept.
    :param read_timeout: seconds that a request waits for its response, of the connection.
    :param connect_timeout: seconds that may pass between the record and the request, to connect.
    """

    task_try: TaskTry
    memory: Memory
    read_timeout: float
    connect_timeout: float

    @property
    def number(self) -> int:
        """Number of this try."""
        return self.task_try.number

    def since_clear(self) -> Attempt:
        """Return this attempt without what was before the last clear, as if the run had begun with that."""
        number = self.number - self.task_try.first_number + 1
        return replace(self, task_try=replace(self.task_try, number=number, cleared=False, first_number=1))

    def window_of_earlier_one(self, record: Record, kind: str, settling: timedelta) -> Window | None:
        """
        Return when an earlier request can have created the result.

        :param record: the record as this try finds it.
        :param kind: what is created.
        :param settling: how long after a request has ended its result may still appear.
        :return: the window; ``None`` if no earlier request can have been sent.
        """
        if record.sent_at and record.first_sent_at:
            opens_at = record.first_sent_at - CLOCK_MARGIN - WORKERS_CLOCK_MARGIN
            return Window(opens_at, self._closes_at(record, record.sent_at, settling))
        if record.state is State.UNSENT and self._is_up_to_date(record):
            return None
        if not self._may_have_sent_without_record(self.memory.latest(kind)):
            return None
        window = self._window_without_record(settling)
        if record.state is State.LOOKED and self._is_up_to_date(record):
            return replace(window, closes_at=_now())
        return window

    def window_after(self, sent: Record, settling: timedelta) -> Window:
        """Return when the request that this try has just sent can have created the result."""
        sent_before = sent.first_sent_at != sent.sent_at
        margin = CLOCK_MARGIN + (WORKERS_CLOCK_MARGIN if sent_before else timedelta())
        return Window((sent.first_sent_at or _now()) - margin, _now() + settling)

    def _is_up_to_date(self, record: Record) -> bool:
        """Return whether nothing can have been sent for this identity since its record was written."""
        # What a deferral carried can reach a later try, if the worker of this one is lost. And after a clear, another
        # mapped instance may have had this identity in between.
        return record.on_try == self.number or (
            self.memory.outlives_tries and not (self.task_try.is_mapped and self.task_try.cleared)
        )

    def _may_have_sent_without_record(self, latest: Record | None) -> bool:
        # It is the record of something else, because the task was cleared with other arguments or its mapped list has
        # changed; or one that is outdated.
        if latest:
            return True
        if self.task_try.is_mapped:
            return self.number > 1 or self.task_try.cleared
        if self.number == 1:
            return False
        # With a task state store, a request would have left its record, and only time, a setting or a person removes
        # records, after the task has succeeded.
        return self.task_try.cleared or not self.memory.outlives_tries

    def _closes_at(self, record: Record, sent_at: datetime, settling: timedelta) -> datetime:
        now = _now()
        ended_at = min(sent_at, now) + timedelta(seconds=self.connect_timeout + self.read_timeout)
        if not self._is_up_to_date(record):
            return max(ended_at + settling, self._closes_if_still_under_way(settling))
        if record.state is State.LOOKED:
            return now
        # Its worker's clock may have been behind, but only by so much.
        return min(
            max(ended_at + settling, self._closes_if_still_under_way(settling)),
            ended_at + settling + WORKERS_CLOCK_MARGIN,
        )

    def _closes_if_still_under_way(self, settling: timedelta) -> datetime:
        # Airflow starts a new try after it has missed a worker's heartbeat for minutes. A request of that worker has
        # ended by then, unless the connection allows it more time than usual.
        return _now() + settling + timedelta(seconds=max(0.0, self.read_timeout - DEFAULT_READ_TIMEOUT))

    def _window_without_record(self, settling: timedelta) -> Window:
        margin = CLOCK_MARGIN + WORKERS_CLOCK_MARGIN
        closes_at = self._closes_if_still_under_way(settling)
        started_at = self.task_try.run_started_at - margin
        if not self.task_try.cleared:
            return Window(started_at, closes_at)
        # When the run started for the first time is not known. It was due then, but a catch-up or a backfill starts
        # long after that, and other runs with the same name may have come in between.
        opens_at = self.task_try.earliest_start - margin
        return Window(opens_at, closes_at, doubtful=(self.task_try.run_due_at + ON_TIME, started_at))


def _now() -> datetime:
    return datetime.now(UTC)
