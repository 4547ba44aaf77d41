"""The first line of an error says what happened; Airflow's log pane cuts what is longer than that."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.api import client
from airflow_provider_periskope.exceptions import PeriskopeError
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.models import NewGroup
from airflow_provider_periskope.once import rule
from airflow_provider_periskope.once.doubt import Attempt, TaskTry
from airflow_provider_periskope.once.group import OneGroup
from airflow_provider_periskope.once.record import Memory
from airflow_provider_periskope.once.rule import make_once
from airflow_provider_periskope.sandbox.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox

LONGEST = 90
ASHA = "919537851844"
GROUP_ID = "120363392071406466@g.us"
LONG_NAME = "W" * 100
ERRORS = [
    name
    for name, kind in KINDS.items()
    if kind.answer is not None or kind.sends != "whole" or name == "rate_limit"
]


def first_line(call: Callable[[], Any]) -> str:
    with pytest.raises(PeriskopeError) as error:
        call()
    line, *rest = str(error.value).splitlines()
    assert len(line) < LONGEST, line
    assert line.endswith(".")
    assert not rest or error.value.what_to_do == "" or rest[0] == f"What to do: {error.value.what_to_do}"
    if error.value.trace_id:
        assert rest[1] == f"Trace id for Periskope's support: {error.value.trace_id}"
    return line


CALLS = {
    "create a group": lambda hook: hook.create_group(LONG_NAME, [ASHA]),
    "read a chat": lambda hook: hook.get_chat(GROUP_ID),
    "read a person": lambda hook: hook.get_chat(f"{ASHA}@c.us"),
    "list chats": lambda hook: list(hook.iter_chats("group")),
    "read the phone": lambda hook: hook.get_phone(),
    "add people": lambda hook: hook.request("POST", f"/chats/{GROUP_ID}/add", json={}),
    "anything": lambda hook: hook.request("POST", f"/{'long/' * 50}"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestOfACall:
    @pytest.mark.parametrize("fault", ERRORS)
    def test_that_fails(
        self,
        connect: Callable[..., PeriskopeHook],
        periskope_sandbox: Sandbox,
        waits: list[float],
        call: Callable[[PeriskopeHook], Any],
        fault: str,
    ) -> None:
        details = {"header": "Retry-After", "value": "3600"} if fault == "rate_limit" else {}
        periskope_sandbox.fault(fault, "*", times=None, **details)
        hook = connect(periskope_sandbox.url, key=periskope_sandbox.api_key, login=periskope_sandbox.phone)
        first_line(lambda: call(hook))

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b""),
            (200, {}),
            (200, []),
            (302, b""),
            (403, b"no"),
            (404, b"no"),
            (429, b"no"),
            (503, b"a" * 5000),
        ],
    )
    def test_that_something_else_answers(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        call: Callable[[PeriskopeHook], Any],
        status: int,
        body: object,
    ) -> None:
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        hook = connect(serve(raw_answer(status, body, Content_Type=kind)).url)
        try:
            call(hook)
        except PeriskopeError:
            first_line(lambda: call(hook))

    @pytest.mark.parametrize(
        "body", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
    )
    def test_that_no_http_answers(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        waits: list[float],
        call: Callable[[PeriskopeHook], Any],
        body: bytes,
    ) -> None:
        first_line(lambda: call(connect(serve(body).url)))

    def test_that_reaches_nothing(
        self,
        connect: Callable[..., PeriskopeHook],
        waits: list[float],
        monkeypatch: pytest.MonkeyPatch,
        call: Callable[[PeriskopeHook], Any],
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert "Could not connect to 127.0.0.1" in first_line(
            lambda: call(connect(f"http://127.0.0.1:{port}"))
        )
        first_line(lambda: call(connect("https://nowhere.invalid")))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        first_line(lambda: call(connect("https://nowhere.invalid")))


class TestOfAConnection:
    @pytest.mark.parametrize(
        "fields",
        [{"login": ""}, {"password": ""}, {"host": "*"}, {"extra": {"timeout": 0}}, {"conn_type": "http"}],
        ids=json.dumps,
    )
    def test_that_cannot_be_used(self, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]) -> None:
        fine = {"conn_type": "periskope", "login": ASHA, "password": "a-key-of-this-test", "host": ""}
        monkeypatch.setenv("AIRFLOW_CONN_WA", json.dumps(fine | fields))
        assert "'wa' cannot be used" in first_line(PeriskopeHook("wa").get_phone)

    def test_that_is_not_there(self) -> None:
        first_line(PeriskopeHook("not_there").get_phone)

    def test_whose_ca_bundle_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., PeriskopeHook]
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        first_line(connect("https://nowhere.invalid").get_phone)

    def test_whose_request_cannot_be_made(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., PeriskopeHook]
    ) -> None:
        monkeypatch.setattr("airflow_provider_periskope.connection._is_hostname", lambda _: True)
        first_line(connect("https://*.example").get_phone)


class TestOfInput:
    def test_that_is_refused(self, periskope_sandbox: Sandbox) -> None:
        for people in ([], ["12", "abc"]):
            first_line(lambda people=people: PeriskopeHook().create_group("", people))


class Store(dict[str, Any]):
    """A task state store."""

    set = dict.__setitem__


class TestOfTheEngine:
    @pytest.fixture(autouse=True)
    def short_waits(self, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
        monkeypatch.setattr(rule, "SETTLING", timedelta(seconds=0.2))
        monkeypatch.setattr(rule, "LOOK_PAUSES", (0.1,))
        monkeypatch.setattr(client, "READ_TRIES", 1)

    @pytest.fixture
    def make(self) -> Callable[..., Any]:
        def make(*, cleared: bool = False, if_exists: Any = "create") -> Any:
            hook, started = PeriskopeHook(), datetime.now(UTC)
            group = NewGroup(group_name=LONG_NAME, participants=[ASHA])
            task_try = TaskTry(2, False, cleared, started, started - timedelta(days=60))
            attempt = Attempt(task_try, Memory(Store()), 1, 1)
            return make_once(OneGroup(hook, group, if_exists=if_exists), attempt)

        return make

    @pytest.mark.parametrize(
        ("days", "more", "told"),
        [
            pytest.param([90], {"if_exists": "fail"}, "already exists", id="exists"),
            pytest.param([90, 91], {"if_exists": "reuse"}, "Several groups match", id="several to reuse"),
            pytest.param([0, 0], {"cleared": True}, "Several groups match", id="several of its own"),
            pytest.param([30], {"cleared": True}, "It is not certain", id="not certain"),
        ],
    )
    def test_that_a_person_has_to_decide(
        self, periskope_sandbox: Sandbox, make: Callable[..., Any], days: list[int], more: Any, told: str
    ) -> None:
        for each in days:
            periskope_sandbox.add_group(LONG_NAME, created_at=datetime.now(UTC) - timedelta(days=each))
        assert told in first_line(lambda: make(**more))

    def test_that_too_little_is_known(self, periskope_sandbox: Sandbox, make: Callable[..., Any]) -> None:
        group = periskope_sandbox.add_group(LONG_NAME, without=("org_phone",))
        group.members.clear()
        assert "too little" in first_line(lambda: make(cleared=True))
        assert "unknown whether" in first_line(lambda: make(if_exists="reuse"))

    def test_that_the_outcome_stays_unknown(
        self, periskope_sandbox: Sandbox, make: Callable[..., Any]
    ) -> None:
        periskope_sandbox.fault("drop_before", times=None)
        first_line(make)
        periskope_sandbox.fault("html_502", "GET /chats", times=None)
        first_line(make)
        first_line(lambda: make(cleared=True))
