"""The sensor that waits until people are in a WhatsApp group."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_periskope.compat import BaseSensorOperator, conf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context, PokeReturnValue, XComArg

    from airflow_provider_periskope.membership import Wanted

MOST_FAILURES = 10
"""How many reads in a row may fail."""


class PeriskopeGroupMembersSensor(BaseSensorOperator):
    """
    Wait until people are in a WhatsApp group, and return who is missing.

    Who is only invited is not in the group; a private invitation lasts three days. The phone itself does not count.

    Members whom WhatsApp shows without their number are counted, but it is not known who they are. So ``at_least`` can
    always be decided, and ``everybody`` only as long as everybody is shown with a number; the log says if it cannot.

    A single failed read ends nothing: the task fails after ten in a row, and at once for what no retry can cure. The
    timeout is final: no retry follows.

    :param chat_id: id of the group (templated).
    :param at_least: how many people must be in (templated), whoever they are. Give this or ``everybody``.
    :param everybody: numbers of the people who must all be in, with country code, in any spelling (templated): a list,
        the output of a task, or the text that a template makes of a list.
    :param expected: with ``at_least``, numbers of the people among whom the result names who is missing (templated).
        Default ``None``.
    :param poke_interval: seconds between two reads, or a timedelta. Default 300.
    :param timeout: how long to wait in all, in seconds, or a timedelta. Default three days.
    :param deferrable: whether to wait in the triggerer, without a worker slot. Default: ``[operators]
        default_deferrable`` of the Airflow configuration.
    :param periskope_conn_id: Airflow connection of type Periskope (templated). Default ``periskope_default``.
    :param phone: another phone of the organisation than the connection's: digits, or a ``phone-…`` id (templated).
        Default ``None``.
    :return: ``{"in": 5, "missing": ["919537851844"]}``: how many people are in, and who of ``everybody`` or
        ``expected`` is not known to be in, as digits. If members are shown without a number, ``hidden`` says how many:
        they may be among the missing. After a timeout, the XCom of the task holds the same.
    :raises AirflowSensorTimeout: after ``timeout``; with ``soft_fail=True``, the task is skipped instead.
    :raises AirflowFailException: for what no retry can cure.

    .. seealso:: https://docs.periskope.app/api-reference/chats/get-chat
    """

    template_fields = ("chat_id", "at_least", "everybody", "expected", "phone", "periskope_conn_id")
    template_fields_renderers: ClassVar = {"everybody": "json", "expected": "json"}
    custom_operator_name = "Wait for WhatsApp group"
    ui_color = "#d9fdd3"

    def __init__(
        self,
        *,
        chat_id: str | XComArg,
        at_least: int | str | XComArg | None = None,
        everybody: Iterable[str | int] | str | XComArg | None = None,
        expected: Iterable[str | int] | str | XComArg | None = None,
        poke_interval: float | timedelta = 300,
        timeout: float | timedelta = timedelta(days=3),
        deferrable: bool | None = None,
        periskope_conn_id: str = "periskope_default",
        phone: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        if (at_least is None) == (everybody is None):
            raise ValueError("at_least and everybody: expected exactly one of them")
        if everybody is not None and expected is not None:
            raise ValueError("expected belongs to at_least: with everybody, everybody is expected")
        self.chat_id = chat_id
        self.at_least = at_least
        self.everybody = everybody
        self.expected = expected
        self.deferrable = (
            conf.getboolean("operators", "default_deferrable", fallback=False)
            if deferrable is None
            else deferrable
        )
        self.periskope_conn_id = periskope_conn_id
        self.phone = phone
        self._pause = 0.0
        self._failures = 0
        self._last_result: dict[str, Any] | None = None

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Read the group once; called by Airflow."""
        del context
        from airflow_provider_periskope.compat import AirflowFailException, PokeReturnValue
        from airflow_provider_periskope.exceptions import PeriskopeError, PeriskopeRateLimitError
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook

        self._pause = 0.0
        try:
            chat_id, wanted = self._checked()
            membership = PeriskopeHook(self.periskope_conn_id, phone=self.phone).get_membership(chat_id)
        except PeriskopeRateLimitError as limit:
            self._pause = limit.retry_after
            self.log.info(
                "API rate limit reached. The next read follows in %.0f s at the earliest.", self._pause
            )
            return False
        except PeriskopeError as error:
            if not error.retryable:
                raise AirflowFailException(f"{type(error).__name__}: {error}") from None
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise
            self.log.warning("Reading the group failed (%d in a row): %s", self._failures, error)
            return False
        self._failures = 0
        self._last_result = wanted.result(membership)
        self.log.info("%s.", wanted.describe(self._last_result))
        return PokeReturnValue(wanted.is_met_by(membership), self._last_result)

    def execute(self, context: Context) -> Any:
        """Wait in the way of the task's mode; called by Airflow."""
        from airflow_provider_periskope.compat import (
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )

        try:
            if not self.deferrable:
                return super().execute(context)
            if poke_return := self.poke(context):
                return getattr(poke_return, "xcom_value", None)
        except AirflowFailException:
            if self.deferrable and self.soft_fail:
                raise AirflowSkipException("Skipped, because soft_fail is set.") from None
            raise
        except (AirflowSensorTimeout, AirflowSkipException):
            self._push(context, self._last_result)
            raise
        return self._defer()

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """
        End with what the trigger reports; called by Airflow.

        :param context: context of the task.
        :param event: status, result and error of the trigger.
        """
        from airflow_provider_periskope.compat import AirflowFailException, AirflowSensorTimeout
        from airflow_provider_periskope.exceptions import PeriskopeError

        if event["status"] == "met":
            return event["result"]
        if event["status"] == "failed":
            if event["retryable"]:
                raise PeriskopeError(event["error"])
            raise AirflowFailException(event["error"])
        self._push(context, event["result"])
        wanted = self._checked()[1]
        said = wanted.describe(event["result"]) if event["result"] else "The group could not be read"
        raise AirflowSensorTimeout(f"Timed out after {timedelta(seconds=self.timeout)}. {said}.")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after a deferral; called by Airflow."""
        # Without a triggerer, Airflow itself ends the deferral. Airflow 2.11 would retry that.
        if next_method == "__fail__" and "timeout" in str((next_kwargs or {}).get("error", "")).lower():
            next_method, next_kwargs = "resume", {"event": {"status": "timeout", "result": None}}
        return super().resume_execution(next_method, next_kwargs, context)

    def _checked(self) -> tuple[str, Wanted]:
        from airflow_provider_periskope.input.participants import check_wanted

        return check_wanted(self.chat_id, self.at_least, self.everybody, self.expected)

    def _get_next_poke_interval(self, *arguments: Any, **named: Any) -> float:
        # Called by Airflow after each read. What the API asks for counts for more than the interval.
        return max(self._pause, super()._get_next_poke_interval(*arguments, **named))

    def _defer(self) -> None:
        from airflow_provider_periskope.triggers.group import PeriskopeGroupMembersTrigger
        from airflow_provider_periskope.waiting import TRIGGER_MARGIN

        chat_id, wanted = self._checked()
        now = datetime.now(UTC)
        timeout = timedelta(seconds=self.timeout)
        self.defer(
            trigger=PeriskopeGroupMembersTrigger(
                chat_id=chat_id,
                people=list(wanted.people),
                at_least=wanted.at_least,
                periskope_conn_id=self.periskope_conn_id,
                phone=self.phone,
                poke_interval=self.poke_interval,
                end_at=now + timeout,
                not_before=now + timedelta(seconds=self._pause) if self._pause else None,
            ),
            method_name="resume",
            timeout=timeout + TRIGGER_MARGIN,
        )

    def _push(self, context: Any, result: Mapping[str, Any] | None) -> None:
        """Push the result of a task that times out, so that another one can continue with who is missing."""
        if result is not None and self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=result)
