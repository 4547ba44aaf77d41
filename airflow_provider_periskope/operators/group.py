"""The operators that create a WhatsApp group, change it and close it; and the link to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_periskope.compat import BaseOperatorLink
from airflow_provider_periskope.operators.base import PeriskopeOperator, check_cool_down

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import BaseOperator, Context, XComArg
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.once.doubt import Attempt
    from airflow_provider_periskope.once.group import IfExists

INVITE_LINK_KEY = "invite_link"
OUTCOME_KEY = "outcome"


class PeriskopeGroupLink(BaseOperatorLink):
    """Link of a task to the group that it created: whoever opens it can join."""

    name = "Join WhatsApp group"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the group's invite link; empty where there is none."""
        # Airflow 3 asks at the end of every task, also of a failed one, and logs a missing XCom as an error.
        if isinstance(operator, PeriskopeCreateGroupOperator):
            return operator.invite_link or ""
        from airflow_provider_periskope.compat import XCom

        return XCom.get_value(key=INVITE_LINK_KEY, ti_key=ti_key) or ""


class PeriskopeCreateGroupOperator(PeriskopeOperator):
    """
    Create a WhatsApp group with the company's own phone, once, and return its chat ID.

    Whatever fails (a lost response, a killed worker, a retry, a clear), one task of one run creates one group; the
    documentation says under "One group, whatever fails" what cannot be promised. The name must be the same on every try
    and different for each group: include a date, a customer's id or the like, never the moment of the try.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param group_name: name of the group (templated), 1 to 100 characters.
    :param participants: numbers of the people to add, with country code, in any spelling (templated): a list, the
        output of a task, or the text that a template makes of a list; 1 to 1,023. People who are not in the phone's
        contacts, or do not allow it, are invited instead.
    :param options: options of the group (templated) by the API's names or in snake_case: ``description``, ``image``
        (public URL), ``messagesAdminsOnly``, ``infoAdminsOnly``, ``addMembersAdminsOnly``, ``force_add_participants``.
        What is not given is not sent. Default ``None``.
    :param if_exists: what to do about a group of this name that exists from before the run: ``"create"`` another one
        (default), ``"reuse"`` it, or ``"fail"``.
    :param cool_down: how long the task lasts after it has created a group, without a worker slot. It keeps its slot
        of a pool that includes deferred tasks, so that a pool with one slot spaces the groups of a phone. Needs a
        triggerer on each Airflow. Default ``None``: the task ends at once.
    :return: the chat ID, such as ``120363392071406466@g.us``. Further XCom keys: ``invite_link``, and ``outcome``:
        ``created`` (by this run, on whichever try) or ``reused`` (from before it). The event of an asset in ``outlets``
        gets ``chat_id`` and ``group_name`` as its extra.
    :raises AirflowFailException: for what no retry can cure.
    :raises PeriskopeOutcomeUnknownError: if it is unknown whether the group was created; the next try looks first.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/group/create-group
    """

    template_fields = ("group_name", "participants", "options", *PeriskopeOperator.template_fields)
    template_fields_renderers: ClassVar = {"participants": "json", "options": "json"}
    operator_extra_links = (PeriskopeGroupLink(),)
    custom_operator_name = "Create WhatsApp group"
    default_doc_md = """\
Creates a WhatsApp group with the company's own phone, and no second one when a try fails.

XCom of this task: **return_value** is the chat ID, **invite_link** lets people join, **outcome** says whether the \
group was created by this run or reused from before it. The link *Join WhatsApp group* is shown under Details.

A failed task says in its log what happened and what to do. If the outcome is unknown, the task can be cleared: it \
looks for the group before it sends anything.
"""

    invite_link: str | None = None
    """The link, once the task has run."""

    def __init__(
        self,
        *,
        group_name: str | XComArg,
        participants: Iterable[str | int] | str | XComArg,
        options: Mapping[str, Any] | str | XComArg | None = None,
        if_exists: IfExists = "create",
        cool_down: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group_name = group_name
        self.participants = participants
        self.options = options
        self.if_exists = if_exists
        self.cool_down = cool_down
        self.refuse_constants(
            {"if_exists": if_exists, "options": options, "cool_down": cool_down}, self.task_id
        )

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse an ``if_exists`` and names of options that do not exist, and a ``cool_down`` of another type."""
        super().check_constants(arguments)
        if_exists = arguments.get("if_exists", "create")
        if if_exists not in ("create", "reuse", "fail"):
            raise ValueError(f"if_exists is {if_exists!r}: expected 'create', 'reuse' or 'fail'")
        _check_option_names(arguments.get("options"))
        check_cool_down(arguments)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Return the operator with some of its arguments, to be mapped with ``.expand()``; the name must be mapped."""
        name = kwargs.get("group_name")
        if isinstance(name, str) and "{" not in name:
            raise ValueError(
                f"Task {kwargs.get('task_id')!r}: group_name is the same for all mapped instances. "
                "What to do: map over it too, for example with expand_kwargs."
            )
        return super().partial(**kwargs)

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> str:
        """Create the group, or find the one that an earlier attempt has created."""
        from airflow_provider_periskope.input.group import check_group
        from airflow_provider_periskope.once.group import OneGroup
        from airflow_provider_periskope.once.rule import make_once
        from airflow_provider_periskope.waiting import keep_pool_slot_for

        group, warnings = check_group(
            self.group_name, self.participants, self.options, own_digits=hook.own_digits
        )
        for warning in warnings:
            self.log.warning("Group %r: %s", group.group_name, warning)
        self._log_catch_up(context, attempt)
        one_group = OneGroup(hook, group, if_exists=self.if_exists)
        result = make_once(one_group, attempt)
        if self.cool_down and one_group.was_sent:
            keep_pool_slot_for(
                self.cool_down,
                self,
                after=f"The {one_group} is on record",
                carried={"created": dict(result), "group_name": group.group_name},
            )
        self._pass_on(context, result, group.group_name)
        return str(result["chat_id"])

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue after a wait: after that of ``cool_down``, with the group that was created before it."""
        if "created" not in event:
            return super().resume(context, event)
        # Whatever the templates render to now, this start creates nothing.
        self._pass_on(context, event["created"], event["group_name"])
        return event["created"]["chat_id"]

    def _log_catch_up(self, context: Any, attempt: Attempt) -> None:
        task_try = attempt.task_try
        late = task_try.run_started_at - task_try.run_due_at
        if context["dag_run"].run_type == "scheduled" and late > timedelta(days=1):
            self.log.warning(
                "This run was due at %s and started %s later: it is a catch-up. WhatsApp can block a phone that "
                "creates many groups at once.",
                f"{task_try.run_due_at:%Y-%m-%d %H:%M %Z}",
                timedelta(days=late.days, hours=late.seconds // 3600),
            )

    def _pass_on(self, context: Any, result: Mapping[str, Any], group_name: str) -> None:
        if self.do_xcom_push:
            # Airflow 3 stores what the link of the task returns, whether the task stores XComs or not.
            self.invite_link = result["invite_link"]
            # An empty text instead of None: a task that uses the link would fail over a missing key.
            context["ti"].xcom_push(key=INVITE_LINK_KEY, value=result["invite_link"] or "")
            context["ti"].xcom_push(key=OUTCOME_KEY, value=result["outcome"])
        for outlet in self.outlets:
            if hasattr(outlet, "uri"):  # An alias has none, and no event of its own.
                context["outlet_events"][outlet].extra.update(
                    chat_id=result["chat_id"], group_name=group_name
                )


class PeriskopeUpdateGroupOperator(PeriskopeOperator):
    """
    Bring a WhatsApp group to a given state.

    What is given is compared with the group, and only differences are sent. So a retry or a clear changes nothing
    that is right already.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param chat_id: id of the group (templated).
    :param group_name: its name (templated), 1 to 100 characters. Default ``None``: it stays, like everything that is
        not given.
    :param options: options of the group (templated), by the names that
        :class:`PeriskopeCreateGroupOperator` accepts, except ``force_add_participants``. Default ``None``.
    :param admins: numbers of members who are to be admins (templated), in any form of a list. Who is not in the group
        is named in the log, masked, and returned. Nobody is demoted. Default ``None``.
    :param add_labels: labels to add to the chat in Periskope (templated): a list, or a text with commas. All other
        labels stay. Default ``None``.
    :param remove_labels: labels to remove (templated), likewise. Default ``None``.
    :param assigned_to: e-mail address of the person in Periskope that the chat is assigned to (templated). Default
        ``None``.
    :param custom_properties: custom properties of the chat in Periskope to set (templated); others stay. Default
        ``None``.
    :return: what was changed: ``{"changed": [names], "promoted": [numbers], "not_members": [numbers]}``.
    :raises AirflowFailException: for what no retry can cure.
    :raises PeriskopeNoResponseError: if no usable response came.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/group/update-group-settings
    """

    template_fields = (
        "chat_id",
        "group_name",
        "options",
        "admins",
        "add_labels",
        "remove_labels",
        "assigned_to",
        "custom_properties",
        *PeriskopeOperator.template_fields,
    )
    template_fields_renderers: ClassVar = {"options": "json", "admins": "json", "custom_properties": "json"}
    custom_operator_name = "Update WhatsApp group"
    default_doc_md = """\
Brings a WhatsApp group to a given state, and sends only what differs from it.

XCom of this task: **return_value** says what was changed.
"""

    def __init__(
        self,
        *,
        chat_id: str | XComArg,
        group_name: str | XComArg | None = None,
        options: Mapping[str, Any] | str | XComArg | None = None,
        admins: Iterable[str | int] | str | XComArg | None = None,
        add_labels: Iterable[str] | str | XComArg | None = None,
        remove_labels: Iterable[str] | str | XComArg | None = None,
        assigned_to: str | XComArg | None = None,
        custom_properties: Mapping[str, Any] | str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.chat_id = chat_id
        self.group_name = group_name
        self.options = options
        self.admins = admins
        self.add_labels = add_labels
        self.remove_labels = remove_labels
        self.assigned_to = assigned_to
        self.custom_properties = custom_properties
        self.refuse_constants({"options": options}, self.task_id)

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse names of options that do not exist."""
        super().check_constants(arguments)
        _check_option_names(arguments.get("options"))

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> dict[str, Any]:
        """Compare the group with what is given, and send the differences."""
        del context, attempt
        from airflow_provider_periskope.group_changes import change_group
        from airflow_provider_periskope.input.changes import check_changes

        changes, warnings = check_changes(
            self.chat_id,
            group_name=self.group_name,
            options=self.options,
            admins=self.admins,
            add_labels=self.add_labels,
            remove_labels=self.remove_labels,
            assigned_to=self.assigned_to,
            custom_properties=self.custom_properties,
            own_digits=hook.own_digits,
        )
        for warning in warnings:
            self.log.warning("%s", warning)
        return change_group(hook, changes)


class PeriskopeCloseGroupOperator(PeriskopeOperator):
    """
    Close a WhatsApp group: say farewell, mute and label it, replace its invite link, and dissolve or leave it.

    Each step first compares with the group, so a retry or a clear does only what is missing. The API can neither
    delete nor archive a group, and the group keeps its name.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param chat_id: id of the group (templated).
    :param farewell: text of a last message (templated), sent once. Default ``None``: none is sent.
    :param labels: labels to add to the chat in Periskope (templated): a list, or a text with commas. Default ``None``.
    :param reset_invite_link: whether to replace the invite link, so that the old one is of no use. Default ``True``.
    :param only_admins_write: whether to let only admins send messages. Default ``True``.
    :param dissolve: whether to remove everybody else, 20 at a time, verify that they are gone, and leave the group.
        **This cannot be undone.** If somebody cannot be removed, the phone stays and the task fails. Default ``False``.
    :param hand_over_to: number of a member who becomes admin (templated); then the phone leaves the group, and with
        ``dissolve`` everybody else is removed first. Default ``None``.
    :param wait_timeout: how long to wait until the farewell is sent by the phone. Default 30 minutes.
    :return: ``{"done": [steps that this try has carried out], "has_left": whether the phone has left}``.
    :raises AirflowFailException: for what no retry can cure, such as a member who cannot be removed.
    :raises PeriskopeOutcomeUnknownError: if it is unknown whether the farewell was sent; the next try looks first.
    :raises PeriskopeNoResponseError: if no usable response came.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/group/leave-group
    """

    template_fields = ("chat_id", "farewell", "labels", "hand_over_to", *PeriskopeOperator.template_fields)
    custom_operator_name = "Close WhatsApp group"
    default_doc_md = """\
Closes a WhatsApp group. A retry or a clear does only what is missing.

XCom of this task: **return_value** says which steps this try has carried out, and whether the phone has left the group.
"""

    wait_for = "sent"
    """How far the farewell has to be before people are removed."""

    def __init__(
        self,
        *,
        chat_id: str | XComArg,
        farewell: str | XComArg | None = None,
        labels: Iterable[str] | str | XComArg | None = None,
        reset_invite_link: bool = True,
        only_admins_write: bool = True,
        dissolve: bool = False,
        hand_over_to: str | XComArg | None = None,
        wait_timeout: timedelta = timedelta(minutes=30),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.chat_id = chat_id
        self.farewell = farewell
        self.labels = labels
        self.reset_invite_link = reset_invite_link
        self.only_admins_write = only_admins_write
        self.dissolve = dissolve
        self.hand_over_to = hand_over_to
        self.wait_timeout = wait_timeout
        self.refuse_constants(
            {
                "reset_invite_link": reset_invite_link,
                "only_admins_write": only_admins_write,
                "dissolve": dissolve,
                "wait_timeout": wait_timeout,
            },
            self.task_id,
        )

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse what is not of its type."""
        super().check_constants(arguments)
        for name in ("reset_invite_link", "only_admins_write", "dissolve"):
            if not isinstance(arguments.get(name, False), bool):
                raise TypeError(f"{name} is {arguments[name]!r}: expected True or False")
        if not isinstance(arguments.get("wait_timeout", timedelta()), timedelta):
            raise TypeError(
                f"wait_timeout is {arguments['wait_timeout']!r}: expected a timedelta, such as timedelta(minutes=30)"
            )

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> dict[str, Any]:
        """Go through the steps."""
        from airflow_provider_periskope.delivery import wait_until_out
        from airflow_provider_periskope.group_closing import close_group
        from airflow_provider_periskope.input.changes import check_closing
        from airflow_provider_periskope.models import NewMessage
        from airflow_provider_periskope.once.message import OneMessage, send_once
        from airflow_provider_periskope.once.record import Memory

        closing, warnings = check_closing(
            self.chat_id,
            farewell=self.farewell,
            labels=self.labels,
            hand_over_to=self.hand_over_to,
            reset_invite_link=self.reset_invite_link,
            only_admins_write=self.only_admins_write,
            dissolve=self.dissolve,
            own_digits=hook.own_digits,
        )
        for warning in warnings:
            self.log.warning("%s", warning)

        def say_farewell() -> None:
            if closing.farewell is not None:
                message = NewMessage(chat_id=closing.chat_id, message=closing.farewell)
                thing = OneMessage(hook, message, occasion="farewell")
                result = send_once(thing, attempt)
                wait_until_out(self, context, hook, attempt, thing=thing, result=result)

        if attempt.memory.outlives_tries:
            return close_group(hook, closing, attempt, say_farewell=say_farewell)
        from airflow_provider_periskope.operators.state_in_variable import StateInVariable

        state = StateInVariable(context["ti"])
        attempt_with_state = replace(attempt, memory=Memory(state))
        result = close_group(hook, closing, attempt_with_state, say_farewell=say_farewell)
        # A group that the phone is still in does not show that its invite link was reset: a clear needs the Variable.
        if result["has_left"]:
            state.delete()
        return result


def _check_option_names(options: Any) -> None:
    """Refuse names of options that do not exist, while a DAG file is parsed."""
    if not isinstance(options, dict):
        return
    from airflow_provider_periskope.input.option_names import api_name, unknown_option

    for name in options:
        # A name can be a template itself.
        if api_name(name) is None and "{{" not in str(name):
            raise ValueError(unknown_option(name))
