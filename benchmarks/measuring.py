"""
How things are measured: each contender in a process of its own, the contenders in turn, over and over.

What else runs on the machine comes and goes, so a figure alone says little; those that stand side by side were taken
within seconds of each other. A ratio is the median of the ratios of such pairs, a figure the median of its
repetitions. CPU seconds, which other processes disturb least, stand beside wall seconds where both say something.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Figures = dict[str, float]
"""What one measurement gave, by name: ``wall`` and ``cpu`` in seconds, ``memory`` in bytes."""

Samples = dict[str, list[Figures]]
"""What all repetitions gave, by contender."""

LONGEST = 300
"""Seconds after which a measurement is taken for stuck."""


def in_turn(contenders: Mapping[str, Callable[[], Figures]], repetitions: int) -> Samples:
    """
    Measure each contender once, then each again, and so on.

    :param contenders: what to call for each.
    :param repetitions: how often.
    """
    samples: Samples = {name: [] for name in contenders}
    names = list(contenders)
    for repetition in range(repetitions):
        # Who goes first has what the others have not: so it is another one each time.
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(contenders[name]())
    return samples


def in_fresh_process(function: str, *arguments: str | int) -> Any:
    """
    Call a function in a Python process of its own.

    :param function: ``module:function``; what it returns must be JSON.
    :param arguments: positional arguments, handed on as text.
    :return: what it returned.
    """
    command = [sys.executable, "-m", "benchmarks.measuring", function, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def timed(function: Callable[[], object], *, calls: int = 1, warm_up: int = 0) -> Figures:
    """
    Return the seconds of one call.

    :param function: what to call.
    :param calls: how many calls to take the median of.
    :param warm_up: how many calls to make before.
    """
    for _ in range(warm_up):
        function()
    gc.collect()
    wall, cpu = [], []
    for _ in range(calls):
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        function()
        cpu.append(time.process_time() - cpu_before)
        wall.append(time.perf_counter() - wall_before)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu)}


def median(samples: Samples, contender: str, figure: str) -> float:
    """Return the median of a contender's figure over all repetitions."""
    return statistics.median(sample[figure] for sample in samples[contender])


def ratio(samples: Samples, contender: str, peer: str, figure: str) -> float:
    """Return the median of a contender's figure over that of its peer, pair by pair."""
    pairs = zip(samples[contender], samples[peer], strict=True)
    return statistics.median(ours[figure] / theirs[figure] for ours, theirs in pairs)


def main() -> None:
    """Call the function that the command line names, and print what it returns as JSON."""
    module, _, name = sys.argv[1].partition(":")
    # What Airflow prints must not stand among what is returned.
    terminal = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(
        json.dumps(getattr(importlib.import_module(module), name)(*sys.argv[2:])), file=terminal, flush=True
    )


if __name__ == "__main__":
    main()
