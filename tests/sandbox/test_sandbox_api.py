from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]

ASHA = "919537851844"
RAVI = "918527184400"


def test_a_group_is_made_as_asked(sandbox: Sandbox, create: Call) -> None:
    answer = create(
        "Stand-up", (ASHA, RAVI), description="Daily", messagesAdminsOnly=True, infoAdminsOnly="", image=""
    )
    [group] = sandbox.groups
    assert answer.status_code == 200
    row = answer.json()
    assert row["chat_id"] == group.chat_id
    assert row["chat_id"].startswith("120363")
    assert row["chat_id"].endswith("@g.us")
    assert row["invite_link"] == group.invite_link
    assert row["org_phone"] == f"{sandbox.phone}@c.us"
    assert (group.name, group.phone, group.description) == ("Stand-up", sandbox.phone, "Daily")
    assert (group.messages_admins_only, group.info_admins_only, group.image) == (True, False, None)
    assert list(group.members) == [f"{number}@c.us" for number in (sandbox.phone, ASHA, RAVI)]
    assert abs(group.created_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_two_groups_may_have_one_name(sandbox: Sandbox, create: Call) -> None:
    assert create("Twice").json()["chat_id"] != create("Twice").json()["chat_id"]
    assert len(sandbox.groups_named("Twice")) == 2


def test_the_creation_is_told_in_whole_seconds_and_the_create_counts_one_member(create: Call) -> None:
    row = create("Stand-up", (ASHA, RAVI)).json()
    assert datetime.fromisoformat(row["created_at"]).microsecond == 0
    assert row["member_count"] == 1


def test_who_is_not_in_the_contacts_is_invited(sandbox: Sandbox, call: Call, create: Call) -> None:
    sandbox.not_in_contacts.add(RAVI)
    chat_id = create("Stand-up", (ASHA, RAVI)).json()["chat_id"]
    assert sandbox.groups[0].invited == [f"{RAVI}@c.us"]
    chat = call("GET", f"/chats/{chat_id}").json()
    assert list(chat["members"]) == [f"{sandbox.phone}@c.us", f"{ASHA}@c.us"]
    assert chat["member_count"] == 2
    assert chat["members"][f"{sandbox.phone}@c.us"]["is_super_admin"] is True


def test_force_adds_who_is_not_in_the_contacts(sandbox: Sandbox, create: Call) -> None:
    sandbox.not_in_contacts.add(RAVI)
    create("Stand-up", (RAVI,), force_add_participants=True)
    assert f"{RAVI}@c.us" in sandbox.groups[0].members
    assert sandbox.groups[0].invited == []


def test_the_headers_of_the_vendor_are_there(sandbox: Sandbox, call: Call) -> None:
    sandbox.rate_limit = "10/1s"
    headers = call("GET", "/phones").headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["x-periskope-phone-id"] == sandbox.phone_id
    assert len(headers["x-periskope-org-id"]) == 36
    assert headers["x-periskope-trace-id"] != call("GET", "/phones").headers["x-periskope-trace-id"]
    assert headers["X-RateLimit-Limit"] == "10"
    assert headers["X-RateLimit-Remaining"] == "9"
    assert 0 <= int(headers["X-RateLimit-Reset"]) - time.time() < 2


@pytest.mark.parametrize("key", ["Bearer wrong", "sandbox-key", ""])
def test_a_wrong_key_is_refused(sandbox: Sandbox, call: Call, key: str) -> None:
    answer = call("GET", "/phones", headers={"Authorization": key})
    assert answer.status_code == 401
    assert answer.json() == {
        "code": "UNAUTHORIZED_ERROR",
        "message": "Invalid bearer auth token",
        "status": 401,
    }


def test_a_call_names_its_phone(sandbox: Sandbox, call: Call) -> None:
    missing = call("GET", "/phones", headers={"x-phone": None})
    assert (missing.status_code, missing.json()["message"]) == (422, "Missing Header: {x-phone}")
    assert list(missing.json()["fields"]) == ["x-phone"]
    assert call("GET", "/phones", headers={"x-phone": "910000000000"}).json()["code"] == "NOT_FOUND_ERROR"
    assert (
        call("GET", "/phones", headers={"x-phone": sandbox.phone_id}).json()["phone_id"] == sandbox.phone_id
    )


def test_each_phone_makes_its_own_groups(sandbox: Sandbox, call: Call) -> None:
    second = sandbox.add_phone("918527184499")
    body = {"group_name": "Theirs", "participants": [ASHA]}
    row = call("POST", "/chats/create", body, headers={"x-phone": second.phone_id}).json()
    assert row["org_phone"] == "918527184499@c.us"
    assert sandbox.groups[0].phone == "918527184499"
    assert [phone["phone_id"] for phone in call("GET", "/phones/all").json()] == [
        sandbox.phone_id,
        second.phone_id,
    ]


def test_a_phone_that_is_off_says_so_until_it_is_restarted(
    sandbox: Sandbox, call: Call, create: Call
) -> None:
    sandbox.phones[sandbox.phone].is_off = True
    refused = create("Stand-up")
    assert refused.status_code == 401
    assert "switched off" in refused.json()["message"]
    assert "/phone/restart" in refused.json()["message"]
    assert call("GET", "/phones").json()["wa_state"] == "DISCONNECTED"
    assert call("POST", "/phones/restart").status_code == 204
    assert call("GET", "/phones").json()["wa_state"] == "CONNECTED"
    assert create("Stand-up").status_code == 200


@pytest.mark.parametrize(
    ("body", "message", "fields"),
    [
        (
            {},
            "All of the following keys are required: participants, group_name",
            {"participants", "group_name"},
        ),
        ({"group_name": "x", "participants": []}, "", {"participants"}),
        ({"group_name": " ", "participants": [ASHA]}, "", {"group_name"}),
        ({"group_name": "x" * 101, "participants": [ASHA]}, "", {"group_name"}),
        ({"group_name": "x", "participants": [ASHA, "+91 95378"]}, "", {"participants.1"}),
        (
            {"group_name": "x", "participants": [ASHA], "options": {"messagesAdminsOnly": "yes"}},
            "",
            {"options.messagesAdminsOnly"},
        ),
    ],
)
def test_bad_input_is_refused_field_by_field(
    sandbox: Sandbox, call: Call, body: object, message: str, fields: set[str]
) -> None:
    answer = call("POST", "/chats/create", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_ERROR")
    assert message in answer.json()["message"]
    assert set(answer.json()["fields"]) == fields
    assert sandbox.groups == []


NAN = b'{"group_name": "x", "participants": ["919537851844"], "extra": NaN}'


@pytest.mark.parametrize("data", [b"{", NAN, b"[" * 100_000, b"\xff"])
def test_a_body_that_is_not_json_is_refused(call: Call, data: bytes) -> None:
    answer = call("POST", "/chats/create", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_lone_surrogate_in_a_name_comes_back_as_json(sandbox: Sandbox, call: Call) -> None:
    sandbox.add_group("\ud800")
    assert call("GET", "/chats").json()["chats"][0]["chat_name"] == "\ud800"


def test_a_body_that_is_too_large_is_refused(sandbox: Sandbox, call: Call) -> None:
    answer = call("POST", "/message/send", {"chat_id": ASHA, "message": "x" * (25 * 2**20)})
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert sandbox.chats == {}


def test_lists_come_in_pages_newest_update_first(sandbox: Sandbox, call: Call) -> None:
    sandbox.seed(5)
    names = [f"Seeded group {number:06}" for number in range(1, 6)]
    first = call("GET", "/chats", params={"offset": 0, "limit": 2}).json()
    assert (first["from"], first["to"], first["count"]) == (0, 2, 5)
    assert [chat["chat_name"] for chat in first["chats"]] == names[:2]
    rest = call("GET", "/chats", params={"offset": 2, "limit": 2000}).json()["chats"]
    assert [chat["chat_name"] for chat in rest] == names[2:]
    assert call("GET", "/chats", params={"offset": 9}).json()["chats"] == []


def test_a_change_moves_a_chat_to_the_front(sandbox: Sandbox, call: Call) -> None:
    sandbox.seed(3)
    last = sandbox.groups[-1]
    sandbox.move_chat(last.chat_id)
    assert call("GET", "/chats").json()["chats"][0]["chat_id"] == last.chat_id
    call("POST", "/message/send", {"chat_id": sandbox.groups[1].chat_id, "message": "Hello"})
    assert call("GET", "/chats").json()["chats"][0]["chat_id"] == sandbox.groups[1].chat_id


def test_lists_are_filtered_by_type_and_label(sandbox: Sandbox, call: Call) -> None:
    sandbox.add_group("Plain")
    sandbox.add_group("Marked", labels=["VIP"])
    call("POST", "/message/send", {"chat_id": ASHA, "message": "Hello"})

    def names(**query: str) -> set[str | None]:
        return {chat["chat_name"] for chat in call("GET", "/chats", params=query).json()["chats"]}

    assert names(chat_type="group") == {"Plain", "Marked"}
    assert names(chat_type="user") == {None}
    assert names(label="vip") == {"Marked"}
    [label_id] = sandbox.groups_named("Marked")[0].row()["label_ids"]
    assert names(label=label_id) == {"Marked"}


def test_a_limit_above_2000_is_refused(call: Call) -> None:
    answer = call("GET", "/chats", params={"limit": 2001})
    assert (answer.status_code, answer.json()["message"]) == (422, "Limit should be less than 2000")
    assert call("GET", "/chats", params={"limit": 2000}).status_code == 200


def test_rows_may_lack_fields_and_show_others(sandbox: Sandbox, call: Call) -> None:
    sandbox.add_group("Old", exited=True, without=("created_at", "org_phone"), shown={"chat_name": None})
    [row] = call("GET", "/chats").json()["chats"]
    assert "created_at" not in row
    assert "org_phone" not in row
    assert (row["chat_name"], row["is_exited"]) == (None, True)


def test_a_percent_encoded_id_is_the_same_chat(sandbox: Sandbox, call: Call, create: Call) -> None:
    chat_id = create("Stand-up").json()["chat_id"]
    path = f"/chats/{chat_id.replace('@', '%40')}"
    assert call("GET", path).json()["chat_id"] == chat_id
    assert sandbox.requests[-1].path == f"/chats/{chat_id}"
    assert sandbox.requests[-1].target == f"/v1{path}"


def test_an_unknown_chat_is_not_found(call: Call) -> None:
    answer = call("GET", "/chats/120363000000000000@g.us")
    assert answer.json() == {"code": "NOT_FOUND_ERROR", "message": "Chat not found", "status": 404}


def test_people_are_changed_one_by_one_under_200(sandbox: Sandbox, call: Call, create: Call) -> None:
    sandbox.not_in_contacts.add(RAVI)
    sandbox.not_on_whatsapp.add("910000000001")
    chat_id = create("Stand-up").json()["chat_id"]
    [group] = sandbox.groups
    asha, ravi = f"{ASHA}@c.us", f"{RAVI}@c.us"

    def change(name: str, *numbers: str) -> dict[str, dict[str, object]]:
        answer = call("POST", f"/chats/{chat_id}/{name}", {"participants": list(numbers)})
        assert answer.status_code == 200
        people: dict[str, dict[str, object]] = answer.json()
        return people

    added = change("add", ASHA, RAVI, "910000000001", "919874532456@c.us")
    assert (added[asha]["is_success"], added[asha]["code"]) == (False, 409)
    assert (added[ravi]["is_success"], added[ravi]["code"], added[ravi]["isInviteV4Sent"]) == (
        True,
        403,
        True,
    )
    assert added["910000000001@c.us"]["code"] == 404
    assert added["919874532456@c.us"] == {"is_success": True, "code": 200}
    assert change("promote", ASHA)[asha]["is_success"] is True
    assert group.members[asha].is_admin is True
    assert change("demote", ASHA)[asha]["is_success"] is True
    assert group.members[asha].is_admin is False
    assert change("remove", ASHA, RAVI)[ravi]["code"] == 404
    assert asha not in group.members
    assert change("remove", sandbox.phone)[f"{sandbox.phone}@c.us"]["is_success"] is False
    for number in range(1021):
        sandbox.add_person(group, f"92{number:010}")
    assert change("add", "919999999999", ASHA)[asha]["code"] == 419


def test_settings_change_what_is_given(sandbox: Sandbox, call: Call, create: Call) -> None:
    chat_id = create("Stand-up", description="Daily").json()["chat_id"]
    row = call("POST", f"/chats/{chat_id}/settings", {"name": "Retro", "memberAddMode": True}).json()
    assert (row["chat_name"], row["group_description"]) == ("Retro", "Daily")
    assert (row["add_members_admins_only"], row["messages_admins_only"]) == (True, False)
    assert sandbox.groups[0].name == "Retro"


def test_an_invite_is_a_new_link(sandbox: Sandbox, call: Call, create: Call) -> None:
    row = create("Stand-up").json()
    link = call("POST", f"/chats/{row['chat_id']}/invite").json()["invite_link"]
    assert link == sandbox.groups[0].invite_link != row["invite_link"]


def test_a_group_that_was_left_stays_listed_and_takes_no_more_calls(
    sandbox: Sandbox, call: Call, create: Call
) -> None:
    chat_id = create("Stand-up").json()["chat_id"]
    assert call("POST", f"/chats/{chat_id}/leave").status_code == 200
    assert sandbox.groups[0].exited is True
    assert call("GET", "/chats").json()["chats"][0]["is_exited"] is True
    assert call("POST", f"/chats/{chat_id}/add", {"participants": [ASHA]}).status_code == 404
    assert call("POST", "/message/send", {"chat_id": chat_id, "message": "x"}).status_code == 404


def test_unknown_paths_and_methods_are_refused_in_the_same_form(call: Call) -> None:
    assert call("GET", "/contacts").json()["code"] == "NOT_FOUND_ERROR"
    refused = call("DELETE", "/phones")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")


def test_requests_are_recorded_exactly(sandbox: Sandbox, call: Call) -> None:
    body = {"group_name": "Grüße 🎉", "participants": [ASHA], "options": {"unknown": [1, None]}}
    call("POST", "/chats/create?x=1", body, headers={"X-Odd": "a, b"})
    [request] = sandbox.requests
    assert (request.method, request.path, request.target) == ("POST", "/chats/create", "/v1/chats/create?x=1")
    assert (request.phone, request.status, request.fault) == (sandbox.phone, 200, None)
    assert (request.body, request.group_name) == (body, "Grüße 🎉")
    assert request.headers["x-odd"] == "a, b"
    assert request.headers["Authorization"] == f"Bearer {sandbox.api_key}"
    assert abs(request.time - datetime.now(UTC)) < timedelta(seconds=10)


def test_100_000_chats_are_listed_page_by_page(sandbox: Sandbox, call: Call) -> None:
    sandbox.seed(100_000)
    seen: set[str] = set()
    for page in range(3):
        body = call("GET", "/chats", params={"offset": page * 2000, "limit": 2000}).json()
        assert body["count"] == 100_000
        seen |= {chat["chat_id"] for chat in body["chats"]}
    assert len(seen) == 6000
