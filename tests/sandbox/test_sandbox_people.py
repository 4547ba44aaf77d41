"""Who is in a group, who can be added to it or changed, and what the organisation notes about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from airflow_provider_periskope.sandbox.chats import Chat
    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]
    Change = Callable[..., dict[str, Any]]

ASHA, RAVI, MEERA = "919537851844", "918527184400", "919874532456"


@pytest.fixture
def group(sandbox: Sandbox, create: Call) -> Chat:
    create("Stand-up")
    return sandbox.groups[0]


@pytest.fixture
def change(call: Call, group: Chat) -> Change:
    def change(name: str, *numbers: str, chat_id: str = "", **options: Any) -> dict[str, Any]:
        body = {"participants": list(numbers), **options}
        response = call("POST", f"/chats/{chat_id or group.chat_id}/{name}", body)
        assert response.status_code == 200
        people: dict[str, Any] = response.json()
        return people

    return change


@pytest.mark.parametrize(
    ("kind", "code", "is_success", "sent"),
    [
        ("not_on_whatsapp", 404, False, None),
        ("left_recently", 408, False, None),
        ("refusing", 403, False, False),
        ("not_in_contacts", 403, True, True),
        ("hidden_numbers", 200, True, None),
    ],
)
def test_people_who_cannot_simply_be_added(
    sandbox: Sandbox, change: Change, kind: str, code: int, is_success: bool, sent: bool | None
) -> None:
    getattr(sandbox, kind).add(RAVI)
    person = change("add", RAVI)[f"{RAVI}@c.us"]
    assert (person["code"], person["is_success"], person.get("isInviteV4Sent")) == (code, is_success, sent)


def test_each_private_invitation_is_on_record(sandbox: Sandbox, change: Change, group: Chat) -> None:
    sandbox.not_in_contacts |= {RAVI, MEERA}
    change("add", RAVI, MEERA)
    change("add", RAVI)
    assert [invitation.chat_id for invitation in sandbox.invitations_to(f"{RAVI}@c.us")] == [
        group.chat_id
    ] * 2
    assert len(sandbox.invitations_to(MEERA)) == 1
    assert group.invited == [f"{MEERA}@c.us", f"{RAVI}@c.us"]
    change("add", MEERA, force_add_participants=True)
    assert (group.invited, len(sandbox.invitations)) == ([f"{RAVI}@c.us"], 3)


def test_a_member_may_be_shown_without_a_number(
    sandbox: Sandbox, call: Call, change: Change, group: Chat
) -> None:
    sandbox.hidden_numbers.add(RAVI)
    change("add", RAVI)
    [hidden] = [key for key in call("GET", f"/chats/{group.chat_id}").json()["members"] if "@lid" in key]
    assert RAVI not in hidden
    assert change("add", RAVI)[f"{RAVI}@c.us"]["code"] == 409
    assert change("promote", RAVI)[f"{RAVI}@c.us"]["is_success"] is True
    assert change("demote", hidden)[hidden]["is_success"] is True
    assert change("remove", hidden)[hidden]["is_success"] is True
    assert group.removed == [hidden]


def test_a_phone_that_is_not_an_admin_changes_little(sandbox: Sandbox, call: Call, change: Change) -> None:
    theirs = sandbox.add_group("Theirs", creator=RAVI, people=[ASHA])
    for name in ("remove", "promote", "demote"):
        person = change(name, ASHA, chat_id=theirs.chat_id)[f"{ASHA}@c.us"]
        assert person == {"is_success": False, "message": "The phone is not an admin of this group"}
    assert change("add", MEERA, chat_id=theirs.chat_id)[f"{MEERA}@c.us"]["code"] == 200
    theirs.add_members_admins_only = True
    assert change("add", "918527184401", chat_id=theirs.chat_id)["918527184401@c.us"]["is_success"] is False
    path = f"/chats/{theirs.chat_id}"
    assert call("POST", f"{path}/invite").status_code == 422
    assert call("POST", f"{path}/settings", {"messagesAdminsOnly": True}).status_code == 422
    assert call("POST", f"{path}/settings", {"name": "Ours"}).status_code == 200
    theirs.info_admins_only = True
    assert call("POST", f"{path}/settings", {"name": "Mine"}).status_code == 422
    outsider = sandbox.add_phone("918527184499").digits
    body = {"participants": [ASHA]}
    person = call("POST", f"{path}/add", body, headers={"x-phone": outsider}).json()[f"{ASHA}@c.us"]
    assert person["is_success"] is False


def test_admins_and_the_creator_are_not_removed(sandbox: Sandbox, change: Change) -> None:
    theirs = sandbox.add_group("Theirs", creator=RAVI, admins=[sandbox.phone, ASHA])
    people = change("remove", RAVI, ASHA, MEERA, chat_id=theirs.chat_id)
    assert [person["code"] for person in people.values()] == [403, 403, 404]
    assert change("demote", RAVI, chat_id=theirs.chat_id)[f"{RAVI}@c.us"]["code"] == 403
    assert change("promote", RAVI, chat_id=theirs.chat_id)[f"{RAVI}@c.us"]["code"] == 200
    change("demote", ASHA, chat_id=theirs.chat_id)
    assert change("remove", ASHA, chat_id=theirs.chat_id)[f"{ASHA}@c.us"]["code"] == 200
    assert theirs.removed == [f"{ASHA}@c.us"]


def test_when_the_only_admin_leaves_somebody_else_becomes_admin(
    sandbox: Sandbox, call: Call, change: Change, group: Chat
) -> None:
    change("add", MEERA)
    call("POST", f"/chats/{group.chat_id}/leave")
    assert group.exited is True
    assert sorted(group.members) == [f"{ASHA}@c.us", f"{MEERA}@c.us"]
    assert sum(member.is_admin for member in group.members.values()) == 1


def test_two_phones_in_one_group(sandbox: Sandbox, call: Call, change: Change, group: Chat) -> None:
    second = sandbox.add_phone(RAVI)
    change("add", RAVI)
    both = [f"{sandbox.phone}@c.us", f"{RAVI}@c.us"]
    [row] = call("GET", "/chats").json()["chats"]
    assert (row["org_phone"], row["chat_org_phones"]) == (both[0], both)
    sandbox.rows_per_phone = True
    page = call("GET", "/chats", params={"offset": 1, "limit": 5}).json()
    assert ([row["org_phone"] for row in page["chats"]], page["count"]) == (both[1:], 2)
    call("POST", f"/chats/{group.chat_id}/leave")
    assert (group.exited, list(group.members)) == (False, [f"{ASHA}@c.us", f"{RAVI}@c.us"])
    call("POST", f"/chats/{group.chat_id}/leave", headers={"x-phone": second.phone_id})
    assert group.exited is True


def test_who_created_a_group_can_be_read(sandbox: Sandbox, call: Call) -> None:
    theirs = sandbox.add_group("Theirs", creator=RAVI)
    members = call("GET", f"/chats/{theirs.chat_id}").json()["members"]
    assert [key for key, row in members.items() if row["is_super_admin"]] == [f"{RAVI}@c.us"]


def test_labels_are_replaced(sandbox: Sandbox, call: Call, group: Chat) -> None:
    group.labels = ["VIP", "Old"]
    other = sandbox.add_group("Other")
    body = {"labels": " New, vip,VIP,", "chat_ids": [group.chat_id, other.chat_id]}
    answer = call("PATCH", "/chats/labels", body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert group.labels == other.labels == ["New", "VIP"]
    missing = call("PATCH", "/chats/labels", {})
    assert missing.json()["message"].endswith("required: labels, chat_ids")
    assert call("PATCH", "/chats/labels", {"labels": "", "chat_ids": ["nobody"]}).status_code == 404
    call("PATCH", "/chats/labels", {"labels": "", "chat_ids": [group.chat_id]})
    assert group.labels == []


def test_what_is_noted_about_a_chat_changes(call: Call, group: Chat) -> None:
    path = f"/chats/{group.chat_id}"
    call("PATCH", path, {"assigned_to": "asha@example.com", "custom_properties": {"plan": "pro", "x": "1"}})
    row = call("PATCH", path, {"labels": "a,b", "custom_properties": {"x": "2"}}).json()
    assert (row["assigned_to"], row["labels"]) == ("asha@example.com", ["a", "b"])
    assert row["custom_properties"] == {"plan": "pro", "x": "2"}
    assert call("PATCH", path, {"assigned_to": "nobody"}).status_code == 422
    assert call("PATCH", "/chats/nobody", {}).status_code == 404
