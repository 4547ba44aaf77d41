"""The notifier: an alert in a WhatsApp group, from any of Airflow's callbacks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.compat import BaseNotifier

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

log = logging.getLogger(__name__)

TIME_LIMIT = 20.0
"""Seconds from when the connection is read; the DAG processor kills a callback after 50."""

_DIGITS_OF_AN_ID = 7
"""How many digits the id of a chat has at least."""

_MARGIN = 1.0
"""Seconds that are left for what the time limit of the hook does not cover."""


class PeriskopeNotifier(BaseNotifier):
    """
    Posts an alert into a WhatsApp group, from ``on_failure_callback`` and its siblings.

    It also works in ``DeadlineAlert`` and in ``HITLOperator(notifiers=…)`` (Airflow 3.1 and newer).

    One alert is one message: a request whose response is lost is not sent again. It takes 20 seconds at most, and never
    fails what it reports on: an alert that cannot be sent is an error in the log.

    :param chat_id: the group to post into, such as ``120363392071406466@g.us`` (templated).
    :param message: text of the alert (templated with everything that the callback's context has; what the context lacks
        renders as nothing). Default ``None``: what happened, where, since when, why, and a link to Airflow.
    :param periskope_conn_id: Airflow connection of type Periskope (templated). Default ``periskope_default``.
    :param phone: another phone of the organisation than the connection's: digits, or a ``phone-…`` id (templated).
        Default ``None``.
    :param context: context of the callback, given by Airflow where it runs the notifier for a missed deadline.

    .. seealso:: https://docs.periskope.app/api-reference/message/send-message
    """

    template_fields = ("chat_id", "message", "periskope_conn_id", "phone")

    def __init__(
        self,
        *,
        chat_id: str,
        message: str | None = None,
        periskope_conn_id: str = "periskope_default",
        phone: str | None = None,
        context: Context | None = None,
    ) -> None:
        # An alert that can never be sent is noticed while the DAG file is parsed, and not at the first failure.
        if not isinstance(chat_id, str):
            raise TypeError(
                f"chat_id is a {type(chat_id).__name__}: expected a text. For the result of a task, a template: "
                "{{ ti.xcom_pull('create_group') }}"
            )
        if "{" not in chat_id and sum(map(str.isdigit, chat_id)) < _DIGITS_OF_AN_ID:
            raise ValueError(
                f"chat_id is {chat_id!r}: expected the id of a chat, such as '120363392071406466@g.us'"
            )
        if message is not None and not message.strip():
            raise ValueError("message is empty: expected a text; leave it out for the default text")
        super().__init__()  # Airflow accepts the context there from 3.1 on.
        self.context = context or {}
        self.chat_id = chat_id
        self.message = message
        self.periskope_conn_id = periskope_conn_id
        self.phone = phone

    def notify(self, context: Context) -> None:
        """Send the alert; called by Airflow."""
        if alert := self._prepared(context):
            alert.send(time.monotonic() + TIME_LIMIT)

    async def async_notify(self, context: Context) -> None:
        """Send the alert from the triggerer; called by Airflow 3.1 and newer."""
        from asgiref.sync import sync_to_async

        from airflow_provider_periskope.notifications.in_time import threads

        # Not asyncio.to_thread(): Airflow would read the connection in another event loop.
        if alert := await sync_to_async(self._prepared, thread_sensitive=False, executor=threads())(context):
            send = sync_to_async(alert.send, thread_sensitive=False, executor=threads())
            await send(time.monotonic() + TIME_LIMIT)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Do nothing: Airflow would render in place, and a second call would send the text of the first."""

    def _prepared(self, context: Context) -> _Alert | None:
        """Return what is to be sent, with the connection read; ``None`` after an error, which is in the log."""
        # Whatever a DAG file that only names the notifier does not need is imported here.
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook
        from airflow_provider_periskope.notifications.alert_text import dag_id_of

        name = f"The alert of DAG {dag_id_of(context)!r}"
        try:
            text = self._text(context)
            chat_id, conn_id, phone = (
                self._rendered(value, context) for value in (self.chat_id, self.periskope_conn_id, self.phone)
            )
            hook = PeriskopeHook(conn_id, phone=phone or None)
            _ = hook.settings  # read now: Airflow does not expect it in a thread of ours
        except Exception as error:  # An alert must not fail what it reports on.
            log.error("%s %s", name, _why_not_sent(error))
            return None
        return _Alert(name, hook, chat_id, text)

    def _text(self, context: Context) -> str:
        from airflow_provider_periskope.compat import redact
        from airflow_provider_periskope.notifications.airflow_ui import read_airflow_ui
        from airflow_provider_periskope.notifications.alert_text import alert_text

        if self.message is not None:
            try:
                return self._rendered(self.message, context)
            except Exception as error:
                log.error(
                    "The message of the alert could not be rendered (%s), so the default text is sent. What to do: "
                    "correct the template.",
                    type(error).__name__,
                )
        return str(redact(alert_text(context, read_airflow_ui())))

    def _rendered(self, template: str | None, context: Context) -> str:
        from airflow_provider_periskope.notifications.rendering import tolerant

        if template is None:
            return ""
        dag: Any = context.get("dag")
        # `airflow dags test` passes a DAG without environment (Airflow's issue 64649), and a missed deadline none.
        # Native objects are not wanted: a text that looks like a number stays as it is.
        environment = (
            dag.get_template_env(force_sandboxed=True)
            if hasattr(dag, "get_template_env")
            else self.get_template_env()
        )
        # BaseNotifier's own method wants a DAG in the context, on 2.11 and 3.0.
        return str(super(BaseNotifier, self)._render(tolerant(environment).from_string(template), context))


@dataclass(frozen=True)
class _Alert:
    """An alert that is ready to be sent."""

    name: str
    hook: PeriskopeHook
    chat_id: str
    text: str

    def send(self, until: float) -> None:
        """Send it, and end at that moment by ``time.monotonic()``; an error is in the log."""
        from airflow_provider_periskope.notifications.in_time import finish_in_time

        self.hook.time_limit = max(0.1, until - time.monotonic() - _MARGIN)
        try:
            finish_in_time(lambda: self.hook.send_message(self.chat_id, self.text), until)
        except Exception as error:  # An alert must not fail what it reports on.
            log.error("%s %s", self.name, _why_not_sent(error))
        else:
            log.info("%s was sent.", self.name)


def _why_not_sent(error: Exception) -> str:
    """Return in one line what became of the alert, why, and what to do."""
    from airflow_provider_periskope.exceptions import PeriskopeError
    from airflow_provider_periskope.notifications.alert_text import without_secrets

    if isinstance(error, PeriskopeError):
        outcome = "may or may not have been sent." if error.in_doubt else "was not sent."
        return " ".join([outcome, *str(error).splitlines()])
    said = without_secrets(str(error).partition("\n")[0])
    return (
        f"was not sent: {type(error).__name__}: {said} What to do: check the notifier's arguments, and whether Airflow "
        "can read the connection where the callback runs."
    )


send_periskope_notification = PeriskopeNotifier
"""The notifier under the name that Airflow's own notifiers have."""
