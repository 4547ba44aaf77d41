"""Messages under faults: the rows of the table, and how a message is recognised at the sandbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.lab.faults.kind import Kind
from tests.lab.faults.rows import (
    PATIENT_TIMEOUT,
    READ_TIMEOUT,
    Row,
    clear_when_failed,
    fault,
    kill_task,
    kill_worker,
    machine_lost,
    mark_failed_and_clear,
    name_resolves_later,
    server_starts_later,
    terminate_task,
)
from tests.lab.leaks import PHONE

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from tests.lab.faults.case import Case

TEXT = "Nobody but the chat may read this"
SEND = "POST /message/send"
MESSAGES = "GET /chats/*/messages"
OPEN = fault("late", seconds=45)


def phone_gone(case: Case) -> None:
    """Disconnect the phone for two minutes, from before the message is sent."""
    phone = case.sandbox.phones[PHONE]
    phone.is_connected = False
    case.wait_for_post()
    time.sleep(120)
    phone.is_connected = True


ROWS = (
    Row("none", "nothing"),
    Row("dropped_after", "connection dropped after the send", fault("drop_after")),
    Row("late_answer", "response later than the read timeout", fault("late", seconds=READ_TIMEOUT + 10)),
    Row(
        "late_message", "message queued 10 s after the read timeout", fault("late_work", seconds=READ_TIMEOUT + 10)
    ),
    Row("late_commit", "connection dropped, message queued 15 s later", fault("late_commit", seconds=15)),
    Row("500_after", "500 after the send", fault("error_500_after")),
    Row("html_502_after", "502 in HTML after the send", fault("html_502_after")),
    Row("empty_500_after", "empty 500 after the send", fault("empty_500_after")),
    Row("truncated", "response cut off", fault("truncated")),
    Row("not_json", "200 with a login page after the send", fault("not_json")),
    Row("504_hidden", "504 at once, message listed 20 s later", fault("gateway_504_hidden", seconds=20)),
    Row(
        "white_space", "dropped after the send, text returned with other white space",
        (*fault("drop_after"), {"name": "other_white_space", "route": MESSAGES, "times": None}), alone=True,
    ),
    Row(
        "lost_then_429", "dropped after the send, then 429 for 30 s on looking",
        (*fault("drop_after"), {"name": "rate_limit", "route": MESSAGES, "seconds": 30}), alone=True,
    ),
    Row("phone_gone", "phone not connected for two minutes", act=phone_gone, alone=True),
    Row(
        "phone_gone_lost", "phone not connected for two minutes, dropped after the send",
        fault("drop_after"), phone_gone, alone=True
    ),
    Row(
        "phone_gone_unsent", "phone not connected for two minutes, dropped before the send",
        fault("drop_before"), phone_gone,
        alone=True, posts=2, retries=4,
    ),
    Row("queue_stuck", "message in the queue for a minute", fault("queue_stuck", seconds=60)),
    # Each try meanwhile fails: it finds the message, and that it has failed.
    Row("failed", "message fails, and is out 20 s later", fault("message_failed", seconds=20), retries=6),
    Row("failed_for_good", "message fails for good", fault("message_failed"), posts=2),
    Row("kill_task", "SIGKILL of the task, request open", OPEN, kill_task, PATIENT_TIMEOUT),
    Row(
        "kill_task_late", "SIGKILL of the task, message queued 15 s later",
        fault("late_work", seconds=15), kill_task, PATIENT_TIMEOUT,
    ),
    Row("kill_worker", "SIGKILL of worker and supervisor, request open", OPEN, kill_worker, PATIENT_TIMEOUT),
    Row("term_task", "SIGTERM of the task, request open", OPEN, terminate_task, PATIENT_TIMEOUT),
    Row(
        "execution_timeout", "execution_timeout in the middle of the send",
        OPEN, read_timeout=PATIENT_TIMEOUT, execution_timeout=15,
    ),
    Row("marked_failed", "marked failed by a person, then cleared", OPEN, mark_failed_and_clear, PATIENT_TIMEOUT),
    Row("kill_first_xcom", "SIGKILL between the response and the first XCom", xcom={"key": None, "effect": "kill"}),
    Row("kill_return_value", "SIGKILL before the ID is in XCom", xcom={"key": "return_value", "effect": "kill"}),
    Row("xcom_fails", "XCom push fails once", xcom={"key": "return_value", "effect": "raise"}),
    Row("dropped_before", "connection dropped before the send", fault("drop_before"), posts=2),
    Row("500_before", "500, nothing queued", fault("error_500"), posts=2),
    Row("refused", "connection refused", act=server_starts_later, alone=True, down_at_first=True, refusal=True),
    Row(
        "no_dns", "host name does not resolve", act=name_resolves_later, alone=True, refusal=True,
        host="nonexistent.invalid",
    ),
    Row("429", "429 for 30 s (retries=0)", fault("rate_limit", seconds=30), posts=4, retries=0, refusal=True),
    Row("phone_off", "401, phone switched off", fault("phone_off"), posts=2, refusal=True),
    Row(
        "invalid", "422 (retries=0); then cleared",
        fault("invalid"), clear_when_failed, retries=0, posts=2, refusal=True,
    ),
    Row(
        "machine_lost", "all of Airflow killed with its tasks, started again after 10 s",
        OPEN, read_timeout=PATIENT_TIMEOUT, disaster=machine_lost,
    ),
)  # fmt: skip


class Messages(Kind):
    """Each case sends one message, to a group of its own."""

    name = "messages"
    dags = "message_faults.py"
    page = "message_faults"
    operator = "PeriskopeSendMessageOperator"
    thing = "message"
    outcome = "sent"
    texts = (TEXT,)
    rows = ROWS

    def scope(self, case: Case) -> dict[str, Any]:
        """Only the send to this group."""
        return {"route": SEND, "chat_id": case.chat_id}

    def creates(self, case: Case, call: Call) -> bool:
        """Whether it sends to this group."""
        return (call.method, call.path) == ("POST", "/message/send") and call.chat_id == case.chat_id

    def made(self, case: Case) -> list[str]:
        """The IDs of the messages that are out or can still come out."""
        return [
            message.unique_id
            for message in case.sandbox.messages_in(case.chat_id)
            if message.is_waiting or message.sent_at
        ]

    def arguments(self, case: Case) -> dict[str, Any]:
        """The group and the text."""
        return {"chat_id": case.chat_id, "text": f"{case.label}. {TEXT}"}

    def prepare(self, case: Case) -> None:
        """Put the group there. No message is ever delivered, so that all end as ``sent``."""
        case.sandbox.delivered_after = 24 * 3600.0
        # The cases of the table of groups have a sandbox in common with these, and go by the names of groups.
        case.sandbox.add_group(f"Messages, {case.label}", chat_id=case.chat_id)
