"""A sandbox for each test, by `pytest_plugins = ["airflow_provider_periskope.sandbox.pytest"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def periskope_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a sandbox, and let the connection `periskope_default` lead to it."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", sandbox.connection_json())
        yield sandbox
