"""
Groups that are changed and closed under faults.

Each case is killed in the middle of one step, loses the response to it, or is cleared, and has to end in the same
state, without a second farewell. HttpOperator makes one call, so it has no place beside tasks of several.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.lab.command_line import NEVER
from tests.lab.faults.kind import OURS, Kind
from tests.lab.faults.rows import PATIENT_TIMEOUT, Row, clear_when_done, fault
from tests.lab.leaks import PARTICIPANTS
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from airflow_provider_periskope.sandbox.chats import Chat
    from tests.lab.faults.case import Case
    from tests.lab.faults.kind import Finding

FAREWELL = "Nobody but the group may read this farewell"
DESCRIPTION = "Nobody but the group may read this description"
MEMBER, ADMIN = PARTICIPANTS
STAYS = "stays"

STEPS = {
    "farewell": "POST /message/send",
    "settings": "POST /chats/*/settings",
    "invite_link": "POST /chats/*/invite",
    "labels": "PATCH /chats/labels",
    "demote": "POST /chats/*/demote",
    "remove": "POST /chats/*/remove",
    "promote": "POST /chats/*/promote",
    "assignment": "PATCH /chats/120363*",
    "leave": "POST /chats/*/leave",
}
"""The calls that change something, by the name of their step."""

TITLES = {
    "farewell": "the farewell", "settings": "the settings", "invite_link": "the reset of the invite link",
    "labels": "the labels", "demote": "demoting an admin", "remove": "removing everybody",
    "promote": "promoting a member", "assignment": "the assignment", "leave": "leaving",
}  # fmt: skip


def kill_in(step: str, case: Case) -> None:
    """Kill the process of the task while the response to the call of a step is awaited."""
    name = f"{step} of {case.dag_id}"
    wait_until(lambda: any(call.fault for call in case.sandbox.requests), 300, name, every=0.1)
    case.kill_task()


def rows_for(steps: tuple[str, ...]) -> tuple[Row, ...]:
    """Return a row for each thing that can go wrong with each step. Each has a Periskope of its own."""
    rows = [Row("none", "nothing", alone=True)]
    for step in steps:
        route, title = STEPS[step], TITLES[step]
        rows += [
            Row(
                f"dropped_{step}", f"{title}: connection dropped after the work",
                fault("drop_after", route=route), alone=True,
            ),
            Row(
                f"kill_{step}", f"{title}: SIGKILL of the task, request open",
                fault("late", route=route, seconds=45), partial(kill_in, step), PATIENT_TIMEOUT, alone=True,
            ),
        ]  # fmt: skip
    rows += [
        Row("429", "every change: 429 for 20 s", fault("rate_limit", route="P*", seconds=20), alone=True),
        Row(
            "kill_return_value", "SIGKILL before the result is in XCom",
            xcom={"key": "return_value", "effect": "kill"}, alone=True,
        ),
    ]  # fmt: skip
    return tuple(rows)


class _Changes(Kind):
    """Each case changes a group of its own: of a member, an admin and a label of somebody else's."""

    result = "result"
    request = "change"
    outcome = ""
    contenders = (OURS,)

    def scope(self, case: Case) -> dict[str, Any]:
        """Return nothing: each case has a Periskope of its own."""
        return {}

    def creates(self, case: Case, call: Call) -> bool:
        """Return whether it changes something."""
        return call.method in ("POST", "PATCH") and call.path not in ("/message/queues",)

    def prepare(self, case: Case) -> None:
        """Put the group there, which the phone has created."""
        case.sandbox.sent_after = case.sandbox.delivered_after = 0.2
        case.sandbox.add_group(
            case.label, chat_id=case.chat_id, people=[MEMBER], admins=[ADMIN], labels=["VIP"]
        )

    def arguments(self, case: Case) -> dict[str, Any]:
        """Return the group."""
        return {
            "chat_id": case.chat_id, "farewell": FAREWELL, "description": DESCRIPTION, "admin": MEMBER,
        }  # fmt: skip

    def problems(self, case: Case, finding: Finding) -> list[str]:
        """Return what is wrong: also what is not as it was to be, and a call that was repeated after its work."""
        group = case.sandbox.chats[case.chat_id]
        finding.posts = len(case.requests)
        problems = [problem for problem in super().problems(case, finding) if "creates sent" not in problem]
        problems += [f"{what} is wrong" for what, is_right in self.state(case, group).items() if not is_right]
        if case.row.act:
            problems += [f"{NEVER}: {call} was repeated" for call in repeated(case)]
        return problems

    def state(self, case: Case, group: Chat) -> dict[str, bool]:
        """Return what is to be true of the group in the end."""
        raise NotImplementedError


def repeated(case: Case) -> list[str]:
    """Return the calls that were sent again although they had done their work."""
    # No fault of a row that kills prevents the work.
    calls = [f"{call.method} {call.path} {call.body}" for call in case.requests]
    return [call.split(" {")[0] for call in sorted(set(calls)) if calls.count(call) > 1]


class Closings(_Changes):
    """Groups that are dissolved, with a farewell; one stays."""

    name = "closings"
    dags = "closing_faults.py"
    page = "closing_faults"
    operator = "PeriskopeCloseGroupOperator"
    thing = "farewell"
    texts = (FAREWELL,)
    rows = (
        *rows_for(("farewell", "settings", "invite_link", "labels", "demote", "remove", "leave")),
        Row(STAYS, "nothing; closed without leaving, then cleared", act=clear_when_done, alone=True),
    )

    def arguments(self, case: Case) -> dict[str, Any]:
        """Return the group, and whether it is dissolved."""
        return super().arguments(case) | {"dissolve": case.row.name != STAYS}

    def made(self, case: Case) -> list[str]:
        """Return the farewells in the chat."""
        return [message.unique_id for message in case.sandbox.messages_in(case.chat_id)]

    def is_right(self, case: Case, passed_on: Any, made: list[str]) -> bool:
        """Return whether the task says that the phone has left, or that a clear has done nothing."""
        if case.row.name == STAYS:
            return bool(passed_on == {"done": [], "has_left": False})
        return bool(passed_on["has_left"])

    def state(self, case: Case, group: Chat) -> dict[str, bool]:
        """Nobody is in it, only admins may write, and the labels of others have stayed."""
        stays = case.row.name == STAYS
        return {
            "who is in": not group.exited if stays else group.exited and not group.members,
            "who may write": group.messages_admins_only,
            "labels": group.labels == ["VIP", "closed"],
        }


class Updates(_Changes):
    """Groups that are brought to a state."""

    name = "updates"
    dags = "update_faults.py"
    page = "update_faults"
    operator = "PeriskopeUpdateGroupOperator"
    thing = "group"
    texts = (DESCRIPTION,)
    rows = rows_for(("settings", "labels", "assignment", "promote"))

    def made(self, case: Case) -> list[str]:
        """Return the group."""
        return [case.chat_id]

    def is_right(self, case: Case, passed_on: Any, made: list[str]) -> bool:
        """Return whether the task says what it has changed, and that everybody was a member."""
        return set(passed_on) == {"changed", "promoted", "not_members"} and not passed_on["not_members"]

    def state(self, case: Case, group: Chat) -> dict[str, bool]:
        """It has the description, the labels of both, the person it is assigned to, and another admin."""
        return {
            "description": group.description == DESCRIPTION,
            "labels": group.labels == ["VIP", "closed"],
            "assignment": group.assigned_to == "team@example.com",
            "who is an admin": group.members[f"{MEMBER}@c.us"].is_admin,
        }
