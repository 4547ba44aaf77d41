"""The sandbox answers as our description of the API says, whatever it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import unsupported_method

from airflow_provider_periskope.sandbox.api import router
from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT = "120363000000000001@g.us"
schema = schemathesis.openapi.from_path(Path(__file__).parent.parent / "periskope-openapi.yaml")
bounded = settings(
    max_examples=25,
    stateful_step_count=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def described() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@schema.parametrize()
@bounded
def test_every_answer_is_as_described(case: schemathesis.Case, described: Sandbox) -> None:
    if CHAT not in described.chats or described.chats[CHAT].exited:
        described.add_group("Described", chat_id=CHAT)
    # As in any router, GET /chats/create asks for the chat named "create": 404, and not 405.
    shadowed = ("/chats/create", "/chats/labels", "/message/send", "/message/queues")
    excluded = [unsupported_method] if case.path in shadowed else []
    key = {"Authorization": f"Bearer {described.api_key}"}
    case.call_and_validate(base_url=described.url, headers=key, excluded_checks=excluded)


def test_every_answer_along_a_chain_of_calls_is_as_described(described: Sandbox) -> None:
    class Chain(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            return {"base_url": described.url, "headers": {"Authorization": f"Bearer {described.api_key}"}}

    Chain.run(settings=bounded)


def test_the_sandbox_serves_what_is_described_and_no_more() -> None:
    operations = [operation.ok() for operation in schema.get_all_operations()]
    described = {(operation.method.upper(), f"/v1{operation.path}") for operation in operations}
    assert {(method, route.path) for route in router.routes for method in route.methods} == described
