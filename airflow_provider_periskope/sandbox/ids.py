"""Ids and moments as WhatsApp and Periskope write them."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime

ORG_ID = "5eb0c0de-0000-4000-8000-706572697363"
INVITE = "https://chat.whatsapp.com/invite"
FOR_EVER = float("inf")


def now() -> datetime:
    """Return the current time with its zone."""
    return datetime.now(UTC)


def letters(count: int, seed: str | None = None) -> str:
    """Make up the end of an id, always the same one for the same seed."""
    return "".join(random.Random(seed).choices(string.ascii_lowercase, k=count))  # noqa: S311 (no secret)


def digits(number: str) -> str:
    """Return the number of a person without `@c.us`."""
    return number.removesuffix("@c.us")


def contact_id(number: str) -> str:
    """Return the id of a person: `919876543210@c.us`; an id stays as it is."""
    return number if "@" in number else f"{number}@c.us"


def hidden_id(number: str) -> str:
    """Return the id of a person whose number WhatsApp hides, the same one each time."""
    return f"{random.Random(digits(number)).randrange(10**14, 10**15)}@lid"  # noqa: S311


def label_id(name: str) -> str:
    """Return the id of a label, the same one each time."""
    return f"label-{letters(16, name.casefold())}"


def invite_link() -> str:
    """Make up a new link."""
    return f"{INVITE}/{''.join(random.choices(string.ascii_letters, k=22))}"  # noqa: S311


def new_group_id() -> str:
    """Make up the id of a group."""
    return f"120363{random.randrange(10**12):012}@g.us"  # noqa: S311
