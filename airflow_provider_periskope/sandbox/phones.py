"""A phone of the organisation, and the two ways in which it can be unable to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.ids import ORG_ID, contact_id, letters, now

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class Phone:
    """
    A phone of the organisation.

    :param digits: its number.
    :param name: what the organisation calls it.
    :param is_off: its instance is switched off: calls are refused with 401 until it is restarted.
    :param is_connected: whether it is connected to WhatsApp. While it is not, messages are accepted and stay in
        the queue.
    :param queue_is_stuck: messages stay in the queue although the phone is ready.
    """

    digits: str
    name: str = "Sandbox"
    is_off: bool = False
    is_connected: bool = True
    queue_is_stuck: bool = False
    created_at: datetime = field(default_factory=now)

    @property
    def phone_id(self) -> str:
        """Its other name, the same at every start."""
        return f"phone-{letters(16, self.digits)}"

    @property
    def contact_id(self) -> str:
        """Its id as a member of groups."""
        return contact_id(self.digits)

    @property
    def is_ready(self) -> bool:
        """Whether it can work for WhatsApp."""
        return self.is_connected and not self.is_off

    @property
    def sends(self) -> bool:
        """Whether messages leave its queue."""
        return self.is_ready and not self.queue_is_stuck

    def row(self) -> dict[str, Any]:
        """Show the phone as the API does."""
        row: dict[str, Any] = {"org_id": ORG_ID, "org_phone": self.contact_id, "phone_id": self.phone_id}
        row |= dict.fromkeys(("created_at", "first_connected_at", "updated_at"), self.created_at.isoformat())
        row |= {"phone_name": self.name, "phone_image": None, "qr_code": None, "labels": [], "label_ids": {}}
        return row | {
            "is_ready": self.is_ready,
            "wa_state": "CONNECTED" if self.is_ready else "DISCONNECTED",
        }
