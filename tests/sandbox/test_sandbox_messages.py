"""A message from the queue of a phone into a chat, and what the API shows of it on its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]
    Send = Callable[..., dict[str, Any]]

ASHA = "919537851844"
RAVI = "918527184400"


@pytest.fixture
def chat_id(create: Call) -> str:
    chat_id: str = create("Stand-up").json()["chat_id"]
    return chat_id


@pytest.fixture
def send(call: Call, chat_id: str) -> Send:
    def send(message: str | None = "Hello", **content: Any) -> dict[str, Any]:
        body = {"chat_id": chat_id, "message": message, **content}
        response = call("POST", "/message/send", body)
        assert response.status_code == 200, response.text
        sent: dict[str, Any] = response.json()
        return sent

    return send


def status_of(call: Call, sent: dict[str, Any]) -> tuple[str, int]:
    status = call("GET", f"/message/{sent['unique_id']}/status").json()
    return status["status"], status["ack"]


def listed(call: Call, chat_id: str, **query: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = call("GET", f"/chats/{chat_id}/messages", params=query).json()[
        "messages"
    ]
    return messages


def let_pass(sandbox: Sandbox, seconds: float) -> None:
    for message in sandbox.messages.values():
        message.queued_at -= timedelta(seconds=seconds)


def test_it_is_queued_sent_delivered_and_read(sandbox: Sandbox, call: Call, send: Send) -> None:
    sent = send()
    assert (sent["status"], sent["queue_position"]) == ("queued", 1)
    assert send("Bye")["queue_position"] == 2
    path = f"/message/{sent[sent['track_by']]}/status"
    status = call("GET", path).json()
    assert (status["status"], status["ack"], status["attempts"]) == ("queued", 0, 0)
    assert status["timeline"]["sent_at"] is None
    for seconds, stage, ack in ((0.6, "sent", 1), (0.5, "delivered", 3), (1, "read", 4)):
        let_pass(sandbox, seconds)
        sandbox.messages[sent["unique_id"]]._sent_at = None
        status = call("GET", path).json()
        assert (status["status"], status["ack"], status["attempts"]) == (stage, ack, 1)
    queued, left = (datetime.fromisoformat(status["timeline"][name]) for name in ("queued_at", "sent_at"))
    assert left - queued == timedelta(seconds=0.5)
    assert call("GET", "/message/nothing/status").status_code == 404


def test_the_delays_can_be_set(sandbox: Sandbox, call: Call, send: Send) -> None:
    sandbox.sent_after, sandbox.delivered_after = 0, float("inf")
    assert status_of(call, send()) == ("sent", 1)
    sandbox.sent_after = float("inf")
    sent = send()
    let_pass(sandbox, 1e6)
    assert status_of(call, sent) == ("queued", 0)
    sandbox.sent_after, sandbox.delivered_after, sandbox.read_after = 0, 0, float("inf")
    assert status_of(call, send()) == ("delivered", 3)


def test_a_sent_message_is_in_the_chat_with_all_its_fields(
    sandbox: Sandbox, call: Call, send: Send, chat_id: str
) -> None:
    sandbox.sent_after = 0
    poll = {"pollName": "Lunch?", "pollOptions": ["Yes", "No"], "options": {"pollId": "p-1"}}
    media = {"type": "image", "filedata": "R0lGODlh", "filename": "a.gif", "mimetype": "image/gif"}
    sent = [
        send("One\n", mentions=[f"{ASHA}@c.us"]),
        send(None, poll=poll),
        send("Look", media=media, reply_to="true_x_1"),
    ]
    image, vote, text = listed(call, chat_id)
    assert [row["sent_message_id"] for row in (text, vote, image)] == [one["queue_id"] for one in sent]
    assert [row["message_type"] for row in (text, vote, image)] == ["chat", "poll_creation", "image"]
    assert (text["body"], text["mentioned_ids"], text["poll_info"]) == ("One\n", [f"{ASHA}@c.us"], None)
    assert (vote["body"], vote["poll_info"]) == ("Lunch?", poll)
    assert (image["body"], image["quoted_message_id"]) == ("Look", "true_x_1")
    assert image["media"] == {"type": "image", "filename": "a.gif", "mimetype": "image/gif"}
    assert (text["from_me"], text["performed_by"], text["chat_id"]) == (True, "api", chat_id)
    assert text["org_phone"] == text["sender_phone"] == f"{sandbox.phone}@c.us"
    assert text["ack"] in ("1", "3")
    assert abs(datetime.fromisoformat(text["timestamp"]) - datetime.now(UTC)) < timedelta(seconds=10)
    assert (text["prev_body"], text["is_deleted"]) == (None, False)
    for name in (text["message_id"], text["sent_message_id"]):
        assert call("GET", f"/message/{name}").json()["message_id"] == text["message_id"]


def test_pages_come_newest_first(sandbox: Sandbox, call: Call, chat_id: str) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    for number in (2, 1, 3):
        sandbox.add_message(chat_id, f"No. {number}", at=moment + timedelta(hours=number))
    page = call("GET", f"/chats/{chat_id}/messages", params={"offset": 1, "limit": 1}).json()
    assert (page["from"], page["to"], page["count"]) == (1, 2, 3)
    assert [row["body"] for row in page["messages"]] == ["No. 2"]
    assert call("GET", f"/chats/{chat_id}/messages", params={"limit": 2001}).status_code == 422


def test_others_write_too_and_people_edit(sandbox: Sandbox, call: Call, chat_id: str) -> None:
    sandbox.add_message(chat_id, "Hi", sender=ASHA)
    by_hand = sandbox.add_message(chat_id, "Helo")
    by_hand.edit("Hello")
    mine, hers = listed(call, chat_id)
    assert (hers["from_me"], hers["sender_phone"]) == (False, f"{ASHA}@c.us")
    assert (mine["from_me"], mine["body"], mine["prev_body"]) == (True, "Hello", "Helo")
    assert (mine["performed_by"], mine["sent_message_id"]) == (None, None)
    with pytest.raises(KeyError):
        sandbox.add_message("nobody@g.us", "Hi")


def test_another_phone_sees_its_own_side_of_a_chat(sandbox: Sandbox, call: Call, send: Send) -> None:
    sandbox.sent_after = 0
    second, third = sandbox.add_phone(RAVI), sandbox.add_phone("918527184499")
    group = sandbox.groups[0]
    sandbox.add_person(group, RAVI)
    send()
    path = f"/chats/{group.chat_id}/messages"
    [row] = call("GET", path, headers={"x-phone": second.digits}).json()["messages"]
    assert (row["from_me"], row["org_phone"]) == (False, f"{RAVI}@c.us")
    wrong = call("GET", path, headers={"x-phone": third.digits})
    assert (wrong.status_code, wrong.json()["messages"]) == (200, [])


def test_while_the_phone_is_not_connected_messages_wait_and_then_leave(
    sandbox: Sandbox, call: Call, send: Send, chat_id: str, create: Call
) -> None:
    phone = sandbox.phones[sandbox.phone]
    phone.is_connected = False
    assert [call("GET", "/phones").json()[name] for name in ("wa_state", "is_ready")] == [
        "DISCONNECTED",
        False,
    ]
    sent = send()
    let_pass(sandbox, 60)
    assert status_of(call, sent) == ("queued", 0)
    assert listed(call, chat_id) == []
    assert call("GET", f"/message/{sent['queue_id']}").status_code == 404
    assert call("GET", "/message/queues/health").json()["waiting"] == 1
    assert create("Other").status_code == 500
    phone.is_connected = True
    assert status_of(call, sent) == ("sent", 1)
    [row] = listed(call, chat_id)
    assert datetime.fromisoformat(row["timestamp"]) > datetime.now(UTC) - timedelta(seconds=10)
    assert call("GET", "/message/queues/health").json() == {
        "waiting": 0, "active": 0, "completed": 1, "failed": 0, "delayed": 0, "paused": 0,
    }  # fmt: skip


def test_a_phone_that_is_off_takes_no_message(sandbox: Sandbox, call: Call, chat_id: str) -> None:
    sandbox.phones[sandbox.phone].is_off = True
    refused = call("POST", "/message/send", {"chat_id": chat_id, "message": "Hello"})
    assert (refused.status_code, sandbox.messages_in(chat_id)) == (401, [])


def test_the_queue_can_be_stuck(sandbox: Sandbox, call: Call, send: Send, chat_id: str) -> None:
    phone = sandbox.phones[sandbox.phone]
    phone.queue_is_stuck = True
    sent, other = send("One"), send("Two")
    let_pass(sandbox, 60)
    jobs = call("POST", "/message/queues").json()
    assert [job["queue_id"] for job in jobs] == [sent["queue_id"], other["queue_id"]]
    first = {"unique_id": sent["unique_id"], "chat_id": chat_id, "status": "waiting", "attempts": 0}
    assert first.items() <= jobs[0].items()
    assert jobs[0]["message"] == {"body": "One", "type": "chat"}
    assert datetime.fromisoformat(jobs[0]["timeline"]["queued_at"]).year > 2024
    assert len(call("POST", "/message/queues", {"queue_id": sent["queue_id"]}).json()) == 1
    assert len(call("POST", "/message/queues", {"chat_id": "nobody"}).json()) == 0
    old = call("GET", "/queue/jobs", params={"queue_id": other["queue_id"]}).json()
    assert [(job["id"], job["message_id"], job["data"]["body"]) for job in old] == [
        (other["queue_id"], other["unique_id"], "Two")
    ]
    assert call("GET", "/phones").json()["is_ready"] is True
    phone.queue_is_stuck = False
    assert call("POST", "/message/queues").json() == []


def test_one_message_can_be_stuck(sandbox: Sandbox, call: Call, send: Send) -> None:
    sandbox.sent_after = 0
    sandbox.fault("queue_stuck", "POST /message/send", text="Stuck", seconds=30)
    stuck, other = send("Stuck"), send("Other")
    assert (status_of(call, stuck)[0], status_of(call, other)[0]) == ("queued", "sent")
    let_pass(sandbox, 31)
    assert status_of(call, stuck)[1] > 0


def test_a_message_fails_and_periskope_tries_again(
    sandbox: Sandbox, call: Call, send: Send, chat_id: str
) -> None:
    sandbox.fault("message_failed", "POST /message/send", chat_id=chat_id, seconds=30)
    sandbox.fault("message_failed", "POST /message/send")
    later, never = send("Later"), send("Never")
    assert status_of(call, later) == ("queued", 0)
    let_pass(sandbox, 1)
    assert status_of(call, later) == status_of(call, never) == ("failed", -1)
    [job] = call("POST", "/message/queues").json()
    assert (job["queue_id"], job["status"], job["attempts"]) == (later["queue_id"], "delayed", 1)
    let_pass(sandbox, 30)
    assert (status_of(call, later)[1] > 0, status_of(call, never)) == (True, ("failed", -1))
    assert [row["body"] for row in listed(call, chat_id)] == ["Later"]


def test_a_message_that_cannot_arrive_fails(sandbox: Sandbox, call: Call, send: Send) -> None:
    sandbox.not_on_whatsapp.add(ASHA)
    nobody = call("POST", "/message/send", {"chat_id": ASHA, "message": "Hello"}).json()
    theirs = sandbox.add_group("Theirs", creator=RAVI, messages_admins_only=True)
    silent = call("POST", "/message/send", {"chat_id": theirs.chat_id, "message": "Hello"}).json()
    let_pass(sandbox, 1)
    assert status_of(call, nobody) == status_of(call, silent) == ("failed", -1)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({}, 422),
        ({"media": {"type": "image"}}, 422),
        ({"media": {"type": "song", "url": "https://example.com/a"}}, 422),
        ({"poll": {"pollName": "Lunch?"}}, 422),
        ({"poll": {"pollName": "Lunch?", "pollOptions": list("abcdefghijklm")}}, 422),
        ({"message": "x", "chat_id": "nobody"}, 404),
    ],
)
def test_a_send_that_says_nothing_is_refused(
    sandbox: Sandbox, call: Call, content: dict[str, Any], status: int
) -> None:
    refused = call("POST", "/message/send", {"chat_id": ASHA, **content})
    assert (refused.status_code, sandbox.messages) == (status, {})


def test_rows_of_messages_and_members_may_lack_fields(
    sandbox: Sandbox, call: Call, send: Send, chat_id: str
) -> None:
    sandbox.sent_after = 0
    sandbox.rows_without = {"messages": {"sent_message_id"}, "members": {"is_super_admin"}}
    sent = send()
    assert (
        "sent_message_id" not in listed(call, chat_id)[0] | call("GET", f"/message/{sent['queue_id']}").json()
    )
    members = call("GET", f"/chats/{chat_id}").json()["members"]
    assert [name for row in members.values() for name in row if name == "is_super_admin"] == []


def test_the_requests_and_the_messages_say_what_was_sent(
    sandbox: Sandbox, call: Call, send: Send, chat_id: str
) -> None:
    sandbox.fault("drop_before", "POST /message/send", text="Lost")
    with pytest.raises(OSError):
        send("Lost")
    send("Hello")
    assert [(request.text, request.chat_id) for request in sandbox.sends] == [
        ("Lost", chat_id),
        ("Hello", chat_id),
    ]
    assert [message.text for message in sandbox.messages_in(chat_id)] == ["Hello"]
    assert sandbox.messages_in("nobody") == []
