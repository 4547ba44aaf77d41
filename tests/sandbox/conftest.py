from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

collect_ignore = ["example"]  # a project of its own: test_sandbox_plugin.py runs it

ASHA = "919537851844"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Callable[..., requests.Response]]:
    """Call the API over a real socket, with the sandbox's key and phone."""
    with requests.Session() as session:
        session.headers.update({"Authorization": f"Bearer {sandbox.api_key}", "x-phone": sandbox.phone})

        def send(method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
            return session.request(method, sandbox.url + path, json=json, timeout=5, **options)

        yield send


@pytest.fixture
def create(call: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    """Create a group of this name."""

    def send(name: str, participants: tuple[str, ...] = (ASHA,), **options: Any) -> requests.Response:
        body = {"group_name": name, "participants": list(participants), "options": options}
        return call("POST", "/chats/create", body)

    return send
