"""Histories of tasks, simulated: none breaks a promise of the documentation, and a broken engine is found out."""

from __future__ import annotations

import pytest

from tests.histories.found import FOUND
from tests.histories.history import play
from tests.histories.many import never, play_many, ready
from tests.histories.mutants import MUTANTS

COUNT = 2000
BATCHES = 8
ENOUGH = 5000
"""Histories within which each mutant is found."""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_history_breaks_a_promise(batch: int) -> None:
    each = COUNT // BATCHES
    played = play_many(1 + batch * each, each)
    assert not played.violations, f"\n{played.violations[0]}"


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once(name: str) -> None:
    with ready():
        history = play(fixed=FOUND[name])
    assert not history.violation, f"\n{history}"
    assert history.made == FOUND[name], (
        "some of the choices were not made: the scenario is another one by now"
    )


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_of_the_engine_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    with ready():
        found = any(play(fixed=made).violation for made in FOUND.values())
    assert found or play_many(1, ENOUGH - len(FOUND), shrinks=False).violations


def test_a_violation_is_shrunk_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS["no look"](monkeypatch)
    (found,) = play_many(1, ENOUGH).violations
    with ready():
        assert play(fixed=found.made).violation
        for name in found.made:
            assert not play(fixed={key: value for key, value in found.made.items() if key != name}).violation


def test_the_same_seed_gives_the_same_history() -> None:
    with ready():
        assert [str(play(seed)) for seed in range(20)] == [str(play(seed)) for seed in range(20)]


def test_what_never_happened_is_told() -> None:
    nothing = play_many(1, 3)
    assert "exempted: renamed or left by hand" in never(nothing)
