"""The Airflow releases that the provider is tried on, each with the dependencies of its own day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One release of Airflow.

    :param version: the version, as PyPI spells it
    :param as_of: packages newer than this date are not installed: an old Airflow does not start with today's
        FastAPI, Starlette and pydantic
    :param pythons: the minor version of Python to run it on, spread so that each is met; where it may be missing, the
        one to take in its place follows
    :param blocking: whether a failure on it fails the whole run
    """

    version: str
    as_of: str
    pythons: tuple[str, ...]
    blocking: bool = True

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor version, to compare with."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def has_task_sdk(self) -> bool:
        """Airflow 3: tasks speak to the API server, and a DAG processor of its own reads the DAGs."""
        return self.number >= (3, 0)

    @property
    def keeps_task_state(self) -> bool:
        """Airflow 3.3: a store of the task that outlives its tries."""
        return self.number >= (3, 3)

    @property
    def keeps_tries_as_rows(self) -> bool:
        """Airflow 3.4: each try is a row of the task instances, and ``working_set`` is true in the last one."""
        return self.number >= (3, 4)


RELEASES = (
    Release("2.11.2", "2026-04-01", ("3.11",)),
    Release("3.0.6", "2025-09-10", ("3.12",)),
    Release("3.1.8", "2026-04-01", ("3.13",)),
    Release("3.2.2", "2026-06-10", ("3.14", "3.13")),
    Release("3.3.2", "2026-09-20", ("3.12",)),
    Release("3.4.0b2", "2026-10-21", ("3.13",), blocking=False),
)
OLDEST = RELEASES[0]
NEWEST = next(release for release in reversed(RELEASES) if release.blocking)


def release_named(version: str) -> Release:
    """Find a release by its version or by the beginning of it (``3.2``), or by ``oldest`` and ``newest``."""
    if version in ("oldest", "newest"):
        return OLDEST if version == "oldest" else NEWEST
    for release in RELEASES:
        if release.version == version or release.version.startswith(f"{version}."):
            return release
    known = ", ".join(release.version for release in RELEASES)
    raise LookupError(f"No Airflow {version} in tests/lab/releases.py, which knows {known}.")
