"""The doctor before the sandbox: all green, and the right line red under each fault."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope import doctor
from airflow_provider_periskope.api import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox

PERSON = "919537851844"
MADE = ("--make-a-group", "Doctor", "--with", PERSON, "--yes")


@pytest.fixture
def sandbox(periskope_sandbox: Sandbox) -> Sandbox:
    """Put two groups there, with a message, and limit the calls as the real API does."""
    periskope_sandbox.rate_limit = "10/1s"  # type: ignore[assignment]
    for name in ("Sales", "Support"):
        group = periskope_sandbox.add_group(name)
        periskope_sandbox.add_message(group.chat_id, "Good morning")
    return periskope_sandbox


@pytest.fixture
def diagnosis(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, dict[str, str]]]]:
    """Run the command, and return its exit status and its findings by what was checked."""

    def run(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
        status = doctor.main(["--json", *arguments])
        return status, {finding.pop("checked"): finding for finding in json.loads(capsys.readouterr().out)}

    return run


def levels(findings: dict[str, dict[str, str]]) -> dict[str, str]:
    return {checked: finding["level"] for checked, finding in findings.items() if finding["level"] != "green"}


def test_all_is_green_and_nothing_is_changed(sandbox: Sandbox, diagnosis: Callable[..., Any]) -> None:
    status, findings = diagnosis()
    assert (status, levels(findings), len(findings)) == (0, {}, 12)
    # It only reads, though it is a POST.
    assert {call.path for call in sandbox.requests if call.method != "GET"} == {"/message/queues"}
    assert len(sandbox.requests) <= 15


def test_a_page_for_people(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    shown = capsys.readouterr().out
    assert "green   Phone: state CONNECTED, ready: True\n" in shown
    assert shown.endswith("\nEverything is as this provider assumes.\n")
    assert sandbox.api_key not in shown
    assert not re.search(r"\d{9,}", shown)


@pytest.mark.parametrize(
    ("fault", "route", "red"),
    [
        ("wrong_key", "*", "Key and plan"),
        ("wrong_plan", "*", "Key and plan"),
        ("phone_off", "*", "Key and plan"),
        ("html_502", "GET /chats", "List of groups"),
        ("invalid", "GET /chats", "List of groups"),
        ("not_found", "POST /message/queues", "Queue of messages"),
        ("html_404", "POST /message/queues", "Queue of messages"),
        ("not_found", "GET /chats/*/messages", "Messages of a group"),
    ],
)
def test_the_right_line_is_red(
    sandbox: Sandbox,
    diagnosis: Callable[..., Any],
    fault: str,
    route: str,
    red: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "READ_TRIES", 1)
    sandbox.fault(fault, route=route, times=None)
    status, findings = diagnosis()
    assert status == 1
    assert levels(findings)[red] == "red"
    assert set(levels(findings)) <= {red, "Pages of the list", "A group", "Messages of a group"}


@pytest.mark.parametrize(
    ("field", "where", "level"),
    [
        ("created_at", "List of groups", "yellow"),
        ("created_at", "A group", "red"),
        ("org_phone", "List of groups", "yellow"),
    ],
)
def test_another_form_of_response(
    sandbox: Sandbox, diagnosis: Callable[..., Any], field: str, where: str, level: str
) -> None:
    for group in sandbox.groups:
        group.without = frozenset({field})
    _, findings = diagnosis()
    assert levels(findings)[where] == level


def test_a_group_without_members(sandbox: Sandbox, diagnosis: Callable[..., Any]) -> None:
    for group in sandbox.groups:
        group.members.clear()
    _, findings = diagnosis()
    assert levels(findings) == {"A group": "red"}


def test_without_groups_nothing_is_claimed_of_them(
    periskope_sandbox: Sandbox, diagnosis: Callable[..., Any]
) -> None:
    status, findings = diagnosis()
    unknown = ("Rate limit", "List of groups", "Pages of the list", "A group", "Messages of a group")
    assert (status, levels(findings)) == (0, dict.fromkeys(unknown, "yellow"))


def test_a_connection_that_is_not_there(
    diagnosis: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", raising=False)
    status, findings = diagnosis("--conn-id", "nowhere")
    assert (status, levels(findings)) == (1, {"Connection": "red"})
    assert "AIRFLOW_CONN_NOWHERE" in findings["Connection"]["found"]


class TestMakingAGroup:
    def test_measures_and_leaves_it(self, sandbox: Sandbox, diagnosis: Callable[..., Any]) -> None:
        status, findings = diagnosis(*MADE)
        assert (status, levels(findings)) == (0, {})
        (group,) = sandbox.groups_named("Doctor")
        assert group.exited

    def test_says_what_to_set_where_it_is_listed_late(
        self, sandbox: Sandbox, diagnosis: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = json.loads(sandbox.connection_json()) | {"extra": {"settling_time": 1}}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))
        sandbox.fault("hidden", group_name="Doctor", seconds=2.5)
        status, findings = diagnosis(*MADE)
        assert (status, levels(findings)) == (1, {"How soon it is listed": "red"})
        assert (
            "Set settling_time in the connection's extra to 60"
            in findings["How soon it is listed"]["meaning"]
        )

    def test_asks_first(
        self, sandbox: Sandbox, diagnosis: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
        diagnosis(*MADE[:-1])
        assert asked == ["Create the group 'Doctor' with 9195•••••844? [y/N] "]
        assert sandbox.groups_named("Doctor") == []
