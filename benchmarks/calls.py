"""One call that makes a group or sends a message, on a warm hook and an open connection, against the loopback."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.loopback import PHONE
from benchmarks.measuring import Samples, in_fresh_process, in_turn, timed

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 25
NAME = "Stand-up 2026-11-23"
PEOPLE = ["+91 95378 51844", "919874532456", "+44 7400 123456"]
OPTIONS = {"messagesAdminsOnly": True, "description": "Daily stand-up"}
KEY = "benchmark"
BODY = {
    "group_name": NAME,
    "participants": ["919537851844", "919874532456", "447400123456"],
    "options": OPTIONS,
}
MESSAGE = {
    "chat_id": "120363392071406466@g.us",
    "message": "Welcome to the stand-up of 2026-11-23! We start at ten.",
}


def measure(url: str, repetitions: int) -> Samples:
    """Make calls by each way in turn, in one process: what is told apart here is a tenth of a millisecond."""
    return dict(in_fresh_process(f"{__name__}:call_in_turn", url, repetitions))


def measure_messages(url: str, repetitions: int) -> Samples:
    """Send messages by each way in turn, likewise."""
    return dict(in_fresh_process(f"{__name__}:send_in_turn", url, repetitions))


def connections(url: str) -> dict[str, str]:
    """Return the environment that gives both hooks their connection."""
    ours = {"conn_type": "periskope", "login": PHONE, "password": KEY, "host": f"{url}/v1"}
    theirs = {"conn_type": "http", "host": url, "extra": {"Authorization": f"Bearer {KEY}", "x-phone": PHONE}}
    return {
        "AIRFLOW_CONN_PERISKOPE_DEFAULT": json.dumps(ours),
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(theirs),
    }


def call_in_turn(url: str, rounds: str) -> Samples:
    """Make some calls by each way, then again, and so on."""
    os.environ.update(connections(url))
    return taken({"ours": our_hook(), "requests": bare_requests(url), "HttpHook": http_hook()}, rounds)


def send_in_turn(url: str, rounds: str) -> Samples:
    """Send messages by each way in turn."""
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

    os.environ.update(connections(url))
    hook = PeriskopeHook()
    bare = bare_requests(url, "message/send", MESSAGE)
    return taken({"ours": lambda: hook.send_message(**MESSAGE), "requests": bare}, rounds)


def taken(ways: dict[str, Callable[[], object]], rounds: str) -> Samples:
    """Take the time of each way in turn."""
    for call in ways.values():
        timed(call, calls=20)  # opens the connection and loads what is loaded late
    return in_turn({name: partial(timed, call, calls=CALLS) for name, call in ways.items()}, int(rounds))


def our_hook() -> Callable[[], object]:
    """Check the arguments, send them, read the answer."""
    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

    hook = PeriskopeHook()
    return lambda: hook.create_group(NAME, PEOPLE, OPTIONS)


def bare_requests(url: str, path: str = "chats/create", body: object = BODY) -> Callable[[], object]:
    """Send a body that is ready, with the headers that the API asks for, and leave the answer unread."""
    import requests

    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {KEY}", "x-phone": PHONE})
    return lambda: session.post(f"{url}/v1/{path}", json=body, timeout=60)


def http_hook() -> Callable[[], object]:
    """Send a body that is ready, and leave the answer unread."""
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST")
    return lambda: hook.run("v1/chats/create", json=BODY)
