"""Checking the arguments of a group as large as WhatsApp allows."""

from __future__ import annotations

from benchmarks.measuring import Figures, Samples, in_fresh_process, in_turn, timed

LARGEST = 1023
SMALLER = 128
# Real calling codes and lengths; no number of anybody's is meant.
STARTS = [
    "+91 98",
    "+1 202 55",
    "+44 7400 ",
    "+49 151 2",
    "+55 11 9",
    "+52 55 1",
    "+61 4",
    "+234 80",
    "+62 81",
    "+27 8",
]
DIGITS = [10, 10, 10, 11, 11, 10, 9, 10, 10, 9]


def measure(repetitions: int) -> Samples:
    """Check requests of two sizes in fresh processes, and the first request of a process besides."""
    return in_turn(
        {
            "largest": lambda: in_fresh_process(f"{__name__}:check", LARGEST, 5),
            "smaller": lambda: in_fresh_process(f"{__name__}:check", SMALLER, 25),
            "first": lambda: in_fresh_process(f"{__name__}:check", LARGEST, 1),
        },
        repetitions,
    )


def participants(count: int) -> list[str]:
    """Return numbers of ten countries, as people write them."""
    numbers = []
    for index in range(count):
        start, digits = STARTS[index % len(STARTS)], DIGITS[index % len(STARTS)]
        written = len("".join(filter(str.isdigit, start))) - len(start.split()[0].lstrip("+"))
        numbers.append(f"{start}{index:0{digits - written}}")
    return numbers


def check(count: str, calls: str) -> Figures:
    """Check a request; more than one call leaves the first one out, which loads what is known of countries."""
    from airflow_provider_periskope.input.group import check_group

    numbers = participants(int(count))
    return timed(lambda: check_group("Stand-up", numbers), calls=int(calls), warm_up=int(int(calls) > 1))
