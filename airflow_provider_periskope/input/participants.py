"""People to add to a group, to remove from it, or to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.chat import check_chat_id
from airflow_provider_periskope.input.group import MAX_PARTICIPANTS
from airflow_provider_periskope.input.people import check_people
from airflow_provider_periskope.input.template import described
from airflow_provider_periskope.membership import Wanted
from airflow_provider_periskope.models import GroupPeople
from airflow_provider_periskope.phone_numbers import masked

if TYPE_CHECKING:
    from typing import Literal

MANY = 20
"""Above this, people who are added at once are worth a warning: gateways advise to add 15 to 20 new contacts a day."""


def check_group_people(
    chat_id: object,
    participants: object,
    *,
    own_digits: str | None = None,
    change: Literal["added", "removed", "promoted", "demoted"],
    force_add_participants: bool = False,
) -> tuple[GroupPeople, list[str]]:
    """
    Check who is to be added to which group, or removed from it.

    :param chat_id: id of the group.
    :param participants: people, see :func:`~airflow_provider_periskope.input.people.check_people`; an empty list is
        valid, such as from a query that finds nobody new.
    :param own_digits: number of the phone that acts, where it is known.
    :param change: what happens to them, for the texts.
    :param force_add_participants: whether to try to add everybody directly.
    :return: the people, and warnings about what was left out or looks unusual.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    checked_id = check_chat_id(chat_id, problems, groups_only=True)
    people = check_people(participants, problems, own_digits=own_digits)
    warnings = people.warnings()
    numbers = [number for number in people.numbers if number != own_digits]
    if len(numbers) < len(people.numbers):
        warnings.append(f"Left out, because it is the phone that acts: {masked(own_digits)}.")
    if len(numbers) > MAX_PARTICIPANTS:
        problems.append(
            f"participants has {len(numbers):,} people; WhatsApp's limit is {MAX_PARTICIPANTS:,} beside the phone"
        )
    if change == "added" and len(numbers) > MANY:
        warnings.append(
            f"{len(numbers):,} people are added at once. WhatsApp blocks phones that add many people who do not know "
            f"them: add at most {MANY} a day, and only people who expect it."
        )
    if problems:
        raise PeriskopeInputError(f"Nobody was {change}", problems)
    force = {"force_add_participants": True} if force_add_participants else {}
    return GroupPeople(chat_id=checked_id, participants=numbers, **force), warnings


def check_wanted(
    chat_id: object, at_least: object, everybody: object, expected: object
) -> tuple[str, Wanted]:
    """
    Check for whom to wait.

    :param chat_id: id of the group.
    :param at_least: how many people must be in, as a number or its text; ``None`` if everybody must.
    :param everybody: people who must all be in; used where ``at_least`` is ``None``.
    :param expected: people among whom missing ones are named; ``None`` for nobody.
    :return: id of the group, and when enough people are in.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    checked_id = check_chat_id(chat_id, problems, groups_only=True)
    argument, written = ("everybody", everybody) if at_least is None else ("expected", expected)
    people: list[str] = []
    if written is not None:
        people = check_people(written, problems, argument=argument).numbers
    if at_least is None and not people and not problems:
        problems.append("everybody is empty: expected at least one person")
    count = _whole_number(at_least)
    if at_least is not None and (count is None or count < 1):
        problems.append(f"at_least is {described(at_least)}: expected a whole number from 1 on")
    if problems:
        raise PeriskopeInputError("The group was not read", problems)
    return checked_id, Wanted(tuple(people), count)


def _whole_number(written: object) -> int | None:
    if isinstance(written, str) and written.strip().isascii() and written.strip().isdigit():
        return int(written)
    return written if isinstance(written, int) and not isinstance(written, bool) else None
