"""Who is in a group, and whether enough people are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.phone_numbers import digits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from airflow_provider_periskope.models import Group


@dataclass(frozen=True)
class Membership:
    """
    Who is in a group, the phone that asks left out.

    WhatsApp hides the numbers of some members: Periskope may show them only by an id such as ``…@lid``.

    :param numbers: members who are shown with their number, as digits.
    :param hidden: how many members are shown without a number.
    """

    numbers: frozenset[str]
    hidden: int

    @property
    def count(self) -> int:
        """How many people are in the group."""
        return len(self.numbers) + self.hidden

    def present(self, people: Iterable[str]) -> list[str]:
        """Return who of the people (digits with country code) is known to be in the group."""
        return [number for number in people if number in self.numbers]

    def missing(self, people: Iterable[str]) -> list[str]:
        """
        Return who of the people is not known to be in the group.

        :param people: digits with country code.
        :return: those who are not among ``numbers``. Up to ``hidden`` of them may be in the group all the same.
        """
        return [number for number in people if number not in self.numbers]

    @classmethod
    def of(cls, group: Group, own_numbers: Collection[str]) -> Membership:
        """
        Return who is in a group.

        :param group: the group, as the API shows it.
        :param own_numbers: the number of the phone that asks, in each known form.
        """
        numbers = {digits for digits in map(digits_of, group.members) if digits}
        hidden = len(group.members) - len(numbers)
        # The phone is in the group, or it could not read it: without a number of its own it is one of the hidden.
        own_is_hidden = numbers.isdisjoint(own_numbers) and hidden > 0
        return cls(frozenset(numbers.difference(own_numbers)), hidden - own_is_hidden)


@dataclass(frozen=True)
class Wanted:
    """
    When enough people are in a group.

    :param people: who is expected, as digits; empty if it does not matter who comes.
    :param at_least: how many people must be in, whoever they are; ``None`` for all of ``people``.
    """

    people: Sequence[str]
    at_least: int | None = None

    def is_met_by(self, membership: Membership) -> bool:
        """Return whether enough people are in, as far as it can be decided."""
        if self.at_least is not None:
            return membership.count >= self.at_least
        return not membership.missing(self.people)

    def result(self, membership: Membership) -> dict[str, Any]:
        """
        Return what a task can continue with.

        :return: ``in``, the number of people in the group; ``missing``, who of the expected ones is not known to be in;
            and, only if there are any, ``hidden``, the number of members without a number, who may be among these.
        """
        result = {"in": membership.count, "missing": membership.missing(self.people)}
        return result | ({"hidden": membership.hidden} if membership.hidden else {})

    def describe(self, result: dict[str, Any]) -> str:
        """Return in words who is in, without a number."""
        wanted = f" of at least {self.at_least:,}" if self.at_least is not None else ""
        words = [f"{result['in']:,}{wanted} people are in the group"]
        missing, hidden = len(result["missing"]), result.get("hidden", 0)
        if self.people:
            words.append(f"{missing:,} of the {len(self.people):,} who are expected are not known to be in")
        if missing and hidden:
            decided = (
                "it is certain that somebody is missing"
                if missing > hidden
                else ("it cannot be decided whether everybody is in")
            )
            words.append(f"{hidden:,} are shown without their number, so {decided}")
        return "; ".join(words)
