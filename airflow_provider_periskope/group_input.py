"""From what a DAG author wrote, rendered, to a group that can be sent: every problem is found before anything is."""

from __future__ import annotations

import ast
import difflib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.models import GroupOptions, NewGroup
from airflow_provider_periskope.phone_numbers import is_plausible, masked, to_digits

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_NAME_LENGTH = 100
"""WhatsApp's limit, counted in Unicode code points after NFC normalisation."""

MAX_PARTICIPANTS = 1023
"""WhatsApp's limit of a group, 1,024, less the phone that makes it."""

_OPTION_NAMES: dict[str, str] = {
    name: field.alias or name for name, field in GroupOptions.model_fields.items()
}


def check_group(
    group_name: object, participants: object, options: object = None, *, own_digits: str | None = None
) -> tuple[NewGroup, list[str]]:
    """
    Check the input of a new group.

    :param group_name: name of the group.
    :param participants: list of numbers, or the text that a template makes of one (JSON, a Python literal, or
        numbers separated by commas).
    :param options: mapping of options by the API's names or in snake_case, or the text of one; or ``None``.
    :param own_digits: number of the phone that makes the group, where it is known.
    :return: the group, and warnings about what was left out or looks odd.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    warnings: list[str] = []
    name = _check_name(group_name, problems)
    people = _check_participants(participants, own_digits, problems, warnings)
    checked_options = _check_options(options, problems)
    if problems:
        raise PeriskopeInputError("The group was not created", problems)
    given = {"options": checked_options} if checked_options is not None else {}
    return NewGroup(group_name=name, participants=people, **given), warnings


def _check_name(written: object, problems: list[str]) -> str:
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)  # Where a DAG renders native objects, a name of digits comes as a number.
    if not isinstance(written, str) or written.strip() in ("", "None"):
        problems.append(
            f"group_name is {_told(written)}: it takes a name of 1 to {MAX_NAME_LENGTH} characters"
            + ("; its template found no value" if written is None or str(written).strip() == "None" else "")
        )
        return ""
    name = written.strip()
    length = len(unicodedata.normalize("NFC", name))
    if length > MAX_NAME_LENGTH:
        problems.append(
            f"group_name has {length} characters; WhatsApp's limit is {MAX_NAME_LENGTH} "
            "(Unicode code points: an emoji or an accented letter can be several)"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        problems.append("group_name has a line break, tab or other control character; a name is one line")
    return name


def _check_participants(
    written: object, own_digits: str | None, problems: list[str], warnings: list[str]
) -> list[str]:
    people: dict[str, None] = {}
    repeated: list[str] = []
    odd: list[str] = []
    problems_before = len(problems)
    for index, item in enumerate(_as_list(written, problems)):
        try:
            digits = to_digits(item)
        except ValueError as problem:
            shown = f" ({masked(item)})" if item else ""
            problems.append(f"participants[{index}]{shown} {problem}")
            continue
        if digits in people:
            repeated.append(digits)
        elif not is_plausible(digits):
            odd.append(digits)
        people[digits] = None
    if repeated:
        warnings.append(f"Kept once, though given more than once: {_masked_list(repeated)}.")
    if odd:
        warnings.append(
            f"Not valid by today's numbering plans, sent all the same: {_masked_list(odd)}. "
            "Right for an old national form that WhatsApp still uses; else a typing error."
        )
    if own_digits in people:
        del people[own_digits]
        warnings.append(f"Left out, since it is the phone that makes the group: {masked(own_digits)}.")
    if len(problems) == problems_before:
        if not people:
            problems.append("participants: nobody is left to make a group with; it takes at least one person")
        elif len(people) > MAX_PARTICIPANTS:
            problems.append(
                f"participants has {len(people):,} people; WhatsApp's limit is {MAX_PARTICIPANTS:,} beside the phone"
            )
    return list(people)


def _as_list(written: object, problems: list[str]) -> Iterable[object]:
    if isinstance(written, str):
        text = written.strip()
        parsed = _parsed(text)
        if isinstance(parsed, (list, tuple, set)):
            return parsed
        if text in ("", "None"):
            written = None
        else:
            return [part.strip() for part in text.split(",")]
    if isinstance(written, Mapping) or not isinstance(written, Iterable):
        found_none = "; its template found no value" if written is None else ""
        problems.append(f"participants is {_told(written)}: it takes a list of phone numbers{found_none}")
        return []
    return written


def _check_options(written: object, problems: list[str]) -> GroupOptions | None:
    if written is None:
        return None
    given = _parsed(written) if isinstance(written, str) else written
    if not isinstance(given, Mapping):
        problems.append(f"options is {_told(written)}: it takes a mapping of option names to values")
        return None
    by_api_name: dict[str, Any] = {}
    for name, value in given.items():
        api_name = _OPTION_NAMES.get(str(name), str(name))
        if api_name in by_api_name:
            problems.append(f"options.{name} is given twice, under both its spellings")
        by_api_name[api_name] = value
    try:
        return GroupOptions.model_validate(by_api_name)
    except ValidationError as invalid:
        problems.extend(_option_problem(error) for error in invalid.errors(include_url=False))
        return None


def _option_problem(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        spellings = [*_OPTION_NAMES, *_OPTION_NAMES.values()]
        nearest = difflib.get_close_matches(name, spellings, n=1, cutoff=0.5)
        hint = (
            f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(_OPTION_NAMES.values())}"
        )
        return f"options.{name} is no option: {hint}"
    if error["type"] == "value_error":
        return f"options.{name} {error['ctx']['error']}"
    wanted = "true or false" if error["type"] == "bool_type" else "text"
    return f"options.{name} is {_told(error['input'])}: it takes {wanted}"


def _parsed(text: str) -> Any:
    """Return what JSON or a Python literal says, or ``None`` where the text is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _told(value: object) -> str:
    """Return what a value is in words that show none of it."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return "empty" if not value.strip() else "the text 'None'" if value.strip() == "None" else "a text"
    return f"{'an' if type(value).__name__[0] in 'aeio' else 'a'} {type(value).__name__}"


def _masked_list(numbers: list[str]) -> str:
    shown = ", ".join(masked(number) for number in numbers[:5])
    return f"{shown} and {len(numbers) - 5:,} more" if len(numbers) > 5 else shown
