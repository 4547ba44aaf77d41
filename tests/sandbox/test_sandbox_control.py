"""What another process can see and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., requests.Response]

ASHA = "919537851844"
RAVI = "918527184400"


@pytest.fixture
def control(sandbox: Sandbox) -> Call:
    def send(method: str, path: str, json: Any = None) -> requests.Response:
        return requests.request(method, f"http://127.0.0.1:{sandbox.port}{path}", json=json, timeout=5)

    return send


def test_a_fault_is_set_and_cleared(sandbox: Sandbox, control: Call, create: Call) -> None:
    fault = {"name": "error_500", "group_name": "Hit", "times": None}
    assert control("POST", "/sandbox/faults", fault).status_code == 200
    assert [create("Hit").status_code, create("Other").status_code] == [500, 200]
    assert control("GET", "/sandbox/state").json()["faults"][0]["group_name"] == "Hit"
    assert control("DELETE", "/sandbox/faults").status_code == 204
    assert create("Hit").status_code == 200


@pytest.mark.parametrize("fault", [{"name": "no_such"}, {"name": "late", "group": "x"}, {}])
def test_a_misspelt_fault_is_refused(sandbox: Sandbox, control: Call, fault: dict[str, str]) -> None:
    assert control("POST", "/sandbox/faults", fault).status_code == 422
    assert sandbox.faults == []


def test_groups_and_requests_are_shown_without_the_key(sandbox: Sandbox, control: Call, create: Call) -> None:
    sandbox.not_in_contacts.add(RAVI)
    create("One", (ASHA, RAVI))
    create("Two")
    [group] = control("GET", "/sandbox/groups?name=One").json()["groups"]
    assert [member["contact_id"] for member in group["members"]] == [f"{sandbox.phone}@c.us", f"{ASHA}@c.us"]
    assert group["invited"] == [f"{RAVI}@c.us"]
    answer = control("GET", "/sandbox/requests")
    assert [request["group_name"] for request in answer.json()["requests"]] == ["One", "Two"]
    assert answer.json()["requests"][0]["body"]["participants"] == [ASHA, RAVI]
    assert sandbox.api_key not in answer.text
    assert control("GET", "/sandbox/requests?group_name=Two").json()["count"] == 1


def test_state_is_set(sandbox: Sandbox, control: Call) -> None:
    change = {
        "rate_limit": "5/2s",
        "latency": 0.1,
        "phones": {"918527184499": {"is_off": True}, sandbox.phone: {"is_connected": False}},
        "sent_after": 5,
        "rows_without": {"members": ["contact_name"]},
        "not_in_contacts": [RAVI],
        "contact_names": {ASHA: "Asha"},
    }
    answer = control("PATCH", "/sandbox/state", change).json()
    assert (answer["rate_limit"], answer["latency"]) == ("5/2s", 0.1)
    assert [phone["is_off"] for phone in answer["phones"]] == [False, True]
    assert (sandbox.sent_after, sandbox.rows_without) == (5, {"members": {"contact_name"}})
    assert sandbox.phones[sandbox.phone].is_connected is False
    assert (sandbox.not_in_contacts, sandbox.contact_names) == ({RAVI}, {ASHA: "Asha"})
    assert sandbox.phones["918527184499"].is_off is True
    assert control("PATCH", "/sandbox/state", {"rate_limit": "off"}).json()["rate_limit"] == "off"
    assert control("PATCH", "/sandbox/state", {"rate_limit": "ten"}).status_code == 422
    assert control("PATCH", "/sandbox/state", {"rate": "off"}).status_code == 422


def test_groups_are_put_there_and_all_is_forgotten(sandbox: Sandbox, control: Call, create: Call) -> None:
    control(
        "POST",
        "/sandbox/groups",
        {"name": "Old", "created_at": "2025-01-01T00:00:00Z", "without": ["org_id"]},
    )
    assert "org_id" not in sandbox.groups[0].row()
    assert sandbox.groups[0].created_at.year == 2025
    assert control("POST", "/sandbox/seed", {"count": 3}).json()["count"] == 4
    create("New")
    sandbox.add_phone("918527184499")
    sandbox.fault("drop_after")
    assert control("POST", "/sandbox/reset").status_code == 204
    assert sandbox.faults == []
    assert (sandbox.groups, sandbox.requests, list(sandbox.phones)) == ([], [], [sandbox.phone])


def test_messages_and_invitations_are_shown_and_messages_put_there(
    sandbox: Sandbox, control: Call, create: Call, call: Call
) -> None:
    sandbox.not_in_contacts.add(RAVI)
    chat_id = create("One", (ASHA, RAVI)).json()["chat_id"]
    call("POST", "/message/send", {"chat_id": chat_id, "message": "Hello"})
    call("POST", "/message/send", {"chat_id": chat_id, "message": "Bye"})
    written = {"chat_id": chat_id, "text": "Hi", "sender": ASHA, "at": "2025-01-01T00:00:00Z"}
    assert control("POST", "/sandbox/messages", written).json()["sender"] == ASHA
    assert control("POST", "/sandbox/messages", {**written, "chat_id": "nobody"}).status_code == 404
    shown = control("GET", f"/sandbox/messages?chat_id={chat_id}").json()["messages"]
    assert [(message["text"], message["status"]) for message in shown] == [
        ("Hello", "queued"),
        ("Bye", "queued"),
        ("Hi", "read"),
    ]
    sent = control("GET", f"/sandbox/invitations?number={RAVI}").json()
    assert (sent["count"], sent["invitations"][0]["chat_id"]) == (1, chat_id)
    assert control("GET", f"/sandbox/invitations?number={ASHA}").json()["count"] == 0
    assert control("GET", f"/sandbox/requests?chat_id={chat_id}&text=Bye").json()["count"] == 1


def test_a_group_of_another_person_is_put_there(sandbox: Sandbox, control: Call, call: Call) -> None:
    group = {"name": "Theirs", "creator": RAVI, "admins": [ASHA], "people": ["919874532456"]}
    chat_id = control("POST", "/sandbox/groups", group).json()["chat_id"]
    members = call("GET", f"/chats/{chat_id}").json()["members"]
    rights = {key: (row["is_admin"], row["is_super_admin"]) for key, row in members.items()}
    assert rights == {
        f"{sandbox.phone}@c.us": (False, False),
        "919874532456@c.us": (False, False),
        f"{ASHA}@c.us": (True, False),
        f"{RAVI}@c.us": (True, True),
    }


def test_no_key_and_no_limit_is_needed(sandbox: Sandbox, control: Call) -> None:
    sandbox.rate_limit = (1, 60)
    assert {control("GET", "/sandbox/state").status_code for _ in range(3)} == {200}
    assert sandbox.requests == []


def test_the_page_loads_nothing_from_elsewhere(sandbox: Sandbox, control: Call) -> None:
    answer = control("GET", "/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "://" not in answer.text.replace("http://www.w3.org", "")
    assert "innerHTML" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:8765"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "localhost@rebound.example"},
        {"Host": ""},
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "reset"), ("GET", "requests"), ("PATCH", "state")])
def test_a_page_of_elsewhere_is_refused(
    sandbox: Sandbox, create: Call, headers: dict[str, str], method: str, path: str
) -> None:
    create("Stand-up")
    url = f"http://127.0.0.1:{sandbox.port}/sandbox/{path}"
    refused = requests.request(method, url, json={"latency": 1}, headers=headers, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert (len(sandbox.groups), sandbox.latency) == (1, 0)


def test_the_page_itself_and_other_programs_may_ask(sandbox: Sandbox) -> None:
    url = f"http://127.0.0.1:{sandbox.port}/sandbox/reset"
    for host in (f"127.0.0.1:{sandbox.port}", "localhost", f"LOCALHOST:{sandbox.port}", "[::1]:80"):
        for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
            assert requests.post(url, headers=headers, timeout=5).status_code == 204


def test_the_api_answers_under_any_name(sandbox: Sandbox, call: Call) -> None:
    headers = {"Host": "periskope-sandbox:8765", "Origin": "https://page.example"}
    assert call("GET", "/phones", headers=headers).status_code == 200


def test_the_name_that_it_listens_on_is_allowed() -> None:
    with Sandbox(host="127.0.0.2") as sandbox:
        url = f"http://127.0.0.2:{sandbox.port}/sandbox/state"
        assert requests.get(url, timeout=5).status_code == 200


def test_one_request_is_shown_with_its_bodies(
    sandbox: Sandbox, control: Call, call: Call, create: Call
) -> None:
    response = create("Stand-up")
    trace_id = response.headers["x-periskope-trace-id"]
    assert sandbox.requests[0].trace_id == trace_id
    shown = control("GET", f"/sandbox/requests/{trace_id}")
    assert (shown.json()["body"]["group_name"], shown.json()["response"]) == ("Stand-up", response.text)
    assert sandbox.api_key not in shown.text
    few = control("GET", "/sandbox/requests?whole=false").json()["requests"][0]
    assert (few["body"], few["response"], few["headers"]) == (None, None, None)
    assert control("GET", "/sandbox/requests/none").status_code == 404
