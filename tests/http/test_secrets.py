"""Neither an error nor a log line tells the key or a whole phone number, whatever fails."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import PeriskopeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.sandbox.server import Sandbox

KEY = "the-key-that-nobody-may-see"
ASHA, BHARAT, OWN = "919537851844", "919874532456", "918527184400"
SPELLED = f"+91 {BHARAT[2:7]} {BHARAT[7:]}"  # a traceback shows the source of this file, too
SPELLINGS = [
    text for number in (ASHA, BHARAT, OWN) for text in (number, f"{number[2:7]} {number[7:]}", number[2:])
]


def assert_nothing_told(text: str) -> None:
    assert [secret for secret in [KEY, *SPELLINGS] if secret in text] == []


@pytest.fixture
def hook(connect: Callable[..., PeriskopeHook], periskope_sandbox: Sandbox) -> PeriskopeHook:
    periskope_sandbox.api_key = KEY
    periskope_sandbox.add_phone(OWN)
    return connect(periskope_sandbox.url, key=KEY, login=OWN, timeout=0.5)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            {"name": "wrong_key", "says": {"message": f"Invalid bearer auth token of {OWN}"}}, id="wrong key"
        ),
        pytest.param(
            {"name": "phone_off", "says": {"message": f"Phone {OWN} is switched off"}}, id="phone off"
        ),
        pytest.param(
            {"name": "not_found", "says": {"message": f"Chat {ASHA}@c.us not found"}}, id="not found"
        ),
        pytest.param(
            {
                "name": "invalid",
                "says": {
                    "message": f"Not on WhatsApp: {ASHA}, +91 98745 32456",
                    "fields": {f"participants.{BHARAT}": {"message": f"{ASHA} failed", "value": BHARAT}},
                },
            },
            id="invalid",
        ),
        pytest.param({"name": "rate_limit", "header": "Retry-After", "value": "60"}, id="rate limit"),
        pytest.param({"name": "drop_after"}, id="dropped"),
        pytest.param({"name": "drop_after", "reset": True}, id="reset"),
        pytest.param({"name": "late", "seconds": 2}, id="read timeout"),
        pytest.param({"name": "truncated"}, id="truncated"),
        pytest.param({"name": "not_json"}, id="HTML"),
        pytest.param({"name": "error_500_after", "says": {"message": f"Could not add {ASHA}"}}, id="500"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda hook: hook.create_group("Sales", [ASHA, SPELLED, OWN]), id="create_group"),
        pytest.param(lambda hook: hook.test_connection(), id="test_connection"),
    ],
)
def test_of_a_fault(
    hook: PeriskopeHook,
    periskope_sandbox: Sandbox,
    waits: list[float],
    logged: Callable[[], str],
    fault: dict[str, Any],
    call: Callable[[PeriskopeHook], Any],
) -> None:
    periskope_sandbox.fault(route="*", times=None, **fault)
    try:
        told = str(call(hook))
    except PeriskopeError as error:
        details = [
            str(getattr(error, name, ""))
            for name in ("api_message", "fields", "code", "trace_id", "details", "args")
        ]
        told = "".join(traceback.format_exception(error)) + "".join(details) + repr(error)
    assert any(request.fault for request in periskope_sandbox.requests)
    text = logged()
    assert "api" in text.lower() or "http" in text.lower()
    assert_nothing_told(told)
    assert_nothing_told(text)


@pytest.mark.parametrize(
    "participants",
    [
        pytest.param([ASHA, "12", BHARAT + "999999", SPELLED + "7891"], id="too long"),
        pytest.param([ASHA, f"tel:{BHARAT}"], id="no number"),
        pytest.param([float(ASHA)], id="float"),
        pytest.param([[ASHA, BHARAT]], id="nested"),
        pytest.param({ASHA: "Asha"}, id="mapping"),
        pytest.param(f"{ASHA};{BHARAT}", id="other separators"),
        pytest.param([OWN], id="the phone itself"),
    ],
)
def test_of_refused_input(hook: PeriskopeHook, logged: Callable[[], str], participants: Any) -> None:
    with pytest.raises(PeriskopeError) as error:
        hook.create_group("Sales", participants, {"description": [ASHA], "image": f"tel:{ASHA}"})
    assert_nothing_told("".join(traceback.format_exception(error.value)) + logged())


def test_of_a_group_that_was_made(hook: PeriskopeHook, logged: Callable[[], str]) -> None:
    hook.create_group("Sales", [ASHA, "+91 95378 51844", BHARAT, OWN, "5215512345678"], {"description": ASHA})
    text = logged()
    assert "/v1/chats/create" in text  # urllib3's own lines are among them
    assert_nothing_told(text)
    assert "5215512345678" not in text


def test_of_a_host_that_is_not_there(
    connect: Callable[..., PeriskopeHook], waits: list[float], logged: Callable[[], str]
) -> None:
    hook = connect("https://nowhere.invalid", key=KEY, login=OWN)
    with pytest.raises(PeriskopeError) as error:
        hook.request("GET", f"/chats/{ASHA}@c.us", params={"x": BHARAT})
    assert_nothing_told("".join(traceback.format_exception(error.value)) + logged())


def test_of_a_call_that_names_a_person(
    hook: PeriskopeHook, periskope_sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    """urllib3 logs whole paths at level DEBUG, and the id of a person's chat is their number."""
    periskope_sandbox.add_chat("Asha", OWN, chat_type="user", chat_id=f"{ASHA}@c.us")
    assert hook.get_chat(f"{ASHA}@c.us").chat_id == f"{ASHA}@c.us"
    text = logged()
    assert "/v1/chats/" in text
    assert_nothing_told(text)


def test_of_the_objects_themselves(hook: PeriskopeHook) -> None:
    session = hook.get_conn()
    assert_nothing_told(f"{hook!r} {hook.settings!r} {session.auth!r} {vars(hook)['settings']}")
