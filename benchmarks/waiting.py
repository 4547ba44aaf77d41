"""The worker slot that a rate limit of 90 s keeps busy, on a real scheduler, against two tasks that do nothing."""

from __future__ import annotations

from tests.lab.releases import NEWEST
from tests.system.check_limits import CONTENDERS, run


def measure() -> tuple[float, float]:
    """Return the seconds in state ``running`` of our task, and those of two no-op tasks of the same run."""
    [ours] = [
        finding
        for finding in run(NEWEST, tasks=1, runs=1, parts=("long",))
        if finding.contender == CONTENDERS["ours"]
    ]
    assert ours.nothing is not None
    return ours.busy, ours.nothing
