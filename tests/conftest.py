"""What all tests share: an Airflow home of their own, the sandbox, and a way to run DAGs."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# Airflow fixes its home and reads its settings when it is first imported, so before anything else.
HOME = tempfile.mkdtemp(prefix="periskope-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=HOME,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)
# A proxy or key of the machine must not change what is tested.
for name in [
    name for name in os.environ if name.startswith("AIRFLOW_CONN_") or name.lower().endswith("_proxy")
]:
    del os.environ[name]

pytest_plugins = ["airflow_provider_periskope.sandbox.pytest_plugin"]

LONG = (
    ("dags/test_participants", "dags/test_closing", "dags/test_alerts"),
    ("sandbox/test_sandbox_plugin",),
    ("dags/",),
    ("histories/",),
    ("sandbox/test_sandbox_contract",),
    (),
)
"""What a sixth of the tests begins with."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Let two of six processes run all DAGs: for the first one, Airflow takes ten seconds in each process.

    Each process of pytest-xdist begins with its sixth of the tests, and takes over from the ends of others later.
    """
    begins: list[list[pytest.Item]] = [[] for _ in LONG]
    others = []
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        sixth = next((number for number, long in enumerate(LONG) if place.startswith(long)), None)
        (others if sixth is None else begins[sixth]).append(item)
    left, ordered = iter(others), list[pytest.Item]()
    for number, tests in enumerate(begins, 1):
        ordered += tests
        ordered += islice(left, max(0, len(items) * number // len(begins) - len(ordered)))
    items[:] = [*ordered, *left]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """
    Return what gives all that was logged at any level, or printed: Airflow 3 logs by structlog, 2 by logging.

    Left out is what Airflow 3.0 shows on a terminal alone: colours, rendered fields (which hold what the user wrote),
    and the boxes with the local variables of each frame.
    """
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "airflow_provider_periskope"):
        caplog.set_level(logging.DEBUG, logger=name)

    def read() -> str:
        text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join([caplog.text, *capfd.readouterr()]))
        shown = ("SetRenderedFields", "│")
        return "\n".join(line for line in text.splitlines() if not any(part in line for part in shown))

    return read
