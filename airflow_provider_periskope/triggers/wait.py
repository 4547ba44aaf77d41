"""Waits in the triggerer until a moment. It sends nothing: several copies may run, and any may be lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.compat import BaseTrigger
from airflow_provider_periskope.triggers.events import UnloggedEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_SLEEP = 60.0
"""Seconds. A clock that is set meanwhile delays the end by no more than this."""


class PeriskopeWaitTrigger(BaseTrigger):
    """
    Sleep until a moment; the event holds what the task is to continue with.

    Airflow could keep that beside its own time trigger. But ``dag.test()`` loses it there, and a task that does not
    know what it has sent sends it again.

    :param until: the moment.
    :param carried: what the task is resumed with, in a form that Airflow can store.
    """

    def __init__(self, until: datetime, carried: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.carried = carried

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class and arguments, from which any triggerer can make this trigger again."""
        arguments = {"until": self.until, "carried": self.carried}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[UnloggedEvent]:
        """Sleep, and report."""
        while (left := (self.until - datetime.now(UTC)).total_seconds()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP))
        yield UnloggedEvent(payload=self.carried)
