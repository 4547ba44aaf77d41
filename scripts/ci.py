"""
Everything that must pass before a change lands: ``.ci/run``.

Checks on real schedulers mostly wait, so targets run side by side: those of ``FIRST`` alone, then all ``LANES`` at the
same time, then those of ``LAST`` alone. A lane that has ended takes over targets from the end of the longest one. What
only computes leaves the processor to the schedulers. The output of a target is shown in full when it has ended. The end
of what failed and the summary come last; the exit status is 1 unless everything passed.

What takes too long for every change (more releases and the peer in the fault tables, the rate limits in full) is run by
hand.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.command_line import NEVER
from tests.lab.releases import NEWEST, RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "ci"
SHOWING = threading.Lock()
BEGUN = time.monotonic()

SHOWN_OF_A_FAILURE = 25
"""How many of its last lines are shown once more at the end, where they are found."""


@dataclass
class Target:
    """One call of make.

    :param arguments: what make is called with
    :param computes: whether it only computes, so that whatever waits for a clock may go first
    :param again: whether a failure is tried once more, when everything else has ended. For real schedulers, browsers
        and clocks on two cores; the summary shows it as ``passed2``. No second attempt takes back what must never be,
        such as a group that was made twice
    """

    arguments: str
    again: bool = False
    computes: bool = False
    result: str = field(default="not run", init=False)
    seconds: float = field(default=0.0, init=False)
    failures: list[str] = field(default_factory=list, init=False)

    @property
    def log(self) -> Path:
        """The file that its output goes to."""
        name = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in self.arguments)
        return LOGS / f"{name}.log"

    def run(self) -> None:
        """Run it, and show its output."""
        say(f"{clock()}  begins: make {self.arguments}")
        begun = time.monotonic()
        with self.log.open("wb") as log:
            ended = subprocess.run(
                [*(["nice", "-n", "15"] if self.computes else []), "make", *shlex.split(self.arguments)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        self.seconds += time.monotonic() - begun
        output = self.log.read_text(errors="replace").rstrip()
        if ended.returncode == 0:
            self.result = "passed2" if self.result == "FAILED" else "passed"
        else:
            self.result = "FAILED"
            self.failures.append("\n".join(output.splitlines()[-SHOWN_OF_A_FAILURE:]))
        if NEVER in output:
            self.again = False
        say(f"\n=== make {self.arguments} ===\n{output}\n--- make {self.arguments}: {self.result}\n")


# Coverage takes half as long again, which nobody who runs the tests by hand has to wait for.
FIRST = (Target("test PYTEST_ADDOPTS=--cov"),)
LANES = (
    (
        Target("lint", computes=True),
        Target("demo"),
        Target("docs", computes=True),
        Target("histories COUNT=20000", computes=True),
        Target("histories COUNT=3000 KIND=messages", computes=True),
        Target("histories COUNT=3000 KIND=people", computes=True),
        Target("mutants", computes=True),
        # One after the other, so not at the end: npm must not write below tests/ while the sdist is made of it.
        Target("build"),
        Target("vendor-client"),
        # Their tests look at the clock as well, and the other lanes take processor time from them.
        # The newest one is that of `make test`.
        *(
            Target(f"versions RELEASE={release.version}", again=True)
            for release in RELEASES
            if release != NEWEST
        ),
        Target("newer-releases"),
    ),
    (
        Target("faults AIRFLOW=newest KIND=groups ONLY=ours", again=True),
        Target('faults AIRFLOW=newest KIND="messages updates" ONLY=ours', again=True),
        Target('faults AIRFLOW=newest KIND="people closings" ONLY=ours', again=True),
        Target("faults AIRFLOW=oldest KIND=groups ONLY=ours", again=True),
        Target("faults AIRFLOW=oldest KIND=closings ONLY=ours", again=True),
        Target('cool-down AIRFLOW="oldest newest" COUNT=4', again=True),
    ),
    (
        Target("connections", again=True),
        Target("backfill", again=True),
        Target("examples", again=True),
        Target("webhooks", again=True),
        Target("celery", again=True),
        Target("browser", again=True),
        Target("alerts AIRFLOW=newest", again=True),
        Target("pins", again=True),
    ),
)
# What is measured must not share the processor.
LAST = (Target("limits TASKS=12 RUNS=1", again=True), Target("bench-short", again=True))


def say(text: str) -> None:
    """Print something whole, whoever else prints."""
    with SHOWING:
        print(text, flush=True)


def clock() -> str:
    """Return how long everything has taken so far."""
    return "{:2}:{:02}".format(*divmod(round(time.monotonic() - BEGUN), 60))


def run_all(targets: Iterable[Target]) -> None:
    """Run targets one after the other, whatever comes of each."""
    for target in targets:
        target.run()


def side_by_side(lanes: Sequence[Sequence[Target]]) -> None:
    """Run all lanes at the same time."""
    waiting = [deque(lane) for lane in lanes]
    taking = threading.Lock()

    def of_lane(number: int) -> Iterator[Target]:
        while True:
            with taking:
                longest = max(waiting, key=len)
                if not longest:
                    return
                target = waiting[number].popleft() if waiting[number] else longest.pop()
            yield target

    with ThreadPoolExecutor(len(lanes)) as pool:
        list(pool.map(run_all, map(of_lane, range(len(lanes)))))


def main() -> int:
    """Run everything and sum it up; return the exit status."""
    LOGS.mkdir(parents=True, exist_ok=True)
    run_all(FIRST)
    side_by_side(LANES)
    run_all(LAST)
    targets = [*FIRST, *(target for lane in LANES for target in lane), *LAST]
    run_all(tuple(target for target in targets if target.result == "FAILED" and target.again))
    for target in targets:
        for number, shown in enumerate(target.failures, 1):
            say(f"\n=== make {target.arguments}: failure {number} ===\n{shown}")
    say("\n=== summary ===")
    for target in targets:
        say(f"{'make ' + target.arguments:44} {target.result:7} {target.seconds:5.0f} s")
    say(f"{'all':44} {'':7} {time.monotonic() - BEGUN:5.0f} s")
    failed = [f"make {target.arguments}" for target in targets if not target.result.startswith("passed")]
    if failed:
        say(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
