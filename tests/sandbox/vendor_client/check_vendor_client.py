"""The vendor's own client works against the sandbox, unchanged.

Not collected with the other tests, since it needs Node.js: `npm install` in this folder, then
`pytest tests/sandbox/vendor_client/check_vendor_client.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_periskope.sandbox.server import Sandbox

ASHA, RAVI, MEERA, OFFICE = (
    f"{number}@c.us" for number in ("919537851844", "918527184400", "919874532456", "919876543210")
)


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox() as running:
        running.not_in_contacts.add("918527184400")
        yield running


@pytest.fixture(scope="module")
def results(sandbox: Sandbox) -> dict[str, Any]:
    settings = {"SANDBOX_URL": sandbox.url, "SANDBOX_KEY": sandbox.api_key, "SANDBOX_PHONE": sandbox.phone}
    calls = Path(__file__).with_name("calls.js")
    ended = subprocess.run(
        ["node", calls], env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    given: dict[str, Any] = json.loads(ended.stdout)
    return given


def data(results: dict[str, Any], name: str) -> Any:
    result = results[name]
    assert (result["status"], result["error"]) == (200, None)
    return result["data"]


def test_it_makes_a_group(sandbox: Sandbox, results: dict[str, Any]) -> None:
    [group] = sandbox.groups
    row = data(results, "create")
    assert (row["chat_id"], row["chat_name"], row["chat_type"]) == (group.chat_id, "Stand-up", "group")
    assert (row["group_description"], row["messages_admins_only"]) == ("Daily", True)
    assert sandbox.requests[0].body["participants"] == ["919537851844", "918527184400"]
    assert sandbox.requests[0].headers["client-version"]


def test_it_finds_the_group_again(sandbox: Sandbox, results: dict[str, Any]) -> None:
    chats = data(results, "chats")
    assert [chat["chat_id"] for chat in chats["chats"]] == [sandbox.groups[0].chat_id]
    assert (chats["from"], chats["to"], chats["count"]) == (0, 1, 1)
    assert list(data(results, "chat")["members"]) == [OFFICE, ASHA]


def test_it_changes_people(sandbox: Sandbox, results: dict[str, Any]) -> None:
    for name in ("add", "promote", "demote", "remove"):
        assert data(results, name) == {MEERA: {"is_success": True, "code": 200}}
    assert sandbox.groups[0].invited == [RAVI]


def test_it_changes_the_group(sandbox: Sandbox, results: dict[str, Any]) -> None:
    assert (data(results, "settings")["chat_name"], data(results, "settings")["info_admins_only"]) == (
        "Retro",
        True,
    )
    assert data(results, "invite") == {"invite_link": sandbox.groups[0].invite_link}
    assert results["leave"]["status"] == 200
    assert sandbox.groups[0].exited is True


def test_it_sends_a_message(sandbox: Sandbox, results: dict[str, Any]) -> None:
    assert data(results, "send")["queue_id"] == sandbox.groups[0].messages[0].queue_id


def test_it_reads_and_restarts_phones(sandbox: Sandbox, results: dict[str, Any]) -> None:
    assert data(results, "phone")["phone_id"] == sandbox.phone_id
    assert [phone["org_phone"] for phone in data(results, "phones")] == [OFFICE]
    assert (results["restart"]["status"], results["restart"]["error"]) == (204, None)


@pytest.mark.parametrize(
    ("name", "status", "code", "message"),
    [
        ("no chat", 404, "NOT_FOUND_ERROR", "Chat not found"),
        ("bad limit", 422, "VALIDATION_ERROR", "Limit should be less than 2000"),
        ("no name", 422, "VALIDATION_ERROR", "All of the following keys are required: group_name"),
        ("wrong key", 401, "UNAUTHORIZED_ERROR", "Invalid bearer auth token"),
    ],
)
def test_it_reads_errors(results: dict[str, Any], name: str, status: int, code: str, message: str) -> None:
    error = results[name]["error"]
    assert (results[name]["status"], error["statusCode"], error["code"]) == (status, status, code)
    assert message in error["message"]
