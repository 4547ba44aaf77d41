"""People who are added under faults: the rows of the table, and what the task may say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.faults.kind import OURS, Kind
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
    server_starts_later,
    terminate_task,
)
from tests.lab.leaks import PARTICIPANTS

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from tests.lab.faults.case import Case

IN_CONTACTS, NOT_IN_CONTACTS = PARTICIPANTS
"""Who is added, and who is sent a private invitation."""

MEMBERS = "GET /chats/*"
OPEN = fault("late", seconds=45)

ROWS = (
    Row("none", "nothing"),
    Row("dropped_after", "connection dropped after the work", fault("drop_after")),
    Row("late_answer", "response later than the read timeout", fault("late", seconds=READ_TIMEOUT + 10)),
    Row("late_work", "added 10 s after the read timeout", fault("late_work", seconds=READ_TIMEOUT + 10)),
    Row("late_commit", "connection dropped, added 15 s later", fault("late_commit", seconds=15)),
    Row("500_after", "500 after the work", fault("error_500_after")),
    Row("html_502_after", "502 in HTML after the work", fault("html_502_after")),
    Row("empty_500_after", "empty 500 after the work", fault("empty_500_after")),
    Row("truncated", "response cut off", fault("truncated")),
    Row("not_json", "200 with a login page after the work", fault("not_json")),
    Row(
        "lost_then_429", "dropped after the work, then 429 for 30 s on reading the members",
        (*fault("drop_after"), {"name": "rate_limit", "route": MEMBERS, "seconds": 30}), alone=True,
    ),
    Row("kill_task", "SIGKILL of the task, request open", OPEN, kill_task, PATIENT_TIMEOUT),
    Row(
        "kill_task_late", "SIGKILL of the task, added 15 s later",
        fault("late_work", seconds=15), kill_task, PATIENT_TIMEOUT,
    ),
    Row("kill_worker", "SIGKILL of worker and supervisor, request open", OPEN, kill_worker, PATIENT_TIMEOUT),
    Row("term_task", "SIGTERM of the task, request open", OPEN, terminate_task, PATIENT_TIMEOUT),
    # A look after it takes a minute, so that the task needs more than that; the members are read slowly at first.
    Row(
        "execution_timeout", "execution_timeout in the middle of the request",
        (*fault("late", seconds=55), {"name": "late", "route": MEMBERS, "seconds": 40}), alone=True,
        read_timeout=PATIENT_TIMEOUT, execution_timeout=75,
    ),
    Row("marked_failed", "marked failed by a person, then cleared", OPEN, mark_failed_and_clear, PATIENT_TIMEOUT),
    Row("kill_return_value", "SIGKILL before the outcomes are in XCom", xcom={"key": "return_value", "effect": "kill"}),
    Row("xcom_fails", "XCom push fails once", xcom={"key": "return_value", "effect": "raise"}),
    Row("dropped_before", "connection dropped before the work", fault("drop_before"), makes=0),
    Row("500_before", "500, nobody added", fault("error_500"), makes=0),
    Row(
        "refused", "connection refused", act=server_starts_later, alone=True, down_at_first=True, refusal=True
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


class People(Kind):
    """
    Each case adds two people to a group of its own: one who is added, and one who is sent a private invitation.

    Where the API did not do its work and nobody can know, nobody is sent anything again: the outcomes are unknown.
    """

    name = "people"
    dags = "people_faults.py"
    page = "people_faults"
    operator = "PeriskopeAddParticipantsOperator"
    thing = "invitation"
    result = "outcomes"
    outcome = ""
    texts = ()
    rows = ROWS

    def scope(self, case: Case) -> dict[str, Any]:
        """Only the request that adds to this group."""
        return {"route": "POST /chats/*/add", "chat_id": case.chat_id}

    def creates(self, case: Case, call: Call) -> bool:
        """Whether it adds to this group."""
        return (call.method, call.path) == ("POST", f"/chats/{case.chat_id}/add")

    def made(self, case: Case) -> list[str]:
        """The invitations that were sent, of which nobody wants two."""
        return [
            invitation.number for invitation in case.sandbox.invitations if invitation.chat_id == case.chat_id
        ]

    def arguments(self, case: Case) -> dict[str, Any]:
        """Who is added, and to which group."""
        return {"chat_id": case.chat_id, "participants": PARTICIPANTS}

    def prepare(self, case: Case) -> None:
        """Put the group there, which the phone has created, and let one person be unknown to the phone."""
        case.sandbox.not_in_contacts.add(NOT_IN_CONTACTS)
        # The cases of the table of groups have a sandbox in common with these, and go by the names of groups.
        case.sandbox.add_group(f"People, {case.label}", chat_id=case.chat_id)

    def is_right(self, case: Case, passed_on: Any, made: list[str]) -> bool:
        """Return whether the outcomes are true. Unknown is what may be so; added and invited are what is so."""
        if case.contender != OURS:
            return True
        members = case.sandbox.chats[case.chat_id].members
        true = {
            IN_CONTACTS: {"added", "already_in"} if f"{IN_CONTACTS}@c.us" in members else {"unknown"},
            NOT_IN_CONTACTS: {"invited", "unknown"} if made else {"unknown"},
        }
        if case.row.name == "none":
            true[NOT_IN_CONTACTS] = {"invited"}
        return set(passed_on) == set(true) and all(passed_on[number] in true[number] for number in true)

    def wanted(self, case: Case) -> int:
        """Return how many invitations there are to be: none where no later try can know that none was sent."""
        # Without a record, a try does not know how an earlier one has ended.
        has_forgotten = case.row.refusal and not case.airflow.release.keeps_task_state
        return 0 if has_forgotten and case.task()["try_number"] > 1 else case.row.makes
