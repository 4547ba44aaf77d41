"""Changing a group: only what differs is sent, and a repetition changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.api import client
from airflow_provider_periskope.exceptions import (
    PeriskopeInputError,
    PeriskopeNoResponseError,
    PeriskopeParticipantsError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.operators.group import PeriskopeUpdateGroupOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.chats import Chat
    from airflow_provider_periskope.sandbox.server import Sandbox

ASHA, BHARAT, CHITRA = "919537851844", "919874532456", "918527184400"


@pytest.fixture
def group(periskope_sandbox: Sandbox) -> Chat:
    return periskope_sandbox.add_group("Cohort", people=[ASHA, BHARAT], labels=["VIP", "2026"])


@pytest.fixture
def update(group: Chat) -> Callable[..., dict[str, Any]]:
    def run(**arguments: Any) -> dict[str, Any]:
        operator = PeriskopeUpdateGroupOperator(task_id="update", chat_id=group.chat_id, **arguments)
        return operator.act({}, PeriskopeHook(), None)  # type: ignore[arg-type]

    return run


def changes(sandbox: Sandbox) -> list[str]:
    return [
        f"{call.method} {call.path.rpartition('/')[2]}" for call in sandbox.requests if call.method != "GET"
    ]


EVERYTHING: dict[str, Any] = {
    "group_name": "Cohort of November",
    "options": {
        "description": "Meets on Mondays",
        "image": "https://example.com/team.png",
        "messagesAdminsOnly": True,
        "info_admins_only": True,
        "addMembersAdminsOnly": True,
    },
    "admins": [ASHA],
    "add_labels": ["open"],
    "remove_labels": "vip",
    "assigned_to": "asha@example.com",
    "custom_properties": {"cohort": "11"},
}


class TestEverything:
    def test_is_brought_to_the_state(
        self, update: Callable[..., dict[str, Any]], group: Chat, periskope_sandbox: Sandbox
    ) -> None:
        group.custom_properties = {"source": "web"}
        result = update(**EVERYTHING)
        assert (group.name, group.description, group.image) == (
            "Cohort of November",
            "Meets on Mondays",
            "https://example.com/team.png",
        )
        assert (group.messages_admins_only, group.info_admins_only, group.add_members_admins_only) == (
            True,
        ) * 3
        assert group.members[f"{ASHA}@c.us"].is_admin
        assert not group.members[f"{BHARAT}@c.us"].is_admin
        assert group.labels == ["2026", "open"]
        assert group.assigned_to == "asha@example.com"
        assert group.custom_properties == {"source": "web", "cohort": "11"}
        assert result["promoted"] == [ASHA]
        assert set(result["changed"]) >= {"group_name", "description", "labels", "admins", "assigned_to"}
        assert changes(periskope_sandbox) == [
            "POST settings",
            "PATCH labels",
            f"PATCH {group.chat_id}",
            "POST promote",
        ]

    def test_a_second_time_sends_nothing(
        self, update: Callable[..., dict[str, Any]], periskope_sandbox: Sandbox
    ) -> None:
        update(**EVERYTHING)
        periskope_sandbox.requests.clear()
        assert update(**EVERYTHING) == {"changed": [], "promoted": [], "not_members": []}
        assert changes(periskope_sandbox) == []


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        pytest.param({"group_name": "Cohort"}, [], id="the same name"),
        pytest.param({"options": {"messagesAdminsOnly": False}}, [], id="the same option"),
        pytest.param({"options": {}, "add_labels": ["vip"]}, [], id="a label in another case"),
        pytest.param({"options": {"description": "x"}}, [{"description": "x"}], id="one option"),
        pytest.param(
            {"group_name": "New", "options": {"addMembersAdminsOnly": True}},
            [{"name": "New", "memberAddMode": True}],
            id="under the names of a change",
        ),
    ],
)
def test_only_what_differs_is_sent(
    update: Callable[..., dict[str, Any]],
    periskope_sandbox: Sandbox,
    arguments: dict[str, Any],
    sent: list[dict[str, Any]],
) -> None:
    update(**arguments)
    assert [call.body for call in periskope_sandbox.requests if call.method != "GET"] == sent


def test_labels_of_others_stay(update: Callable[..., dict[str, Any]], group: Chat) -> None:
    update(add_labels="late, 2026")
    assert group.labels == ["VIP", "2026", "late"]
    update(remove_labels=["late"])
    assert group.labels == ["VIP", "2026"]


@pytest.mark.parametrize(
    ("field", "arguments"),
    [("labels", {"add_labels": ["x"]}), ("custom_properties", {"custom_properties": {"a": "b"}})],
)
def test_what_cannot_be_read_is_not_replaced(
    update: Callable[..., dict[str, Any]],
    group: Chat,
    periskope_sandbox: Sandbox,
    field: str,
    arguments: dict[str, Any],
) -> None:
    group.without = frozenset({field})
    with pytest.raises(PeriskopeNoResponseError, match="of the chat cannot be read"):
        update(**arguments)
    assert changes(periskope_sandbox) == []


def test_somebody_who_is_not_in_the_group_is_named_masked(
    update: Callable[..., dict[str, Any]], periskope_sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    assert update(admins=[CHITRA]) == {"changed": [], "promoted": [], "not_members": [CHITRA]}
    assert changes(periskope_sandbox) == []
    assert "9185•••••400 is not known to be in group" in logged()
    assert CHITRA not in logged()


def test_a_phone_that_is_not_an_admin_is_told_what_to_do(
    update: Callable[..., dict[str, Any]], group: Chat, periskope_sandbox: Sandbox
) -> None:
    group.members[f"{periskope_sandbox.phone}@c.us"].is_admin = False
    with pytest.raises(PeriskopeParticipantsError, match="1 of 1 people were not made admins") as error:
        update(admins=[ASHA])
    assert "Check that the phone is an admin" in str(error.value)
    assert ASHA not in str(error.value)


@pytest.mark.parametrize("fault", ["drop_after", "error_500_after", "html_502_after", "truncated"])
def test_a_lost_response_is_followed_by_another_request(
    update: Callable[..., dict[str, Any]],
    group: Chat,
    periskope_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr(client.time, "sleep", lambda _: None)
    periskope_sandbox.fault(fault, "POST /chats/*/settings")
    update(options={"description": "x"})
    assert group.description == "x"
    assert changes(periskope_sandbox) == ["POST settings"] * 2


def test_all_problems_come_in_one_error(update: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(PeriskopeInputError) as error:
        update(
            group_name="",
            options={"image": "x", "force_add_participants": True},
            admins=["12"],
            add_labels=["a,b", "c"],
            remove_labels=["C"],
            assigned_to="None",
            custom_properties=["x"],
        )
    assert len(error.value.problems) == 7
    assert "The group was not changed" in str(error.value)


def test_nothing_to_change_is_a_problem(update: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(PeriskopeInputError, match="nothing to change is given"):
        update()


def test_an_option_that_does_not_exist_is_refused_while_parsing() -> None:
    with pytest.raises(ValueError, match="did you mean 'messagesAdminsOnly'"):
        PeriskopeUpdateGroupOperator(task_id="update", chat_id="1@g.us", options={"messageAdminsOnly": True})
