"""The rate limit: so many calls in so many seconds."""

from __future__ import annotations

import math
import time


class RateLimit:
    """So many calls in so many seconds, counted for the whole key in windows that begin with a call."""

    def __init__(self, calls: int, period: float) -> None:
        if calls < 1 or not 0 < period < math.inf:
            raise ValueError("A rate limit has at least one call and some time")
        self.calls, self.period = calls, period
        self._ends_at, self._left = 0.0, 0

    def __str__(self) -> str:
        return f"{self.calls}/{self.period:g}s"

    def take(self) -> bool:
        """Count a call, and tell whether it may go on."""
        if time.time() >= self._ends_at:
            self._ends_at, self._left = time.time() + self.period, self.calls
        self._left -= 1
        return self._left >= 0

    def headers(self) -> dict[str, str]:
        """Say about it what the API says in each answer."""
        now = {"Limit": self.calls, "Remaining": max(0, self._left), "Reset": math.ceil(self._ends_at)}
        return {f"X-RateLimit-{name}": str(number) for name, number in now.items()}


def rate_limit(value: RateLimit | str | tuple[int, float] | None) -> RateLimit | None:
    """
    Read `10/1s`, a pair, or None and `off` for no limit.

    :raises ValueError: when it is none of these.
    """
    if value is None or isinstance(value, RateLimit):
        return value
    if value == "off":
        return None
    calls, period = value.removesuffix("s").split("/") if isinstance(value, str) else value
    return RateLimit(int(calls), float(period))
