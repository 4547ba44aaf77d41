"""
Play many histories: ``python -m tests.histories --count 20000 --seed 1``.

It prints each violation as soon as it is found, and at the end how often each thing happened. It ends with 1 after a
violation, and if something never happened in 100,000 histories or more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

# Airflow fixes its home when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="periskope-histories-"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")

from tests.histories.many import KINDS, Played, never, play_many, report

if TYPE_CHECKING:
    from tests.histories.choices import Value

BATCH = 250
ENOUGH = 100_000
"""Histories in which everything is to happen."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, default="groups", help="what the tasks create")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first history; the next ones follow")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--stop-after", type=int, default=5, metavar="N", help="violations to look for")
    parser.add_argument(
        "--fix", action="append", default=[], metavar="NAME=VALUE", help="a choice to make in all"
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="WHAT=OPTION", help="what is never to happen"
    )
    arguments = parser.parse_args()
    began = time.perf_counter()
    kind = KINDS[arguments.kind]
    play = partial(
        play_many,
        kind=kind,
        fixed=dict(map(_pair, arguments.fix)),
        without=frozenset(map(_pair, arguments.without)),
    )
    all_played = Played(kind=kind)
    starts = range(arguments.seed, arguments.seed + arguments.count, BATCH)
    counts = [min(BATCH, arguments.seed + arguments.count - start) for start in starts]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        for played in pool.map(play, starts, counts):
            all_played.add(played)
            for violation in played.violations:
                print(violation, end="\n\n", flush=True)
            if len(all_played.violations) >= arguments.stop_after:
                pool.shutdown(cancel_futures=True)
                break
    missing = never(all_played)
    print(report(all_played))
    print(f"\nNever happened: {', '.join(missing) or 'nothing'}")
    seconds = time.perf_counter() - began
    print(
        f"{all_played.count:,} histories in {seconds:.0f} s, violations: {len(all_played.violations)}",
        flush=True,
    )
    return 1 if all_played.violations or (missing and all_played.count >= ENOUGH) else 0


def _pair(given: str) -> tuple[str, Value]:
    name, _, value = given.rpartition("=")
    return name, int(value) if value.lstrip("-").isdigit() else value


if __name__ == "__main__":
    sys.exit(main())
