"""What goes over the wire for messages, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import (
    PeriskopeInputError,
    PeriskopeNoResponseError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
)
from airflow_provider_periskope.hooks import periskope
from airflow_provider_periskope.hooks.periskope import PeriskopeHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox
    from tests.http.conftest import Connect, Serve

TEXT = "the words that nobody may see"
GROUP = "120363392071406466@g.us"
ROW = {
    "message_id": "true_120363392071406466@g.us_3EB0",
    "unique_id": "message-abc",
    "chat_id": GROUP,
    "body": TEXT,
    "message_type": "chat",
    "timestamp": "2026-05-01T10:00:00+00:00",
    "from_me": True,
    "ack": "1",
    "sent_message_id": "queue-abc",
}


@pytest.fixture
def hook(periskope_sandbox: Sandbox) -> PeriskopeHook:
    periskope_sandbox.add_group("Sales", chat_id=GROUP)
    return PeriskopeHook()


class TestSend:
    def test_sends_only_what_is_given(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        queued = hook.send_message(GROUP, TEXT)
        (request,) = periskope_sandbox.requests
        assert (request.method, request.target) == ("POST", "/v1/message/send")
        assert request.body == {"chat_id": GROUP, "message": TEXT}
        assert request.headers["x-phone"] == periskope_sandbox.phone
        (message,) = periskope_sandbox.messages.values()
        assert (queued.unique_id, queued.queue_id) == (message.unique_id, message.queue_id)

    def test_sends_all_there_is(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        media = {"type": "document", "url": "https://example.com/a.pdf", "filename": "a.pdf"}
        hook.send_message("+91 95378 51844", "The list", media=media, reply_to="ABC", hide_url_preview=True)
        poll = {"pollName": "Which day?", "pollOptions": ["Monday", "Tuesday"]}
        hook.send_message(GROUP, poll=poll)
        first, second = periskope_sandbox.requests
        assert first.body == {
            "chat_id": "919537851844@c.us",
            "message": "The list",
            "media": media,
            "reply_to": "ABC",
            "options": {"hide_url_preview": True},
        }
        assert second.body == {"chat_id": GROUP, "poll": poll}

    def test_sends_nothing_that_is_refused(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        with pytest.raises(PeriskopeInputError):
            hook.send_message(GROUP)
        assert periskope_sandbox.requests == []

    @pytest.mark.parametrize(
        "fault", ["drop_after", "truncated", "not_json", "error_500_after", "html_502_after"]
    )
    def test_a_lost_response_is_not_sent_again(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, fault: str, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault(fault, "POST /message/send")
        before: list[int] = []
        with pytest.raises(PeriskopeOutcomeUnknownError) as error:
            hook.send_message(
                GROUP, TEXT, before_sending=lambda: before.append(len(periskope_sandbox.requests))
            )
        assert before == [0]
        assert len(periskope_sandbox.requests) == len(periskope_sandbox.messages) == 1
        assert TEXT not in logged() + str(error.value)

    def test_without_an_id_in_the_response_the_outcome_is_unknown(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes]
    ) -> None:
        server = serve(raw_answer(200, {"queue_position": 1}))
        with pytest.raises(PeriskopeOutcomeUnknownError):
            connect(server.url).send_message(GROUP, TEXT)
        assert len(server.requests) == 1

    def test_a_position_in_words_does_no_harm(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes]
    ) -> None:
        server = serve(raw_answer(200, {"unique_id": "m", "queue_id": "q", "queue_position": "next"}))
        queued = connect(server.url).send_message(GROUP, TEXT)
        assert (queued.unique_id, queued.queue_id, queued.queue_position) == ("m", "q", None)

    def test_a_long_rate_limit_says_nothing_of_the_text(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("rate_limit", "POST /message/send", seconds=60)
        with pytest.raises(PeriskopeRateLimitError) as error:
            hook.send_message("919537851844", f"{TEXT} {{{{ x }}}}")
        assert not error.value.in_doubt
        assert TEXT not in logged() + str(error.value)
        assert "919537851844" not in logged() + str(error.value)


class TestStatus:
    def test_of_a_message_that_is_on_its_way(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes]
    ) -> None:
        body = {"status": "sent", "ack": 1, "timeline": {"queued_at": "2026-05-01T10:00:00Z"}, "attempts": 1}
        server = serve(raw_answer(200, body))
        status = connect(server.url).get_message_status("message-a/b")
        assert server.requests[0].startswith(b"GET /v1/message/message-a%2Fb/status HTTP")
        assert (status.status, status.ack, status.attempts) == ("sent", 1, 1)
        assert status.timeline
        assert status.timeline.queued_at
        assert (status.is_sent, status.is_delivered, status.has_failed) == (True, False, False)

    @pytest.mark.parametrize(
        ("body", "sent", "delivered", "failed"),
        [
            ({}, False, False, False),
            ({"status": "queued", "ack": 0}, False, False, False),
            ({"status": "sent"}, True, False, False),
            ({"ack": "2"}, True, False, False),
            ({"status": "delivered", "ack": None}, True, True, False),
            ({"status": "sent", "ack": 3}, True, True, False),
            ({"status": "queued", "ack": -1}, False, False, True),
            ({"status": "failed"}, False, False, True),
            ({"status": [], "ack": {}, "timeline": "x"}, False, False, False),
        ],
        ids=repr,
    )
    def test_of_every_form(
        self,
        serve: Serve,
        connect: Connect,
        raw_answer: Callable[..., bytes],
        body: object,
        sent: bool,
        delivered: bool,
        failed: bool,
    ) -> None:
        status = connect(serve(raw_answer(200, body)).url).get_message_status("message-a")
        assert (status.is_sent, status.is_delivered, status.has_failed) == (sent, delivered, failed)


class TestMessagesOfAChat:
    def test_one_page_at_a_time_until_nothing_is_new(
        self,
        serve: Serve,
        connect: Connect,
        raw_answer: Callable[..., bytes],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(periskope, "MESSAGES_IN_A_PAGE", 2)

        def page(*names: str) -> bytes:
            return raw_answer(200, {"messages": [{**ROW, "message_id": name} for name in names]})

        # A message arrives after the first page, so the second one repeats one.
        server = serve(page("d", "c"), page("c", "b"), page("a"), page())
        messages = connect(server.url).iter_messages(GROUP)
        assert next(messages).message_id == "d"
        assert len(server.requests) == 1
        assert [message.message_id for message in messages] == ["c", "b", "a"]
        asked = [request.split(b" ")[1].decode() for request in server.requests]
        assert asked == [f"/v1/chats/{GROUP}/messages?offset={n}&limit=2" for n in (0, 2, 4, 5)]

    def test_fields_that_cannot_be_read_count_as_missing(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes]
    ) -> None:
        odd: dict[str, Any] = {key: [[]] for key in ROW} | {"message_id": "m", "media": "x", "poll_info": 7}
        server = serve(
            raw_answer(200, {"messages": [odd, 7, {"body": "without an id"}]}),
            raw_answer(200, {"messages": []}),
        )
        (message,) = connect(server.url).iter_messages(GROUP)
        assert message.model_dump(exclude_none=True) == {"message_id": "m"}

    def test_a_list_that_ignores_the_offset_ends(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes]
    ) -> None:
        server = serve(raw_answer(200, {"messages": [ROW]}))
        assert len(list(connect(server.url).iter_messages(GROUP))) == 1

    def test_of_a_person_leaves_no_number_in_the_log(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes], logged: Callable[[], str]
    ) -> None:
        hook = connect(serve(raw_answer(200, {"nothing": 1})).url)
        with pytest.raises(PeriskopeNoResponseError) as error:
            list(hook.iter_messages("919537851844@c.us"))
        assert "919537851844" not in logged() + str(error.value)


class TestQueue:
    JOB = {"queue_id": "q", "unique_id": "m", "chat_id": GROUP, "message": {"body": TEXT, "type": "chat"}}  # noqa: RUF012

    @pytest.mark.parametrize(
        "wrap", [lambda jobs: jobs, lambda jobs: {"queues": jobs, "count": 1}], ids=["bare", "in an object"]
    )
    def test_of_both_forms(
        self, serve: Serve, connect: Connect, raw_answer: Callable[..., bytes], wrap: Callable[[Any], Any]
    ) -> None:
        (job,) = connect(serve(raw_answer(200, wrap([self.JOB, "x"]))).url).get_message_queue()
        assert (job.queue_id, job.unique_id, job.chat_id) == ("q", "m", GROUP)
        assert job.message
        assert job.message.body == TEXT

    def test_only_reads_so_it_is_repeated(
        self,
        serve: Serve,
        connect: Connect,
        raw_answer: Callable[..., bytes],
    ) -> None:
        server = serve(None, raw_answer(200, []))
        assert connect(server.url).get_message_queue() == []
        assert len(server.requests) == 2

    @pytest.mark.parametrize("body", [{"queues": "x"}, {"a": [], "b": []}, {}], ids=repr)
    def test_without_a_list_is_no_response(
        self,
        serve: Serve,
        connect: Connect,
        raw_answer: Callable[..., bytes],
        body: object,
    ) -> None:
        with pytest.raises(PeriskopeNoResponseError) as error:
            connect(serve(raw_answer(200, body)).url).get_message_queue()
        assert not error.value.in_doubt
