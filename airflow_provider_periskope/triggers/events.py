"""What the triggers report to their tasks."""

from __future__ import annotations

from airflow_provider_periskope.compat import TriggerEvent


class UnloggedEvent(TriggerEvent):
    """An event whose payload is not shown: a triggerer logs each event, and ours hold numbers and links."""

    def __repr__(self) -> str:
        return "TriggerEvent<not shown>"

    __str__ = __repr__
