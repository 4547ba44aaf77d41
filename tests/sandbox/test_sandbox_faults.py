"""Each fault as a client sees it at its socket, and what it leaves behind."""

from __future__ import annotations

import http.client
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_periskope.sandbox.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]

ASHA = "919537851844"
BODY = json.dumps({"group_name": "Stand-up", "participants": [ASHA]}).encode()


def raw_create(sandbox: Sandbox) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)
    head = f"Host: x\r\nAuthorization: Bearer {sandbox.api_key}\r\nx-phone: {sandbox.phone}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    client.sendall(b"POST /v1/chats/create HTTP/1.1\r\n" + head.encode() + BODY)
    return client


@pytest.mark.parametrize(("name", "made"), [("drop_before", 0), ("drop_after", 1)])
def test_a_connection_is_dropped_without_a_byte(sandbox: Sandbox, create: Call, name: str, made: int) -> None:
    sandbox.fault(name)
    with raw_create(sandbox) as client:
        assert client.recv(1) == b""
    sandbox.fault(name)
    with pytest.raises(requests.ConnectionError, match="Remote end closed connection"):
        create("Stand-up")
    assert len(sandbox.groups) == 2 * made
    assert [(request.status, request.fault) for request in sandbox.requests] == [(None, name)] * 2
    assert create("Stand-up").status_code == 200


def test_a_connection_is_reset(sandbox: Sandbox) -> None:
    sandbox.fault("drop_after", reset=True)
    with raw_create(sandbox) as client, pytest.raises(ConnectionResetError):
        client.recv(1)


def test_an_answer_comes_later_than_the_client_waits(sandbox: Sandbox, call: Call) -> None:
    sandbox.fault("late", seconds=0.6)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{sandbox.url}/chats/create", BODY, headers=headers(sandbox), timeout=0.2)
    assert len(sandbox.groups) == 1
    sandbox.fault("late", seconds=0.3, route="GET /phones")
    started = time.perf_counter()
    assert call("GET", "/phones").status_code == 200
    assert time.perf_counter() - started >= 0.3


def test_the_work_is_done_after_the_client_has_gone(sandbox: Sandbox) -> None:
    sandbox.fault("late_work", seconds=0.5)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{sandbox.url}/chats/create", BODY, headers=headers(sandbox), timeout=0.2)
    assert sandbox.groups == []
    wait_for(lambda: len(sandbox.groups) == 1)


@pytest.mark.parametrize("header", ["X-RateLimit-Reset", "Retry-After", None])
def test_calls_are_too_many_for_some_seconds(sandbox: Sandbox, create: Call, header: str | None) -> None:
    sandbox.fault("rate_limit", seconds=0.5, header=header)
    started = time.time()
    first, second = create("Stand-up"), create("Stand-up")
    assert (first.status_code, first.json()["code"]) == (429, "RATE_LIMIT_ERROR")
    assert second.status_code == 429
    assert sandbox.groups == []
    for name, seconds in (("X-RateLimit-Reset", started), ("Retry-After", 0.0)):
        assert (name in first.headers) == (name == header)
        if name == header:
            assert seconds + 0.5 <= int(first.headers[name]) <= seconds + 2
    wait_for(lambda: create("Stand-up").status_code == 200)
    assert time.time() - started >= 0.5


def test_a_rate_limit_may_carry_any_value(sandbox: Sandbox, create: Call) -> None:
    sandbox.fault("rate_limit", header="Retry-After", value="soon")
    assert create("Stand-up").headers["Retry-After"] == "soon"
    assert create("Stand-up").status_code == 200


@pytest.mark.parametrize(
    ("name", "status", "code", "message"),
    [
        ("wrong_key", 401, "UNAUTHORIZED_ERROR", "Invalid bearer auth token"),
        ("phone_off", 401, "UNAUTHORIZED_ERROR", "phone server instance is switched off"),
        ("wrong_plan", 401, "UNAUTHORIZED_ERROR", "active pro and enterprise plans"),
        ("not_found", 404, "NOT_FOUND_ERROR", "Chat not found"),
        ("invalid", 422, "VALIDATION_ERROR", "Invalid body"),
        ("error_500", 500, "UNKNOWN_ERROR", "Internal server error"),
    ],
)
def test_errors_of_the_api_make_nothing(
    sandbox: Sandbox, create: Call, name: str, status: int, code: str, message: str
) -> None:
    sandbox.fault(name)
    answer = create("Stand-up")
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert message in answer.json()["message"]
    assert ("fields" in answer.json()) == (name == "invalid")
    assert "x-periskope-trace-id" in answer.headers
    assert sandbox.groups == []


@pytest.mark.parametrize(
    ("name", "status", "text", "made"),
    [
        ("error_500_after", 500, "UNKNOWN_ERROR", 1),
        ("html_502", 502, "<h1>502 Bad Gateway</h1>", 0),
        ("html_502_after", 502, "<h1>502 Bad Gateway</h1>", 1),
        ("html_401", 401, "<h1>401 Authorization Required</h1>", 0),
        ("html_404_after", 404, "<h1>404 Not Found</h1>", 1),
        ("html_429_after", 429, "<h1>429 Too Many Requests</h1>", 1),
        ("json_401_after", 401, '{"error":{"title":"401 Authorization Required"}}', 1),
        ("json_404", 404, '{"error":{"title":"404 Not Found"}}', 0),
        ("json_429_after", 429, '{"error":{"title":"429 Too Many Requests"}}', 1),
        ("empty_500", 500, "", 0),
        ("empty_500_after", 500, "", 1),
        ("not_json", 200, "<html>", 1),
    ],
)
def test_answers_that_tell_nothing(
    sandbox: Sandbox, create: Call, name: str, status: int, text: str, made: int
) -> None:
    sandbox.fault(name)
    answer = create("Stand-up")
    assert answer.status_code == status
    assert text in answer.text
    assert (answer.text == "") == (text == "")
    assert ("x-periskope-trace-id" in answer.headers) == (name == "error_500_after")
    assert len(sandbox.groups) == made


def test_json_is_cut_in_the_middle(sandbox: Sandbox) -> None:
    sandbox.fault("truncated")
    client = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    client.request("POST", "/v1/chats/create", BODY, headers(sandbox))
    answer = client.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert len(cut.value.partial) + (cut.value.expected or 0) == int(answer.headers["Content-Length"])
    assert cut.value.partial.startswith(b'{"chat_id"')
    client.close()
    assert len(sandbox.groups) == 1


@pytest.mark.parametrize(("name", "status"), [("hidden", 200), ("gateway_504_hidden", 504)])
def test_a_group_shows_up_in_lists_later(
    sandbox: Sandbox, call: Call, create: Call, name: str, status: int
) -> None:
    sandbox.fault(name, seconds=0.5)
    assert create("Stand-up").status_code == status
    assert len(sandbox.groups) == 1
    assert call("GET", "/chats").json()["chats"] == []
    assert call("GET", f"/chats/{sandbox.groups[0].chat_id}").status_code == 200
    wait_for(lambda: len(call("GET", "/chats").json()["chats"]) == 1)


def test_the_work_is_done_after_the_connection_is_lost(sandbox: Sandbox) -> None:
    sandbox.fault("late_commit", seconds=0.5)
    started = time.monotonic()
    with raw_create(sandbox) as client:
        assert client.recv(1) == b""
    assert (time.monotonic() - started < 0.4, sandbox.groups) == (True, [])
    wait_for(lambda: len(sandbox.groups) == 1)
    assert sandbox.requests[0].status is None


def test_a_rate_limit_ends_in_milliseconds(sandbox: Sandbox, create: Call) -> None:
    sandbox.fault("rate_limit_ms", seconds=30)
    response = create("Stand-up")
    assert response.json()["code"] == "RATE_LIMIT_ERROR"
    assert 29_000 < int(response.headers["X-RateLimit-Reset"]) - time.time() * 1000 <= 31_000


def test_messages_and_members_show_up_later(sandbox: Sandbox, call: Call, create: Call) -> None:
    sandbox.sent_after = 0
    chat_id = create("Stand-up").json()["chat_id"]
    sandbox.fault("hidden", "POST /message/send", chat_id=chat_id, seconds=0.5)
    sandbox.fault("hidden", "POST /chats/*/add", chat_id=chat_id, seconds=0.5)
    call("POST", "/message/send", {"chat_id": chat_id, "message": "Hello"})
    call("POST", f"/chats/{chat_id}/add", {"participants": ["918527184400"]})
    assert call("GET", f"/chats/{chat_id}/messages").json()["messages"] == []
    assert len(call("GET", f"/chats/{chat_id}").json()["members"]) == 2
    wait_for(lambda: len(call("GET", f"/chats/{chat_id}/messages").json()["messages"]) == 1)
    wait_for(lambda: len(call("GET", f"/chats/{chat_id}").json()["members"]) == 3)


def test_texts_come_back_with_other_white_space(sandbox: Sandbox, call: Call, create: Call) -> None:
    chat_id = create("Stand-up").json()["chat_id"]
    sandbox.add_message(chat_id, "One\nTwo")
    sandbox.fault("other_white_space", "GET /chats/*/messages")
    bodies = [call("GET", f"/chats/{chat_id}/messages").json()["messages"][0]["body"] for _ in range(2)]
    assert bodies == ["One \r\nTwo \r\n", "One\nTwo"]


def test_the_list_of_the_queue_has_another_form_or_is_not_there(sandbox: Sandbox, call: Call) -> None:
    sandbox.fault("in_an_object", "POST /message/queues")
    sandbox.fault("not_found", "POST /message/queues")
    answers = [call("POST", "/message/queues") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 404, 200]
    assert (answers[0].json(), answers[2].json()) == ({"data": []}, [])


def test_a_fault_meets_its_chat_and_its_text_only(sandbox: Sandbox, call: Call, create: Call) -> None:
    one, two = (create(name).json()["chat_id"] for name in ("One", "Two"))
    sandbox.fault("error_500", "POST /message/send", chat_id=one, text="Hello")
    sandbox.fault("html_502", "* /chats/*", chat_id=two, times=None)

    def send(chat_id: str, text: str) -> int:
        return call("POST", "/message/send", {"chat_id": chat_id, "message": text}).status_code

    assert [send(two, "Hello"), send(one, "Bye"), send(one, "Hello"), send(one, "Hello")] == [
        200,
        200,
        500,
        200,
    ]
    assert [call("GET", f"/chats/{chat_id}").status_code for chat_id in (one, two)] == [200, 502]
    assert [call("POST", f"/chats/{chat_id}/invite").status_code for chat_id in (one, two)] == [200, 502]


def test_a_fault_meets_its_group_only_and_so_many_times(sandbox: Sandbox, create: Call) -> None:
    sandbox.fault("error_500", group_name="Hit", times=2)
    sandbox.fault("wrong_plan", group_name="Always", times=None)
    statuses = [
        create(name).status_code for name in ("Other", "Hit", "Always", "Hit", "Hit", "Always", "Always")
    ]
    assert statuses == [200, 500, 401, 500, 200, 401, 401]
    sandbox.faults.clear()
    assert create("Always").status_code == 200


def test_a_fault_meets_its_route_only(sandbox: Sandbox, call: Call, create: Call) -> None:
    sandbox.fault("html_502", route="GET /chats/*", times=None)
    chat_id = create("Stand-up").json()["chat_id"]
    assert call("GET", f"/chats/{chat_id}").status_code == 502
    assert call("GET", "/chats").status_code == 200
    assert call("POST", f"/chats/{chat_id}/invite").status_code == 200


def test_a_call_with_a_wrong_key_meets_no_fault(sandbox: Sandbox, create: Call) -> None:
    sandbox.fault("drop_after")
    answer = requests.post(
        f"{sandbox.url}/chats/create", BODY, headers={"Authorization": "Bearer no"}, timeout=5
    )
    assert answer.status_code == 401
    with pytest.raises(requests.ConnectionError):
        create("Stand-up")


def test_a_misspelt_fault_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="drop_before"):
        sandbox.fault("drop")
    with pytest.raises(TypeError):
        sandbox.fault("drop_after", grop_name="Stand-up")


def test_a_stopped_sandbox_refuses_connections_and_comes_back_with_its_groups(
    sandbox: Sandbox, call: Call, create: Call
) -> None:
    create("Stand-up")
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        call("GET", "/phones")
    sandbox.start()
    assert call("GET", "/chats").json()["chats"][0]["chat_name"] == "Stand-up"


def test_it_stops_at_once_with_answers_under_way(sandbox: Sandbox) -> None:
    sandbox.fault("late", seconds=30)
    with raw_create(sandbox) as client:
        wait_for(lambda: len(sandbox.groups) == 1)
        started = time.perf_counter()
        sandbox.stop()
        assert time.perf_counter() - started < 1
        assert client.recv(1) == b""


def test_every_fault_is_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert [name for name in KINDS if f"`{name}`" not in text] == []


def headers(sandbox: Sandbox) -> dict[str, str]:
    key = {"Authorization": f"Bearer {sandbox.api_key}", "x-phone": sandbox.phone}
    return {**key, "Content-Type": "application/json"}


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends, "It did not come in 5 s"
        time.sleep(0.05)
