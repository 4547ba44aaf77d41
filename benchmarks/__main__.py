"""
``make bench``: measure the provider beside its peers, and print one table.

Each line of the table is made in :func:`measure`, from the module of the same subject; how is in :mod:`.measuring`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import calls, checking, dag_files, imports, loopback, searching, tasks, triggers, waiting
from benchmarks.measuring import median, ratio
from benchmarks.table import Row, against, as_markdown, as_text, conditions, within

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATED = Path(__file__).parent.parent / "docs" / "_generated" / "bench.md"
MB = 2**20


@dataclass(frozen=True)
class Repetitions:
    """How often each thing is measured."""

    imports: int
    dag_files: int
    calls: int
    checks: int
    searches: int
    fresh_tasks: int
    forked_tasks: int
    waits: int
    triggers: int


FULL = Repetitions(
    imports=9,
    dag_files=15,
    calls=100,
    checks=15,
    searches=5,
    fresh_tasks=7,
    forked_tasks=21,
    waits=1,
    triggers=1,
)
SHORT = Repetitions(
    imports=1, dag_files=4, calls=40, checks=1, searches=1, fresh_tasks=3, forked_tasks=2, waits=0, triggers=0
)


def measure(url: str, times: Repetitions) -> Iterator[Row]:
    """Measure all there is, and yield the lines of the table as they come."""
    taken = imports.measure(times.imports)
    yield against("import of the operator after airflow.sdk, CPU", taken, "HttpOperator", "cpu", at_most=0.04)
    yield against("  the same", taken, "SlackAPIPostOperator", "cpu")
    yield within("  the same", taken, "cpu", 0.010)
    yield within("  that of the message operator", taken, "cpu", 0.010, ours="ours, message")

    taken = dag_files.measure(times.dag_files)
    yield against("DAG of 1,000 tasks, parsed and serialised, CPU", taken, "HttpOperator", "cpu", at_most=1.0)
    yield against("  the same", taken, "EmptyOperator", "cpu")
    mapped = "ours, mapped"
    yield against(
        "DAG of a task mapped over 1,000, CPU", taken, "HttpOperator, mapped", "cpu", ours=mapped, at_most=1.0
    )
    yield against("  the same, beside 1,000 tasks", taken, "HttpOperator", "cpu", ours=mapped, at_most=1.0)

    taken = calls.measure(url, times.calls)
    yield against("create_group on a warm hook, CPU", taken, "requests", "cpu", at_most=1.15)
    yield against("  wall", taken, "requests", "wall", at_most=1.15)
    yield against("  CPU", taken, "HttpHook", "cpu", at_most=1.0)
    yield against("  wall", taken, "HttpHook", "wall", at_most=1.0)

    taken = calls.measure_messages(url, times.calls)
    yield against("send_message on a warm hook, CPU", taken, "requests", "cpu", at_most=1.10)
    yield against("  wall", taken, "requests", "wall", at_most=1.10)

    taken = tasks.measure_fresh(url, times.fresh_tasks)
    yield against("task in a fresh process, start to XCom, wall", taken, "HttpOperator", "wall", at_most=1.0)
    yield against("  to its end, CPU", taken, "HttpOperator", "cpu", at_most=1.0)
    yield against("  peak memory", taken, "HttpOperator", "memory", at_most=1.05)
    forked, loaded = tasks.measure_forked(url, times.forked_tasks)
    yield against("task forked from a worker, start to XCom, wall", forked, "HttpOperator", "wall")
    yield against("  to its end, CPU", forked, "HttpOperator", "cpu")
    yield against("task forked with all modules loaded, wall", loaded, "HttpOperator", "wall")
    yield against("  to its end, CPU", loaded, "HttpOperator", "cpu")

    taken = checking.measure(times.checks)
    yield within(
        f"checking {checking.LARGEST:,} participants, first in its process, CPU",
        taken,
        "cpu",
        0.1,
        ours="first",
    )
    yield within("  any later one", taken, "cpu", 0.1, ours="largest")
    growth = ratio(taken, "largest", "smaller", "cpu") / (checking.LARGEST / checking.SMALLER)
    each = median(taken, "largest", "cpu") / checking.LARGEST
    yield Row(
        f"  for each one, beside {checking.SMALLER} of them",
        f"{each * 1e6:.1f} µs",
        f"{median(taken, 'smaller', 'cpu') / checking.SMALLER * 1e6:.1f} µs, of {checking.SMALLER}",
        growth,
        "≤ 1.2 (linear)",
        growth <= 1.2,
        growth > 1.2 * 1.5,
    )

    taken = searching.measure(url, times.searches)
    yield against(f"search among {loopback.CHATS:,} chats, CPU", taken, "json.loads", "cpu", at_most=1.5)
    yield against("  wall", taken, "json.loads", "wall", at_most=1.5)
    yield within("  memory above the base", taken, "memory", 64 * MB)

    if times.triggers:
        taken, peer = triggers.measure(url, times.triggers), "HttpSensorTrigger"
        yield against(
            f"{triggers.SENSORS:,} sensors that wait {triggers.SECONDS} s in a triggerer, CPU",
            taken,
            peer,
            "cpu",
            at_most=1.0,
        )
        yield against("  longest time the event loop was blocked", taken, peer, "blocked", at_most=1.0)
        yield within("  the same", taken, "blocked", 0.1)
        yield against("  peak memory", taken, peer, "memory", at_most=1.0)
        yield against("  requests sent", taken, peer, "requests", at_most=1.0)

    what, goal = "seconds in state running, rate limit of 90 s", "≤ theirs + 1 s"
    if times.waits:
        ours, theirs = waiting.measure()
        yield Row(what, f"{ours:.1f} s", f"{theirs:.1f} s, two no-op tasks", None, goal, ours <= theirs + 1)
    else:
        yield Row(what, "apart: make limits", "two no-op tasks", goal=goal)


def main() -> int:
    """Measure and tell; return 1 if the short form found a ratio far off its goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--short", action="store_true", help="few repetitions; fail on what is off by more than half"
    )
    parser.add_argument("--write", action="store_true", help=f"write {GENERATED.name} for the documentation")
    options = parser.parse_args()
    times = SHORT if options.short else FULL
    started = time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory(prefix="periskope-bench-") as home, loopback.running() as url:
        os.environ.update(
            AIRFLOW_HOME=home, AIRFLOW__CORE__LOAD_EXAMPLES="False", AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR"
        )
        for row in measure(url, times):
            rows.append(row)
            print(f"{time.monotonic() - started:4.0f} s  {row.what}", file=sys.stderr, flush=True)
    about = [
        "Medians over repetitions, ours and the peer's in turn; a ratio is the median of the ratios of neighbours. "
        "Peers come from the package registry; servers are on the loopback of the same machine.",
        *conditions(),
    ]
    print(as_text(rows), *about, f"{time.monotonic() - started:.0f} s.", sep="\n")
    if options.write:
        GENERATED.write_text(as_markdown(rows, about))
    far_off = [row for row in rows if row.far_off]
    for row in far_off:
        print(f"Off its goal by more than half: {row.what.strip()}: {row.ratio:.2f}, goal {row.goal}")
    return 1 if options.short and far_off else 0


if __name__ == "__main__":
    sys.exit(main())
