"""What goes over the wire when all is well."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import airflow
import pytest
import requests

from airflow_provider_periskope import __version__
from airflow_provider_periskope.api import chat_list
from airflow_provider_periskope.exceptions import (
    PeriskopeApiError,
    PeriskopeInputError,
    PeriskopeNotFoundError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_periskope.sandbox.server import Sandbox

GROUP = {"chat_id": "120363392071406466@g.us", "chat_name": "Test New 1040"}


@pytest.fixture
def hook(periskope_sandbox: Sandbox) -> PeriskopeHook:
    return PeriskopeHook()


class TestCreateGroup:
    def test_sends_exactly_the_vendors_request(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        chat = hook.create_group("Test New 1040", ["919537851844"])
        (request,) = periskope_sandbox.requests
        assert (request.method, request.target) == ("POST", "/v1/chats/create")
        assert request.body == {"group_name": "Test New 1040", "participants": ["919537851844"]}
        assert request.headers["authorization"] == f"Bearer {periskope_sandbox.api_key}"
        assert request.headers["x-phone"] == periskope_sandbox.phone
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept"] == "application/json"
        assert chat.chat_id == periskope_sandbox.groups[0].chat_id
        assert chat.invite_link == periskope_sandbox.groups[0].invite_link

    def test_says_who_calls_with_versions(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        hook.get_phone()
        assert periskope_sandbox.requests[0].headers["user-agent"] == (
            f"airflow-provider-periskope/{__version__} apache-airflow/{airflow.__version__} "
            f"requests/{requests.__version__} python/{platform.python_version()}"
        )

    def test_sends_all_six_options(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        options = {
            "addMembersAdminsOnly": True,
            "description": "Täglich 🎉",
            "image": "https://example.com/team.png",
            "infoAdminsOnly": True,
            "messagesAdminsOnly": False,
            "force_add_participants": True,
        }
        hook.create_group("Sales", ["919537851844"], options)
        assert periskope_sandbox.requests[0].body["options"] == options
        group = periskope_sandbox.groups[0]
        assert group.description == "Täglich 🎉"
        assert (group.add_members_admins_only, group.info_admins_only, group.messages_admins_only) == (
            True,
            True,
            False,
        )

    def test_two_calls_make_two(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        ids = {hook.create_group("Sales", ["919537851844"]).chat_id for _ in range(2)}
        assert {group.chat_id for group in periskope_sandbox.groups} == ids
        assert len(ids) == 2

    def test_sends_nothing_that_is_refused(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        with pytest.raises(PeriskopeInputError):
            hook.create_group("Sales", [periskope_sandbox.phone])
        assert periskope_sandbox.requests == []

    def test_logs_what_it_left_out(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        hook.create_group("Sales", ["919537851844", "+919537851844", periskope_sandbox.phone])
        text = logged()
        assert "Group 'Sales': Listed more than once, used once: 9195•••••844." in text
        assert (
            "Group 'Sales': Left out, because it is the phone that creates the group: 9198•••••210." in text
        )
        assert periskope_sandbox.requests[0].body["participants"] == ["919537851844"]


class TestPhone:
    def test_of_the_task_comes_first(self, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.add_phone("918527184400")
        PeriskopeHook(phone="+91 85271 84400").create_group("Sales", ["919537851844"])
        assert periskope_sandbox.requests[0].phone == "918527184400"
        assert periskope_sandbox.groups[0].phone == "918527184400"

    def test_by_its_id(self, periskope_sandbox: Sandbox, connect: Callable[..., PeriskopeHook]) -> None:
        hook = connect(periskope_sandbox.url, key=periskope_sandbox.api_key, login=periskope_sandbox.phone_id)
        assert hook.get_phone().org_phone == f"{periskope_sandbox.phone}@c.us"
        assert periskope_sandbox.requests[0].phone == periskope_sandbox.phone_id

    def test_its_own_number_is_no_participant_problem_when_only_the_id_is_known(
        self, periskope_sandbox: Sandbox
    ) -> None:
        PeriskopeHook(phone=periskope_sandbox.phone_id).create_group("Sales", [periskope_sandbox.phone])
        assert periskope_sandbox.requests[0].body["participants"] == [periskope_sandbox.phone]


class TestGetChat:
    def test_has_the_members(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        made = hook.create_group("Sales", ["919537851844"])
        assert made.members is None
        chat = hook.get_chat(made.chat_id)
        assert chat.members is not None
        assert set(chat.members) == {"919537851844@c.us", f"{periskope_sandbox.phone}@c.us"}
        assert chat.members[f"{periskope_sandbox.phone}@c.us"].is_super_admin
        assert periskope_sandbox.requests[1].target == f"/v1/chats/{made.chat_id}"

    def test_an_id_cannot_lead_elsewhere(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        with pytest.raises(PeriskopeApiError):
            hook.get_chat("../phones?x=1#y")
        assert periskope_sandbox.requests[0].target == "/v1/chats/..%2Fphones%3Fx%3D1%23y"


class TestIterChats:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chat_list, "PAGE_SIZE", 50)
        monkeypatch.setattr(chat_list, "PAGE_OVERLAP", 5)

    @pytest.mark.parametrize("count", [0, 1, 5, 6, 49, 50, 51, 45, 120, 500])
    def test_goes_through_all_once(self, hook: PeriskopeHook, periskope_sandbox: Sandbox, count: int) -> None:
        periskope_sandbox.seed(count)
        read = [chat.chat_id for chat in hook.iter_chats("group")]
        assert sorted(read) == sorted(group.chat_id for group in periskope_sandbox.groups)

    def test_fetches_a_page_when_it_is_due(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.seed(200)
        chats = hook.iter_chats("group")
        assert periskope_sandbox.requests == []
        for _ in range(50):
            next(chats)
        assert [request.target for request in periskope_sandbox.requests] == [
            "/v1/chats?offset=0&limit=50&chat_type=group"
        ]
        next(chats)
        assert periskope_sandbox.requests[1].target == "/v1/chats?offset=45&limit=50&chat_type=group"

    def test_asks_for_all_kinds_when_none_is_named(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.add_chat(
            "Asha", periskope_sandbox.phone, chat_type="user", chat_id="919537851844@c.us"
        )
        assert [chat.chat_type for chat in hook.iter_chats()] == ["user"]
        assert list(hook.iter_chats("group")) == []
        assert "chat_type" not in periskope_sandbox.requests[0].target

    @pytest.mark.parametrize("gone", [3, 5, 20, 60])
    def test_misses_none_when_the_list_gets_shorter_meanwhile(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, gone: int
    ) -> None:
        periskope_sandbox.seed(300)
        read: set[str] = set()
        for page, rows in enumerate(hook.iter_chat_pages("group")):
            read |= {row["chat_id"] for row in rows}
            if page == 2:
                for chat in periskope_sandbox.listed()[:gone]:
                    del periskope_sandbox.chats[chat.chat_id]
                periskope_sandbox.add_group("newest")  # makes the sandbox list anew
        assert {group.chat_id for group in periskope_sandbox.groups[:-1]} <= read

    def test_misses_none_when_chats_move_to_the_front_meanwhile(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.seed(300)
        read: set[str] = set()
        for rows in hook.iter_chat_pages("group"):
            # Of those that were read: one that was not read yet is met when the front is read again.
            periskope_sandbox.move_chat(rows[0]["chat_id"])
            read |= {row["chat_id"] for row in rows}
        assert {group.chat_id for group in periskope_sandbox.groups} == read

    def test_gives_the_rows_of_one_chat_for_two_phones(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        rows = [
            {"chat_id": "1@g.us", "org_phone": f"{digits}@c.us"}
            for digits in ("918527184400", "919876543210")
        ]
        pages = ([rows[0]], rows, [rows[1]])
        server = serve(*(raw_answer(body={"chats": page}) for page in pages))
        assert [row for page in connect(server.url).iter_chat_pages() for row in page] == rows

    def test_passes_over_rows_that_are_none(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        page = {"chats": [None, 5, {}, {"chat_id": None}, GROUP]}
        server = serve(raw_answer(body=page), raw_answer(body={"chats": []}))
        assert [chat.chat_id for chat in connect(server.url).iter_chats()] == [GROUP["chat_id"]]


class TestRequest:
    def test_reaches_any_endpoint_with_key_and_phone(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        chat_id = hook.create_group("Sales", ["919537851844"]).chat_id
        answer = hook.request("post", f"chats/{chat_id}/add", json={"participants": ["919874532456"]})
        assert answer["919874532456@c.us"]["is_success"]
        assert hook.request("GET", "/chats", params={"limit": 1, "offset": 0})["count"] == 1
        for request in periskope_sandbox.requests:
            assert request.phone == periskope_sandbox.phone
            assert request.headers["authorization"] == f"Bearer {periskope_sandbox.api_key}"
        assert periskope_sandbox.requests[1].target == f"/v1/chats/{chat_id}/add"
        assert periskope_sandbox.requests[2].target == "/v1/chats?limit=1&offset=0"

    def test_returns_none_for_an_answer_without_a_body(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.phones[periskope_sandbox.phone].is_off = True
        assert hook.request("POST", "/phones/restart") is None
        assert periskope_sandbox.requests[0].body is None
        assert not periskope_sandbox.phones[periskope_sandbox.phone].is_off

    def test_cannot_lead_to_another_host(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        with pytest.raises(PeriskopeNotFoundError):
            hook.request("GET", "https://127.0.0.1:1/v1/phones")
        assert len(periskope_sandbox.requests) == 1


class TestKey:
    def test_a_netrc_cannot_replace_it(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        assert requests.utils.get_netrc_auth(periskope_sandbox.url) == ("somebody", "else")
        hook.get_phone()
        assert periskope_sandbox.requests[0].headers["authorization"] == f"Bearer {periskope_sandbox.api_key}"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_does_not_follow_a_redirect(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        status: int,
    ) -> None:
        elsewhere = serve(raw_answer(body=GROUP))
        server = serve(raw_answer(status, b"moved", Location=f"{elsewhere.url}/chats/create"))
        with pytest.raises(PeriskopeApiError, match="A redirect is not followed") as error:
            connect(server.url).create_group("Sales", ["919537851844"])
        assert error.value.status == status
        assert len(server.requests) == 1
        assert elsewhere.requests == []


class TestSession:
    def test_keeps_the_connection(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        server = serve(raw_answer(body=GROUP), keep_alive=True)
        hook = connect(server.url)
        for _ in range(3):
            hook.create_group("Sales", ["919537851844"])
        assert (server.connections, len(server.requests)) == (1, 3)
        assert hook.get_conn() is hook.get_conn()

    def test_one_that_the_server_closed_meanwhile_costs_nothing(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        server = serve(raw_answer(body=GROUP))  # closes after each answer, though HTTP/1.1 says keep-alive
        hook = connect(server.url)
        for _ in range(3):
            assert hook.create_group("Sales", ["919537851844"]).chat_id == GROUP["chat_id"]
            assert server.hung_up.acquire(timeout=10)
        assert (server.connections, len(server.requests)) == (3, 3)


class TestClock:
    def test_the_apis_clock_is_noted(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        server = serve(
            raw_answer(body=GROUP, Date="Mon, 27 Jan 2125 11:07:52 GMT"),
            raw_answer(body=GROUP),
        )
        hook = connect(server.url)
        assert hook.api_clock_ahead is None
        hook.get_chat("1@g.us")
        ahead = hook.api_clock_ahead
        assert ahead is not None
        assert ahead.days > 80 * 365
        hook.get_chat("1@g.us")
        assert hook.api_clock_ahead == ahead  # an answer without a date leaves what was known
