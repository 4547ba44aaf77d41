"""A list of people, as an author or a template wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_periskope.input.template import described, found_nothing, parsed
from airflow_provider_periskope.phone_numbers import (
    MAX_DIGITS,
    is_plausible,
    masked,
    to_digits,
    with_country_code_of,
)

_SEPARATORS = re.compile(r"[,;\n\r]+|\s+(?=\+)")
"""Between numbers in one text. White space alone can be within a number, unless a plus sign follows."""


@dataclass(frozen=True)
class People:
    """
    People, checked.

    :param numbers: digits with country code, each once.
    :param repeated: those that were given more than once.
    :param unusual: those that no current numbering plan knows.
    """

    numbers: list[str]
    repeated: list[str]
    unusual: list[str]

    def warnings(self) -> list[str]:
        """Return what an author should know, in sentences that hold no whole number."""
        warnings = []
        if self.repeated:
            warnings.append(f"Listed more than once, used once: {masked_list(self.repeated)}.")
        if self.unusual:
            warnings.append(
                f"Not a valid number in current numbering plans, sent anyway: {masked_list(self.unusual)}. "
                "Check for a typo or a missing country code."
            )
        return warnings


def check_people(
    written: object, problems: list[str], *, own_digits: str | None = None, argument: str = "participants"
) -> People:
    """
    Check a list of people.

    :param written: list of numbers; one number; or the text that a template makes of a list (JSON, a Python literal, or
        numbers separated by commas, semicolons or line breaks).
    :param problems: gets every problem.
    :param own_digits: number of the phone that acts, where it is known.
    :param argument: name of the argument that holds the list, for the texts of problems.
    :return: the people.
    """
    numbers: dict[str, None] = {}
    repeated: list[str] = []
    unusual: list[str] = []
    for index, item in enumerate(_as_list(written, problems, argument)):
        try:
            digits = to_digits(item)
        except ValueError as problem:
            shown = f" ({masked(item)})" if item else ""
            problems.append(f"{argument}[{index}]{shown} {_several(item) or problem}")
            continue
        if digits in numbers:
            repeated.append(digits)
        elif not is_plausible(digits):
            if (complete := with_country_code_of(own_digits, digits)) is not None:
                problems.append(
                    f"{argument}[{index}] ({masked(digits)}) lacks its country code: did you mean {masked(complete)}?"
                )
                continue
            unusual.append(digits)
        numbers[digits] = None
    return People(list(numbers), repeated, unusual)


def _as_list(written: object, problems: list[str], argument: str) -> Iterable[object]:
    if isinstance(written, str) and not found_nothing(written):
        literal = parsed(written)
        if isinstance(literal, (list, tuple, set)):
            return literal
        return [part.strip() for part in _SEPARATORS.split(written.strip()) if part.strip()]
    if isinstance(written, int) and not isinstance(written, bool):
        return [written]  # Where a DAG renders native objects, a single number arrives as an integer.
    if isinstance(written, (str, Mapping)) or not isinstance(written, Iterable):
        found_none = "; its template found no value" if found_nothing(written) else ""
        problems.append(f"{argument} is {described(written)}: expected a list of phone numbers{found_none}")
        return []
    return written


def _several(item: object) -> str | None:
    """Return a better explanation where a text holds several numbers."""
    digits = sum(character.isdigit() for character in item) if isinstance(item, str) else 0
    if digits > MAX_DIGITS:
        return f"has {digits} digits and looks like several numbers: separate them with commas"
    return None


def masked_list(numbers: list[str]) -> str:
    """Return numbers as logs may show them, and only the first few."""
    shown = ", ".join(masked(number) for number in numbers[:5])
    return f"{shown} and {len(numbers) - 5:,} more" if len(numbers) > 5 else shown
