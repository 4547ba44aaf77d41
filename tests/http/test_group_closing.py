"""Closing a group: each step is done once, whatever ends the process between two of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope import group_closing
from airflow_provider_periskope.api import client
from airflow_provider_periskope.api.client import Client
from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeInputError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopeParticipantsError,
)
from airflow_provider_periskope.group_closing import close_group
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.input.changes import check_closing
from airflow_provider_periskope.models import Phone
from airflow_provider_periskope.once.doubt import Attempt
from airflow_provider_periskope.once.record import Memory
from airflow_provider_periskope.operators.group import PeriskopeCloseGroupOperator
from tests.http.once.tries import FIRST, Store

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.chats import Chat
    from airflow_provider_periskope.sandbox.server import Sandbox

PEOPLE = [f"9198745{number:05}" for number in range(45)]
ASHA = PEOPLE[0]


class Killed(BaseException):
    """The process ends."""


class Closing:
    """The tries of one task that closes one group."""

    def __init__(self, sandbox: Sandbox, chat: Chat, store: Store | None) -> None:
        self.sandbox, self.chat, self.store = sandbox, chat, store
        self.farewells = self.number = 0

    def run(self, **arguments: Any) -> dict[str, Any]:
        self.number += 1
        hook = PeriskopeHook()
        closing, _ = check_closing(self.chat.chat_id, own_digits=hook.own_digits, **arguments)
        attempt = Attempt(replace(FIRST, number=self.number), Memory(self.store), 1.0, 1.0)
        return close_group(hook, closing, attempt, say_farewell=self._say_farewell)

    def _say_farewell(self) -> None:
        self.farewells += 1

    def changes(self) -> list[str]:
        return [call.path.rpartition("/")[2] for call in self.sandbox.requests if call.method != "GET"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.time, "sleep", lambda _: None)
    monkeypatch.setattr(group_closing, "PAUSE", 0.0)
    monkeypatch.setattr(group_closing.OneInviteLink, "settling", group_closing.timedelta(seconds=0.2))


@pytest.fixture
def group(periskope_sandbox: Sandbox) -> Chat:
    return periskope_sandbox.add_group("Cohort", people=PEOPLE, labels=["VIP"])


@pytest.fixture(params=["with store", "without store"])
def closing(request: pytest.FixtureRequest, periskope_sandbox: Sandbox, group: Chat) -> Closing:
    return Closing(periskope_sandbox, group, Store() if request.param == "with store" else None)


@pytest.fixture
def closing_33(periskope_sandbox: Sandbox, group: Chat) -> Closing:
    return Closing(periskope_sandbox, group, Store())


class TestClose:
    def test_mutes_labels_and_replaces_the_link(self, closing: Closing) -> None:
        link = closing.chat.invite_link
        result = closing.run(labels=["closed"])
        assert result == {"done": ["messages_admins_only", "invite_link", "labels"], "has_left": False}
        assert closing.chat.messages_admins_only
        assert closing.chat.invite_link != link
        assert closing.chat.labels == ["VIP", "closed"]
        assert closing.farewells == 1
        assert len(closing.chat.members) == len(PEOPLE) + 1
        assert closing.changes() == ["settings", "invite", "labels"]

    def test_a_second_time_changes_nothing(self, closing_33: Closing) -> None:
        closing_33.run(labels=["closed"])
        changes = closing_33.changes()
        assert closing_33.run(labels=["closed"]) == {"done": [], "has_left": False}
        assert closing_33.changes() == changes

    @pytest.mark.parametrize("fault", ["drop_after", "error_500_after", "truncated"])
    def test_a_lost_response_to_the_new_link_is_looked_for(self, closing: Closing, fault: str) -> None:
        closing.sandbox.fault(fault, "POST /chats/*/invite")
        closing.run()
        assert closing.changes().count("invite") == 1

    def test_a_record_of_another_link_says_that_it_was_reset(self, closing_33: Closing) -> None:
        closing_33.sandbox.fault("drop_after", "POST /chats/*/invite")
        closing_33.run()
        assert closing_33.run()["done"] == []
        assert closing_33.changes().count("invite") == 1

    def test_a_link_that_was_not_shown_at_first_proves_nothing(self, closing_33: Closing) -> None:
        link, closing_33.chat.invite_link = closing_33.chat.invite_link, None
        closing_33.sandbox.fault("drop_before", "POST /chats/*/invite")
        with pytest.raises(PeriskopeOutcomeUnknownError):
            closing_33.run()
        closing_33.chat.invite_link = link
        assert "invite_link" in closing_33.run()["done"]
        assert closing_33.chat.invite_link != link

    def test_a_group_that_cannot_be_read_after_it_was_left_is_closed(self, closing_33: Closing) -> None:
        closing_33.run(dissolve=True)
        del closing_33.sandbox.chats[closing_33.chat.chat_id]
        assert closing_33.run(dissolve=True) == {"done": [], "has_left": True}

    def test_a_group_that_never_was_is_an_error(self, closing: Closing) -> None:
        del closing.sandbox.chats[closing.chat.chat_id]
        with pytest.raises(PeriskopeNotFoundError):
            closing.run(dissolve=True)

    @pytest.mark.parametrize(
        "what", [{}, {"dissolve": True, "only_admins_write": False, "reset_invite_link": False}], ids=repr
    )
    def test_by_a_phone_that_is_no_admin_sends_nothing(self, closing: Closing, what: dict[str, bool]) -> None:
        own = closing.chat.members[f"{closing.sandbox.phone}@c.us"]
        own.is_admin = own.is_super_admin = False
        with pytest.raises(PeriskopeConflictError, match="The phone is not an admin of the group"):
            closing.run(**what)
        assert closing.changes() == []
        assert closing.farewells == 0

    def test_a_member_without_a_number_is_not_taken_for_the_phone(
        self, closing: Closing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = json.loads(closing.sandbox.connection_json()) | {"login": closing.sandbox.phone_id}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(login))
        closing.sandbox.hidden_numbers.add("918527184400")
        closing.sandbox.add_person(closing.chat, "918527184400")
        closing.run()
        assert closing.chat.messages_admins_only

    def test_a_group_that_was_left_is_left_alone(self, closing: Closing) -> None:
        closing.sandbox.leave(closing.chat, closing.sandbox.phone)
        assert closing.run(dissolve=True) == {"done": [], "has_left": True}
        assert closing.changes() == []
        assert closing.farewells == 0


def test_what_is_wrong_with_the_farewell_is_told_with_all_other_problems() -> None:
    with pytest.raises(PeriskopeInputError) as error:
        check_closing("Sales", farewell=True)
    assert str(error.value).startswith(
        "The group was not closed, nothing was sent: 2 problems with the input."
    )
    assert error.value.problems[1] == "farewell is a bool: expected text"


class TestDissolve:
    def test_removes_everybody_in_batches_and_leaves_last(self, closing: Closing) -> None:
        result = closing.run(dissolve=True, reset_invite_link=False, only_admins_write=False)
        assert result == {"done": ["participants", "left"], "has_left": True}
        assert closing.chat.exited
        assert closing.chat.members == {}
        assert closing.changes() == ["remove", "remove", "remove", "leave"]
        batches = [
            len(call.body["participants"])
            for call in closing.sandbox.requests
            if call.path.endswith("remove")
        ]
        assert batches == [20, 20, 5]

    def test_demotes_admins_first(self, closing: Closing) -> None:
        closing.chat.members[f"{ASHA}@c.us"].is_admin = True
        closing.run(dissolve=True)
        assert closing.chat.exited
        assert "demote" in closing.changes()

    @pytest.mark.parametrize("step", range(1, 8))
    def test_that_is_killed_after_any_step_ends_in_the_same_state(
        self, closing_33: Closing, monkeypatch: pytest.MonkeyPatch, step: int
    ) -> None:
        """And no call that has done its work is repeated."""
        real, sent = Client.send, 0

        def send_and_die(self: Client, call: Any, **more: Any) -> Any:
            nonlocal sent
            response = real(self, call, **more)
            sent += call.method != "GET"
            if call.method != "GET" and sent == step:
                raise Killed
            return response

        with monkeypatch.context() as patch:
            patch.setattr(Client, "send", send_and_die)
            with pytest.raises(Killed):
                closing_33.run(dissolve=True, labels=["closed"])
        closing_33.run(dissolve=True, labels=["closed"])
        assert closing_33.chat.exited
        assert closing_33.chat.members == {}
        assert closing_33.chat.labels == ["VIP", "closed"]
        assert closing_33.changes() == ["settings", "invite", "labels", "remove", "remove", "remove", "leave"]

    @pytest.mark.parametrize("route", ["remove", "leave", "settings"])
    @pytest.mark.parametrize("fault", ["drop_after", "html_502_after"])
    def test_a_lost_response_does_no_harm(self, closing: Closing, route: str, fault: str) -> None:
        closing.sandbox.fault(fault, f"POST /chats/*/{route}")
        assert closing.run(dissolve=True)["has_left"]
        assert closing.chat.exited

    def test_never_leaves_while_somebody_cannot_be_removed(self, closing: Closing) -> None:
        creator = "918527184400"
        closing.chat = closing.sandbox.add_group(
            "Theirs", creator=creator, admins=[closing.sandbox.phone], people=PEOPLE
        )
        with pytest.raises(
            PeriskopeParticipantsError, match="1 person could not be removed; the phone stays"
        ) as error:
            closing.run(dissolve=True)
        assert "9185•••••400: The creator of the group stays" in str(error.value)
        assert "45 people were removed by this try" in str(error.value)
        assert not error.value.retryable
        assert "leave" not in closing.changes()
        assert not closing.chat.exited

    def test_says_so_where_the_phone_is_not_an_admin(self, closing: Closing) -> None:
        closing.chat.members[f"{closing.sandbox.phone}@c.us"].is_admin = False
        with pytest.raises(PeriskopeParticipantsError, match="45 people could not be removed") as error:
            closing.run(dissolve=True, reset_invite_link=False, only_admins_write=False)
        assert "Make the phone an admin" in str(error.value)
        assert not closing.chat.exited

    def test_removes_nobody_where_the_phone_may_be_any_of_them(
        self, closing_33: Closing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = json.loads(closing_33.sandbox.connection_json()) | {"login": closing_33.sandbox.phone_id}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(login))
        monkeypatch.setattr(PeriskopeHook, "get_phone", lambda _: Phone())
        with pytest.raises(PeriskopeConflictError, match="which member of the group is the phone itself"):
            closing_33.run(dissolve=True, reset_invite_link=False, only_admins_write=False)
        assert closing_33.changes() == []

    def test_members_without_a_number_are_in_the_way(self, closing: Closing) -> None:
        closing.sandbox.hidden_numbers.add("918527184400")
        closing.sandbox.add_person(closing.chat, "918527184400")
        with pytest.raises(PeriskopeParticipantsError, match="1 members are shown without their number"):
            closing.run(dissolve=True)
        assert "leave" not in closing.changes()


class TestHandOver:
    def test_promotes_the_person_and_leaves(self, closing: Closing) -> None:
        result = closing.run(hand_over_to=ASHA, reset_invite_link=False, only_admins_write=False)
        assert result == {"done": ["admins", "left"], "has_left": True}
        assert closing.chat.members[f"{ASHA}@c.us"].is_admin
        assert len(closing.chat.members) == len(PEOPLE)

    def test_with_dissolve_keeps_only_that_person(self, closing: Closing) -> None:
        closing.run(hand_over_to=ASHA, dissolve=True)
        assert list(closing.chat.members) == [f"{ASHA}@c.us"]
        assert closing.chat.members[f"{ASHA}@c.us"].is_admin
        assert closing.chat.exited

    def test_to_somebody_who_is_not_in_the_group_is_an_error(self, closing: Closing) -> None:
        with pytest.raises(PeriskopeConflictError, match="9185•••••400 is not known to be in the group"):
            closing.run(hand_over_to="918527184400", dissolve=True)
        assert closing.changes() == []
        assert closing.farewells == 0

    def test_to_somebody_who_has_just_left_keeps_the_phone_in_the_group(
        self, closing: Closing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(group_closing, "refuse_in_advance", lambda *_: None)
        with pytest.raises(PeriskopeConflictError, match="9185•••••400 is not known to be in the group"):
            closing.run(hand_over_to="918527184400", dissolve=True)
        assert not {"leave", "remove"} & set(closing.changes())

    @pytest.mark.parametrize(
        ("hand_over_to", "problem"),
        [
            pytest.param([ASHA, PEOPLE[1]], "hand_over_to has 2 people", id="two"),
            pytest.param("919876543210", "hand_over_to is the phone that leaves", id="ourselves"),
        ],
    )
    def test_refused(self, closing_33: Closing, hand_over_to: Any, problem: str) -> None:
        with pytest.raises(PeriskopeInputError, match=problem):
            closing_33.run(hand_over_to=hand_over_to)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("dissolve", "yes"), ("reset_invite_link", None), ("only_admins_write", 1), ("wait_timeout", 1800)],
)
def test_what_is_not_of_its_type_is_refused_while_parsing(argument: str, value: object) -> None:
    arguments: dict[str, Any] = {argument: value}
    with pytest.raises(TypeError, match=f"{argument} is"):
        PeriskopeCloseGroupOperator(task_id="close", chat_id="1@g.us", **arguments)
    with pytest.raises(TypeError, match=f"{argument} is"):
        PeriskopeCloseGroupOperator.partial(task_id="close", **arguments)
