"""Where Airflow lives while tests run: a home and a database that no other process migrates at the same time."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

# The workers of pytest-xdist inherit the environment: this name tells them that the home is not the user's.
TEMPORARY = "PERISKOPE_SANDBOX_TEMPORARY_HOME"


def choose_home() -> None:
    """
    Give Airflow a temporary home, unless the user has set `AIRFLOW_HOME` or has imported Airflow.

    Each worker of pytest-xdist gets one of its own inside it.
    """
    home, worker = os.environ.get("AIRFLOW_HOME"), os.environ.get("PYTEST_XDIST_WORKER")
    if "airflow" in sys.modules:
        return
    if home is None:
        home = tempfile.mkdtemp(prefix="airflow-home-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["AIRFLOW_HOME"] = os.environ[TEMPORARY] = home
    elif worker and home == os.environ.get(TEMPORARY):
        own = Path(home, worker)
        own.mkdir(exist_ok=True)  # Airflow makes it only where it writes its configuration into it.
        os.environ["AIRFLOW_HOME"] = str(own)
    elif worker and version("apache-airflow").startswith("2."):
        with one_at_a_time():
            import airflow.configuration  # noqa: F401 (writes airflow.cfg where there is none)


@contextmanager
def one_at_a_time() -> Iterator[TextIO]:
    """Wait until no other process of this machine is in here with the same home, and give the file they share."""
    shared = Path(os.environ.get(TEMPORARY) or os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    shared.mkdir(parents=True, exist_ok=True)
    with Path(shared, "sandbox.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield lock
            lock.flush()
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # not left to the end of the file: a fork may have it open, too


def migrate() -> None:
    """Bring Airflow's database to its newest form, which takes some seconds when it is new."""
    from airflow.configuration import conf
    from airflow.utils import db

    home, run = os.environ.get("AIRFLOW_HOME", ""), os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    if TEMPORARY in os.environ and home in conf.get("database", "sql_alchemy_conn"):
        db.upgradedb()
        return
    with one_at_a_time() as lock:
        lock.seek(0)
        if run and lock.read() == run:  # another worker of this run has done it
            return
        db.upgradedb()
        lock.truncate(0)
        lock.write(run)
