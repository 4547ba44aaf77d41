"""What all operators share: the connection, waits for rate limits, and which errors a retry can cure."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.compat import BaseOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Context

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.once.doubt import Attempt, TaskTry


class PeriskopeOperator(BaseOperator):
    """
    Base of the operators. A subclass implements one method, ``act``.

    A rate limit is waited out, up to ``rate_limit_timeout``, without a worker slot and without using a retry. What no
    retry can cure (wrong key, wrong input, wrong plan) fails the task at once.

    :param rate_limit_timeout: how long one try may wait for rate limits in all. Default one hour.
    :param periskope_conn_id: Airflow connection of type Periskope (templated). Default ``periskope_default``.
    :param phone: another phone of the organisation than the connection's: digits, or a ``phone-…`` id (templated).
        Default ``None``.
    """

    template_fields: tuple[str, ...] = ("phone", "periskope_conn_id")
    ui_color = "#d9fdd3"

    default_doc_md = ""
    """What Airflow's UI shows as the documentation of a task whose author has written none (``doc_md``)."""

    def __init__(
        self,
        *,
        rate_limit_timeout: timedelta = timedelta(hours=1),
        periskope_conn_id: str = "periskope_default",
        phone: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not any((self.doc, self.doc_md, self.doc_json, self.doc_yaml, self.doc_rst)):
            self.doc_md = self.default_doc_md
        self.rate_limit_timeout = rate_limit_timeout
        self.periskope_conn_id = periskope_conn_id
        self.phone = phone
        self.refuse_constants({"rate_limit_timeout": rate_limit_timeout}, self.task_id)

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """
        Refuse arguments that can be checked while the DAG file is parsed; called for ``.partial()`` too.

        :param arguments: some of the operator's arguments, by name.
        :raises TypeError: if one is not of its type.
        :raises ValueError: if one has a value that does not exist.
        """
        timeout = arguments.get("rate_limit_timeout", timedelta())
        if not isinstance(timeout, timedelta):
            raise TypeError(
                f"rate_limit_timeout is {timeout!r}: expected a timedelta, such as timedelta(hours=1)"
            )

    @classmethod
    def refuse_constants(cls, arguments: Mapping[str, Any], task_id: str | None) -> None:
        """Call :meth:`check_constants`, and name the task in its error: Airflow shows only the end of a traceback."""
        try:
            cls.check_constants(arguments)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Task {task_id!r}: {error}") from None

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Return the operator with some of its arguments, to be mapped with ``.expand()``."""
        cls.refuse_constants(kwargs, kwargs.get("task_id"))
        return super().partial(**kwargs)

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> Any:
        """
        Do the work of the operator.

        :param context: context of the task.
        :param hook: hook of the task's connection and phone.
        :param attempt: what is known of this try and of earlier ones, for
            :func:`~airflow_provider_periskope.once.rule.make_once`.
        :return: what the task returns.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Do the work; called by Airflow."""
        return self._act(context, {})

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """
        Continue after a deferral; called by Airflow.

        From 3.3 on, only a ``cool_down`` is a deferral: after any other wait, Airflow calls :meth:`execute` again.

        :param context: context of the task.
        :param event: what was known before the wait, from
            :class:`~airflow_provider_periskope.triggers.wait.PeriskopeWaitTrigger`.
        """
        return self._act(context, event)

    def _act(self, context: Any, carried: dict[str, Any]) -> Any:
        # Whatever a DAG file that only names an operator does not need is imported here.
        from airflow_provider_periskope.api.connecting import CONNECT_TIMEOUT
        from airflow_provider_periskope.exceptions import PeriskopeRateLimitError
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook
        from airflow_provider_periskope.once.doubt import Attempt
        from airflow_provider_periskope.once.record import Memory
        from airflow_provider_periskope.waiting import wait_for_rate_limit

        memory = Memory(context.get("task_state_store"), carried.get("records"))
        with failing_without_retry():
            try:
                hook = PeriskopeHook(self.periskope_conn_id, phone=self.phone)
                attempt = Attempt(task_try_of(context), memory, hook.settings.read_timeout, CONNECT_TIMEOUT)
                return self.act(context, hook, attempt)
            except PeriskopeRateLimitError as limit:
                try:
                    wait_for_rate_limit(
                        self,
                        context,
                        limit,
                        rate_limit_timeout=self.rate_limit_timeout,
                        carried={**carried, "records": memory.carried()},
                    )
                except PeriskopeRateLimitError:
                    raise limit from None


@contextmanager
def failing_without_retry() -> Iterator[None]:
    """
    Fail the task at once for an error that no retry can cure.

    :raises AirflowFailException: in place of that error.
    """
    from airflow_provider_periskope.exceptions import PeriskopeError

    try:
        yield
    except PeriskopeError as error:
        if error.retryable:
            raise
        from airflow_provider_periskope.compat import AirflowFailException

        # The log shows an exception with those that it was raised from: once is enough.
        raise AirflowFailException(f"{type(error).__name__}: {error}") from None


def check_cool_down(arguments: Mapping[str, Any]) -> None:
    """
    Refuse a ``cool_down`` of another type.

    :param arguments: some of an operator's arguments, by name.
    :raises TypeError: if it is neither a timedelta nor ``None``.
    """
    cool_down = arguments.get("cool_down")
    if cool_down is not None and not isinstance(cool_down, timedelta):
        raise TypeError(f"cool_down is {cool_down!r}: expected a timedelta, such as timedelta(minutes=5)")


def task_try_of(context: Any) -> TaskTry:
    """Return what the context of a running task says of its tries."""
    from airflow_provider_periskope.once.doubt import TaskTry

    ti, run, task = context["ti"], context["dag_run"], context["task"]
    run_after = getattr(run, "run_after", None)  # Airflow 2.11 has none.
    due_at = run_after or run.data_interval_end or run.logical_date
    started_at = run.start_date or due_at
    # A backfill of the current interval starts at any moment of it. A clear after its end moves the start date, so that
    # this no longer shows.
    can_start_early = run.run_type == "backfill" or started_at < due_at
    # The command of Airflow 2.11 that resumes a backfill moves the run's start date, as a clear does.
    resumed = run_after is None and run.run_type == "backfill" and ti.try_number > 1
    # A clear of the run increments clear_number (3.x), and a clear of a task raises max_tries.
    cleared = bool(getattr(run, "clear_number", 0)) or ti.max_tries != task.retries or resumed
    return TaskTry(
        number=ti.try_number,
        is_mapped=ti.map_index >= 0,
        cleared=cleared,
        run_started_at=started_at,
        run_due_at=due_at,
        interval_started_at=(run.data_interval_start or run.logical_date) if can_start_early else None,
        # A clear gives the task all its retries once more.
        first_number=max(1, min(ti.try_number, ti.max_tries - task.retries + 1)),
    )
