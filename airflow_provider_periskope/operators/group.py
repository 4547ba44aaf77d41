"""The operator that creates a WhatsApp group, and its link."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_periskope.compat import BaseOperatorLink
from airflow_provider_periskope.operators.base import PeriskopeOperator

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group_name = group_name
        self.participants = participants
        self.options = options
        self.if_exists = if_exists
        self.check_constants({"if_exists": if_exists, "options": options})

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse an ``if_exists`` and names of options that do not exist."""
        super().check_constants(arguments)
        if_exists = arguments.get("if_exists", "create")
        if if_exists not in ("create", "reuse", "fail"):
            raise ValueError(f"if_exists is {if_exists!r}: expected 'create', 'reuse' or 'fail'")
        options = arguments.get("options")
        if isinstance(options, dict):
            from airflow_provider_periskope.input.option_names import api_name, unknown_option

            for name in options:
                # A name can be a template itself.
                if api_name(name) is None and "{{" not in str(name):
                    raise ValueError(unknown_option(name))

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> str:
        """Create the group, or find the one that an earlier attempt has created."""
        from airflow_provider_periskope.input.group import check_group
        from airflow_provider_periskope.once.group import OneGroup
        from airflow_provider_periskope.once.rule import make_once

        group, warnings = check_group(
            self.group_name, self.participants, self.options, own_digits=hook.own_digits
        )
        for warning in warnings:
            self.log.warning("Group %r: %s", group.group_name, warning)
        self._log_catch_up(context, attempt)
        result = make_once(OneGroup(hook, group, if_exists=self.if_exists), attempt)
        self._pass_on(context, result, group.group_name)
        return str(result["chat_id"])

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
        self.invite_link = result["invite_link"]
        if self.do_xcom_push:
            # An empty text instead of None: a task that uses the link would fail over a missing key.
            context["ti"].xcom_push(key=INVITE_LINK_KEY, value=result["invite_link"] or "")
            context["ti"].xcom_push(key=OUTCOME_KEY, value=result["outcome"])
        for outlet in self.outlets:
            if hasattr(outlet, "uri"):  # An alias has none, and no event of its own.
                context["outlet_events"][outlet].extra.update(
                    chat_id=result["chat_id"], group_name=group_name
                )
