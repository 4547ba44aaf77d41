"""The table of results: figures, ratios, goals and verdicts, for the terminal and for the documentation."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Samples, median, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSIONS = [
    "airflow-provider-periskope",
    "apache-airflow",
    "apache-airflow-task-sdk",
    "apache-airflow-providers-http",
    "apache-airflow-providers-slack",
    "requests",
    "urllib3",
    "pydantic",
    "phonenumbers",
]
TOO_FAR = 1.5
"""Times its goal at which a ratio is off by more than noise."""

HEAD = ("what", "ours", "peer", "ratio", "goal", "verdict")


@dataclass(frozen=True)
class Row:
    """
    One line of the table.

    :param what: what was measured.
    :param ours: our figure, with its unit.
    :param peer: the peer's, and who that is.
    :param ratio: ours over the peer's; ``None`` where there is no peer.
    :param goal: the goal in words.
    :param met: whether the figure meets it; ``None`` for what is reported without a goal.
    :param far_off: whether a ratio misses its goal by more than half.
    """

    what: str
    ours: str
    peer: str = "–"
    ratio: float | None = None
    goal: str = "–"
    met: bool | None = None
    far_off: bool = False

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the line."""
        shown = (
            "–" if self.ratio is None else f"{self.ratio:.3f}" if self.ratio < 0.1 else f"{self.ratio:.2f}"
        )
        verdict = {None: "reported", True: "met", False: "missed"}[self.met]
        return self.what, self.ours, self.peer, shown, self.goal, verdict


def against(
    what: str,
    samples: Samples,
    peer: str,
    figure: str,
    *,
    ours: str = "ours",
    at_most: float | None = None,
) -> Row:
    """Return the line of a figure beside a peer's, with the highest ratio that is good, if there is a goal."""
    measured = ratio(samples, ours, peer, figure)
    return Row(
        what,
        _told(median(samples, ours, figure), figure),
        f"{_told(median(samples, peer, figure), figure)}, {peer}",
        measured,
        "–" if at_most is None else f"≤ {at_most:g}",
        None if at_most is None else measured <= at_most,
        at_most is not None and measured > at_most * TOO_FAR,
    )


def within(what: str, samples: Samples, figure: str, at_most: float, *, ours: str = "ours") -> Row:
    """Return the line of a figure that has a goal of its own, in its own unit."""
    measured = median(samples, ours, figure)
    return Row(what, _told(measured, figure), goal=f"≤ {_told(at_most, figure)}", met=measured <= at_most)


def _told(value: float, figure: str) -> str:
    if figure == "memory":
        return f"{value / 2**20:.1f} MB"
    if figure == "requests":
        return f"{value:,.0f}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.{2 if value < 0.01 else 0}f} ms"


def conditions() -> list[str]:
    """Return on what was measured, and with which versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return [
        f"{_processor()}, {os.cpu_count()} cores{busy}; {platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}.",
        f"{versions}.",
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def as_text(rows: Iterable[Row]) -> str:
    """Return the table for a terminal."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: Iterable[Row], about: Iterable[str]) -> str:
    """Return the table as the documentation includes it."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *about]) + "\n"
