"""The operator that makes a WhatsApp group, and its link."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

try:
    from airflow.sdk import BaseOperator, BaseOperatorLink
except ImportError:  # Airflow 2.11
    from airflow.models import BaseOperator, BaseOperatorLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_periskope.group_record import GroupRecord
    from airflow_provider_periskope.one_group import IfExists

INVITE_LINK_KEY = "invite_link"
OUTCOME_KEY = "outcome"

TASK_DOC = """\
Makes a WhatsApp group with the company's own phone, and no second one when a try fails.

XCom of this task: **return_value** is the chat ID, **invite_link** lets people join, **outcome** says whether the \
group was created by this run or reused from before it. The link *Join WhatsApp group* stands under Details.

A failed task says in its log what happened and what to do. One with an unknown outcome may be cleared: it looks for \
the group before it sends anything.
"""
"""What Airflow's UI shows as the documentation of a task whose author has written none (``doc_md``)."""


class PeriskopeGroupLink(BaseOperatorLink):
    """Link of a task to the group that it made: whoever opens it can join."""

    name = "Join WhatsApp group"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the group's invite link; empty where there is none."""
        # Airflow 3 asks at the end of the task, of one that failed too, and would log a missing XCom as an error.
        if isinstance(operator, PeriskopeCreateGroupOperator):
            return operator.invite_link or ""
        try:
            from airflow.sdk.execution_time.xcom import XCom
        except ImportError:  # Airflow 2.11
            from airflow.models.xcom import XCom  # type: ignore[no-redef]

        return XCom.get_value(key=INVITE_LINK_KEY, ti_key=ti_key) or ""


class PeriskopeCreateGroupOperator(BaseOperator):
    """
    Make a WhatsApp group with the company's own phone, once, and hand on its chat ID.

    Whatever fails (a lost answer, a killed worker, a retry, a clear), one task of one run makes one group; what can't
    be promised about that stands in the documentation, under "One group, whatever fails". The name must be the same on
    every try, and its own for each group: put a date, a customer's id or the like into it, never the moment of the try.

    A rate limit is waited for, up to ``max_wait``, without a worker slot and without spending a retry. What no retry
    can cure (wrong key, wrong input, wrong plan) fails the task at once.

    :param group_name: name of the group (templated), 1 to 100 characters.
    :param participants: numbers of the people to add, with country code, in any spelling (templated): a list, the
        output of a task, or the text that a template makes of a list; 1 to 1,023. People who are not in the phone's
        contacts, or do not allow it, are invited instead.
    :param options: options of the group (templated) by the API's names or in snake_case: ``description``, ``image``
        (public URL), ``messagesAdminsOnly``, ``infoAdminsOnly``, ``addMembersAdminsOnly``, ``force_add_participants``.
        What is not given is not sent. Default ``None``.
    :param if_exists: what to do about a group of this name that is there from before the run: ``"create"`` another one
        (default), ``"reuse"`` it, or ``"fail"``.
    :param max_wait: how long one try may wait for rate limits in all. Default one hour.
    :param periskope_conn_id: Airflow connection of type Periskope (templated). Default ``periskope_default``.
    :param phone: another phone of the organisation than the connection's: digits, or a ``phone-…`` id (templated).
    :return: the chat ID, such as ``120363392071406466@g.us``. Further XCom keys: ``invite_link``, and ``outcome``:
        ``created`` (by this run, on whichever try) or ``reused`` (from before it). The event of an asset in ``outlets``
        gets ``chat_id`` and ``group_name`` as its extra.
    :raises AirflowFailException: for what no retry can cure.
    :raises PeriskopeOutcomeUnknownError: if nobody knows whether the group was made; the next try looks first.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``max_wait``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeNoConnectionError: if there is no such Airflow connection, or a secrets backend can't give it.

    .. seealso:: https://docs.periskope.app/api-reference/group/create-group
    """

    template_fields = ("group_name", "participants", "options", "phone", "periskope_conn_id")
    template_fields_renderers: ClassVar = {"participants": "json", "options": "json"}
    operator_extra_links = (PeriskopeGroupLink(),)
    ui_color = "#d9fdd3"

    invite_link: str | None = None
    """The link, once the task has run."""

    def __init__(
        self,
        *,
        group_name: str,
        participants: Iterable[str | int] | str,
        options: Mapping[str, Any] | str | None = None,
        if_exists: IfExists = "create",
        max_wait: timedelta = timedelta(hours=1),
        periskope_conn_id: str = "periskope_default",
        phone: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not any((self.doc, self.doc_md, self.doc_json, self.doc_yaml, self.doc_rst)):
            self.doc_md = TASK_DOC
        self.group_name = group_name
        self.participants = participants
        self.options = options
        self.if_exists = if_exists
        self.max_wait = max_wait
        self.periskope_conn_id = periskope_conn_id
        self.phone = phone
        if if_exists not in ("create", "reuse", "fail"):
            raise ValueError(f"if_exists is {if_exists!r}: it takes 'create', 'reuse' or 'fail'")
        if not isinstance(max_wait, timedelta):
            raise TypeError(f"max_wait is {max_wait!r}: it takes a timedelta, such as timedelta(hours=1)")

    def execute(self, context: Context) -> str:
        """Make the group; called by Airflow."""
        return self._make_group(context, record=None, waiting_since=None)

    def go_on_after_waiting(
        self,
        context: Context,
        event: Any = None,  # noqa: ARG002
        *,
        record: dict[str, Any] | None = None,
        waiting_since: str | None = None,
    ) -> str:
        """
        Go on after a rate limit; called by Airflow below 3.3 (newer ones call :meth:`execute` again).

        :param context: context of the task.
        :param event: what the time trigger says; of no interest.
        :param record: what was known of the group before the wait.
        :param waiting_since: when the wait began, ISO 8601.
        """
        return self._make_group(context, record=record, waiting_since=waiting_since)

    def _make_group(self, context: Any, *, record: dict[str, Any] | None, waiting_since: str | None) -> str:
        # Whatever a DAG file that only names this operator does not need is imported here.
        try:
            from airflow.sdk.exceptions import AirflowFailException
        except ImportError:  # below Airflow 3.2
            from airflow.exceptions import AirflowFailException  # type: ignore[no-redef]

        from airflow_provider_periskope.exceptions import PeriskopeError, PeriskopeRateLimitError
        from airflow_provider_periskope.group_record import GroupMemory
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook
        from airflow_provider_periskope.one_group import TaskTry, make_one_group
        from airflow_provider_periskope.waiting import wait_without_slot

        memory = GroupMemory(context.get("task_state_store"), record)
        hook = PeriskopeHook(self.periskope_conn_id, phone=self.phone)
        try:
            group = hook.check_group(self.group_name, self.participants, self.options)
            made = make_one_group(
                hook, group, task_try=TaskTry.of(context), memory=memory, if_exists=self.if_exists
            )
        except PeriskopeRateLimitError as limit:
            wait_without_slot(
                self,
                context,
                limit,
                max_wait=self.max_wait,
                waiting_since=waiting_since,
                method_name=self.go_on_after_waiting.__name__,
                carried={"record": memory.carried()},
            )
        except PeriskopeError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error
        self._hand_on(context, made, group.group_name)
        return str(made.chat_id)

    def _hand_on(self, context: Any, made: GroupRecord, group_name: str) -> None:
        self.invite_link = made.invite_link
        # Empty if there is none: a task that takes the link would fail over a key that is missing, or None.
        context["ti"].xcom_push(key=INVITE_LINK_KEY, value=made.invite_link or "")
        context["ti"].xcom_push(key=OUTCOME_KEY, value=made.outcome)
        for outlet in self.outlets:
            if hasattr(outlet, "uri"):  # an alias has none, and no event of its own
                context["outlet_events"][outlet].extra.update(chat_id=made.chat_id, group_name=group_name)
