"""Histories of tasks, simulated: none breaks a promise of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.histories.found import FOUND, FOUND_WITH_MESSAGES
from tests.histories.history import play
from tests.histories.many import KINDS, never, play_many, ready

if TYPE_CHECKING:
    from tests.histories.choices import Made

BATCHES = [("groups", 1 + 250 * batch, 250) for batch in range(4)] + [
    (kind, 1 + 100 * batch, 100) for kind in ("messages", "people") for batch in range(4)
]
SCENARIOS = [("groups", name, made) for name, made in FOUND.items()] + [
    ("messages", name, made) for name, made in FOUND_WITH_MESSAGES.items()
]


@pytest.mark.no_cover  # It would take three times as long, and shows no more than the other tests.
@pytest.mark.parametrize(("kind", "seed", "count"), BATCHES)
def test_no_history_breaks_a_promise(kind: str, seed: int, count: int) -> None:
    played = play_many(seed, count, kind=KINDS[kind])
    assert not played.violations, f"\n{played.violations[0]}"


@pytest.mark.parametrize(("kind", "name", "made"), SCENARIOS, ids=[name for _, name, _ in SCENARIOS])
def test_what_was_found_once(kind: str, name: str, made: Made) -> None:
    with ready():
        history = play(fixed=made, kind=KINDS[kind])
    assert not history.violation, f"\n{history}"
    assert history.made == made, (
        f"some of the choices were not made: the scenario is another one by now than {name}"
    )


def test_the_same_seed_gives_the_same_history() -> None:
    with ready():
        assert [str(play(seed)) for seed in range(20)] == [str(play(seed)) for seed in range(20)]


def test_what_never_happened_is_told() -> None:
    nothing = play_many(1, 3)
    assert "exempted: renamed or left by hand" in never(nothing)
