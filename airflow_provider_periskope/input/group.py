"""A new group: its name, its people and its options."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.option_names import api_name, unknown_option
from airflow_provider_periskope.input.people import check_people
from airflow_provider_periskope.input.template import described, found_nothing, likely_mistake, parsed
from airflow_provider_periskope.models import GroupOptions, NewGroup
from airflow_provider_periskope.phone_numbers import masked

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_NAME_LENGTH = 100
"""WhatsApp's limit, counted in Unicode code points after NFC normalisation."""

MAX_PARTICIPANTS = 1023
"""WhatsApp's limit of a group, 1,024, less the phone that creates it."""


def check_group(
    group_name: object, participants: object, options: object = None, *, own_digits: str | None = None
) -> tuple[NewGroup, list[str]]:
    """
    Check the input of a new group.

    :param group_name: name of the group.
    :param participants: people, see :func:`~airflow_provider_periskope.input.people.check_people`.
    :param options: mapping of options by the API's names or in snake_case, or the text of one; or ``None``.
    :param own_digits: number of the phone that creates the group, where it is known.
    :return: the group, and warnings about what was left out or looks unusual.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    warnings: list[str] = []
    name = check_name(group_name, problems, warnings)
    people = _check_participants(participants, own_digits, problems, warnings)
    checked_options = check_options(options, problems)
    if problems:
        raise PeriskopeInputError("The group was not created", problems)
    given = {"options": checked_options} if checked_options is not None else {}
    return NewGroup(group_name=name, participants=people, **given), warnings


def check_name(written: object, problems: list[str], warnings: list[str]) -> str:
    """
    Check the name of a group.

    :param written: the name.
    :param problems: gets every problem.
    :param warnings: gets what looks unusual.
    :return: the name, trimmed.
    """
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)  # Where a DAG renders native objects, a name of digits arrives as a number.
    if not isinstance(written, str) or found_nothing(written):
        problems.append(
            f"group_name is {described(written)}: expected a name of 1 to {MAX_NAME_LENGTH} characters"
            + (
                "; its template found no value"
                if written in (None, "None")
                else likely_mistake("group_name", written)
            )
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
        problems.append(
            "group_name contains a line break, tab or other control character; a name is one line"
        )
    if "{{" in name or "}}" in name or ("{" in name and "}" in name):
        warnings.append("The name contains braces: a template may not have been rendered.")
    if "None" in name.split():
        warnings.append("The name contains 'None': a template may have found no value.")
    return name


def _check_participants(
    written: object, own_digits: str | None, problems: list[str], warnings: list[str]
) -> list[str]:
    problems_before = len(problems)
    people = check_people(written, problems, own_digits=own_digits)
    warnings += people.warnings()
    numbers = [number for number in people.numbers if number != own_digits]
    if len(numbers) < len(people.numbers):
        warnings.append(f"Left out, because it is the phone that creates the group: {masked(own_digits)}.")
    if len(problems) == problems_before:
        if not numbers:
            problems.append(
                "participants is empty (the phone itself does not count); at least one person is needed"
            )
        elif len(numbers) > MAX_PARTICIPANTS:
            problems.append(
                f"participants has {len(numbers):,} people; WhatsApp's limit is {MAX_PARTICIPANTS:,} beside the phone"
            )
    return numbers


def check_options(written: object, problems: list[str]) -> GroupOptions | None:
    """
    Check the options of a group.

    :param written: mapping of options by the API's names or in snake_case, or the text of one; or ``None``.
    :param problems: gets every problem.
    :return: the options; ``None`` where none was given.
    """
    if written is None:
        return None
    given = parsed(written) if isinstance(written, str) else written
    if not isinstance(given, Mapping):
        problems.append(f"options is {described(written)}: expected a mapping of option names to values")
        return None
    by_api_name: dict[str, Any] = {}
    for name, value in given.items():
        known = api_name(name)
        if known is None:
            problems.append(unknown_option(name))
            continue
        if known in by_api_name:
            problems.append(f"options.{name} is given twice, under both its spellings")
        by_api_name[known] = value
    try:
        return GroupOptions.model_validate(by_api_name) if by_api_name else None
    except ValidationError as invalid:
        problems.extend(_option_problem(error) for error in invalid.errors(include_url=False))
        return None


def _option_problem(error: ErrorDetails) -> str:
    name = error["loc"][0]
    if error["type"] == "value_error":
        return f"options.{name} {error['ctx']['error']}"
    expected = "true or false" if error["type"] == "bool_type" else "text"
    return f"options.{name} is {described(error['input'])}: expected {expected}"
