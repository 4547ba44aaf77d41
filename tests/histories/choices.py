"""What happens in a history: each choice has a name, and its first option is the harmless one."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int | float
Made = dict[str, Value]
"""The choices of a history that are not the harmless ones, by name. They are all that is needed to repeat it."""


class Choices:
    """
    Makes the choices of one history.

    A choice depends on the seed and on its own name alone. So one choice can be taken back and the others stay as they
    are, which is what makes a history shrink.

    :param seed: number to choose by; ``None`` chooses the harmless option of all that is not in ``fixed``.
    :param fixed: choices that are given.
    :param without: what never happens, as pairs of ``<what>`` and option.
    """

    def __init__(
        self,
        seed: int | None = None,
        fixed: Mapping[str, Value] | None = None,
        without: frozenset[tuple[str, Value]] = frozenset(),
    ) -> None:
        self._seed, self._without = seed, without
        self._fixed = dict(fixed or {})
        self.made: Made = {}
        self.seen: dict[str, set[Value]] = defaultdict(set)
        self.counts: Counter[tuple[str, Value]] = Counter()
        # Some histories are nearly quiet and some are full of failures: bugs hide in both.
        self._busy = (0.3, 1.0, 2.0)[int(self._number("busy") * 3)] if seed is not None else 0.0

    def pick(
        self, name: str, options: tuple[Value, ...], chance: float = 0.5, *, setting: bool = False
    ) -> Value:
        """
        Choose.

        :param name: ``<where>: <what>``, unique within the history; ``<what>`` is what the report counts by.
        :param options: what can happen, the harmless one first.
        :param chance: probability of any other than the first.
        :param setting: whether it belongs to the surroundings, which are as likely in a quiet history.
        """
        what = name.rpartition(": ")[2]
        if what not in self.seen:
            self.seen[what].update(options)
        if name in self._fixed:
            value = self._fixed[name]
        elif self._seed is None:
            return options[0]
        else:
            number = self._number(name)
            chance = chance if setting else min(0.9, chance * self._busy)
            happens = number < chance
            value = options[1 + int(number / chance * (len(options) - 1))] if happens else options[0]
            if (what, value) in self._without:
                value = options[0]
        self.counts[what, value] += 1
        if value != options[0]:
            self.made[name] = value
        return value

    def _number(self, name: str) -> float:
        digest = blake2b(f"{self._seed}/{name}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2**56
