"""Histories of tasks, simulated: none breaks a promise of the documentation."""

from __future__ import annotations

import pytest

from tests.histories.found import FOUND
from tests.histories.history import play
from tests.histories.many import never, play_many, ready

COUNT = 2000
BATCHES = 8


@pytest.mark.no_cover  # It would take three times as long, and shows no more than the other tests.
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


def test_the_same_seed_gives_the_same_history() -> None:
    with ready():
        assert [str(play(seed)) for seed in range(20)] == [str(play(seed)) for seed in range(20)]


def test_what_never_happened_is_told() -> None:
    nothing = play_many(1, 3)
    assert "exempted: renamed or left by hand" in never(nothing)
