"""A broken engine is found out by simulated histories: ``make mutants``, which takes minutes."""

from __future__ import annotations

import pytest

from tests.histories.found import FOUND
from tests.histories.history import play
from tests.histories.many import KINDS, play_many, ready
from tests.histories.mutants import MUTANTS, MUTANTS_WITH_MESSAGES, MUTANTS_WITH_PEOPLE

ENOUGH = 5000
"""Histories within which each mutant is found."""


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_of_the_engine_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    with ready():
        found = any(play(fixed=made).violation for made in FOUND.values())
    assert found or play_many(1, ENOUGH - len(FOUND), shrinks=False).violations


@pytest.mark.parametrize("name", MUTANTS_WITH_MESSAGES)
def test_every_mutant_of_messages_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS_WITH_MESSAGES[name](monkeypatch)
    assert play_many(1, ENOUGH, shrinks=False, kind=KINDS["messages"]).violations


@pytest.mark.parametrize("name", MUTANTS_WITH_PEOPLE)
def test_every_mutant_of_invitations_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS_WITH_PEOPLE[name](monkeypatch)
    assert play_many(1, ENOUGH, shrinks=False, kind=KINDS["people"]).violations


def test_a_violation_is_shrunk_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS["no look"](monkeypatch)
    (found,) = play_many(1, ENOUGH).violations
    with ready():
        assert play(fixed=found.made).violation
        for name in found.made:
            assert not play(fixed={key: value for key, value in found.made.items() if key != name}).violation
