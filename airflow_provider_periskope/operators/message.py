"""The operator that sends a WhatsApp message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_periskope.operators.base import PeriskopeOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context, XComArg

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.once.doubt import Attempt

QUEUE_ID_KEY = "queue_id"
STATUS_KEY = "status"


class PeriskopeSendMessageOperator(PeriskopeOperator):
    """
    Send a WhatsApp message to a group or a person, once, and wait until it is out.

    Whatever fails (a lost response, a killed worker, a retry, a phone that is off), one task of one run sends its
    message once; the documentation says under "Messages" what cannot be promised. The content must be the same on every
    try: a text with the moment of the try in it is another message each time.

    A clear does not send the message again within the same run, unless ``resend=True``.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param chat_id: id of a group (``…@g.us``) or of a person (``…@c.us``), or a person's number with country code in
        any spelling (templated).
    :param message: the text, or the caption of ``media`` (templated), up to 65,536 characters. Default ``None``.
    :param media: a file (templated at every depth), with the fields of
        :class:`~airflow_provider_periskope.models.Media`. Default ``None``.
    :param poll: a poll (templated at every depth), with the fields of
        :class:`~airflow_provider_periskope.models.Poll`. Default ``None``.
    :param reply_to: id of the message that this one replies to (templated). Default ``None``.
    :param hide_url_preview: whether a link in the text is shown without a preview (templated). Default ``None``:
        Periskope decides.
    :param wait_for: when the task succeeds: once the message is ``"queued"`` by the API, ``"sent"`` by the phone
        (default), or ``"delivered"``.
    :param wait_timeout: how long one try waits for that, without a worker slot and without using a retry. Default
        30 minutes. A message that is not sent by then stays in the queue.
    :param resend: whether a clear of the task sends the message again. Retries never do. Default ``False``.
    :return: the message's ``unique_id``. Further XCom keys: ``queue_id``, and ``status``: ``queued``, ``sent``,
        ``delivered`` or ``read``, as of the last look.
    :raises AirflowFailException: for what no retry can cure.
    :raises PeriskopeOutcomeUnknownError: if it is unknown whether the message was sent; the next try looks first.
    :raises PeriskopeMessageFailedError: if the phone could not send it; the next try looks first.
    :raises PeriskopeMessageWaitingError: if it is not out within ``wait_timeout``; the next try waits again.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/message/send-message
    """

    template_fields = (
        "chat_id",
        "message",
        "media",
        "poll",
        "reply_to",
        "hide_url_preview",
        *PeriskopeOperator.template_fields,
    )
    template_fields_renderers: ClassVar = {"media": "json", "poll": "json"}
    custom_operator_name = "Send WhatsApp message"
    default_doc_md = """\
Sends a WhatsApp message with the company's own phone, and no second one when a try fails.

XCom of this task: **return_value** is the message's unique_id, **status** says how far it was: queued, sent, \
delivered or read.

Clearing this task does not send the message again, unless its author has set `resend=True`: it looks for the message \
that it has sent. A failed task says in its log what happened and what to do.
"""

    def __init__(
        self,
        *,
        chat_id: str | XComArg,
        message: str | XComArg | None = None,
        media: Mapping[str, Any] | str | XComArg | None = None,
        poll: Mapping[str, Any] | str | XComArg | None = None,
        reply_to: str | XComArg | None = None,
        hide_url_preview: bool | str | XComArg | None = None,
        wait_for: Literal["queued", "sent", "delivered"] = "sent",
        wait_timeout: timedelta = timedelta(minutes=30),
        resend: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.chat_id = chat_id
        self.message = message
        self.media = media
        self.poll = poll
        self.reply_to = reply_to
        self.hide_url_preview = hide_url_preview
        self.wait_for = wait_for
        self.wait_timeout = wait_timeout
        self.resend = resend
        self.refuse_constants(
            {"wait_for": wait_for, "wait_timeout": wait_timeout, "resend": resend}, self.task_id
        )

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse a ``wait_for`` that does not exist, and what is not of its type."""
        super().check_constants(arguments)
        wait_for = arguments.get("wait_for", "sent")
        if wait_for not in ("queued", "sent", "delivered"):
            raise ValueError(f"wait_for is {wait_for!r}: expected 'queued', 'sent' or 'delivered'")
        timeout = arguments.get("wait_timeout", timedelta())
        if not isinstance(timeout, timedelta):
            raise TypeError(
                f"wait_timeout is {timeout!r}: expected a timedelta, such as timedelta(minutes=30)"
            )
        resend = arguments.get("resend", False)
        if not isinstance(resend, bool):
            raise TypeError(f"resend is {resend!r}: expected True or False")

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> str:
        """Send the message, or find the one that an earlier attempt has sent, and wait until it is out."""
        from airflow_provider_periskope.delivery import wait_until_out
        from airflow_provider_periskope.input.message import check_message
        from airflow_provider_periskope.once.message import OneMessage, send_once
        from airflow_provider_periskope.phone_numbers import mask_chat

        message, warnings = check_message(
            self.chat_id,
            self.message,
            media=self.media,
            poll=self.poll,
            reply_to=self.reply_to,
            hide_url_preview=self.hide_url_preview,
        )
        for warning in warnings:
            self.log.warning("Message to %s: %s", mask_chat(message.chat_id), warning)
        start = attempt.task_try.first_number
        if start > 1 and not self.resend:
            self.log.info(
                "This task was cleared. It does not send its message again within the same run, unless resend=True."
            )
        elif start > 1:
            attempt = attempt.since_clear()
        start = start if self.resend else 1
        thing = OneMessage(hook, message, occasion=f"{_occasion(context)}\n{start}", start=start)
        result = send_once(thing, attempt)
        status = wait_until_out(self, context, hook, attempt, thing=thing, result=result)
        if self.do_xcom_push:
            # An empty text instead of None: a task that uses the id would fail over a missing key.
            context["ti"].xcom_push(key=QUEUE_ID_KEY, value=result["queue_id"] or "")
            context["ti"].xcom_push(key=STATUS_KEY, value=status)
        return result["unique_id"]


def _occasion(context: Any) -> str:
    """Return what distinguishes the message of a task from an equal one of another task or run."""
    ti = context["ti"]
    return "\n".join((ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)))
