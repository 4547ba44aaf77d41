"""Phone numbers as WhatsApp uses them: bare digits with the country code. And how to show one without revealing it."""

from __future__ import annotations

import re
from functools import cache

MIN_DIGITS = 7
MAX_DIGITS = 15
"""Length of an international number by ITU-T E.164; none in use is shorter than seven digits."""

_PERSON_SUFFIX = "@c.us"
# What people and address books put between the digits, invisible direction marks of copied contacts included.
_BETWEEN_DIGITS = re.compile(
    r"[\s.\-‐‑‒–—−()/\u00a0\u200b\u200e\u200f\u202a-\u202f\u2060\u2066-\u2069\ufeff]+"
)
_LONG_DIGITS = re.compile(rf"\d(?:[\s.\-()]{{0,2}}\d){{{MIN_DIGITS - 1},}}")
_PHONE_ID = re.compile(r"phone-[A-Za-z0-9]+")


def to_digits(written: object) -> str:
    """
    Return a number as bare digits, removing only what separates digits.

    Nothing is rewritten: WhatsApp's ids keep national forms that telephone networks no longer use.

    :param written: number as somebody wrote it: ``"+91 98745 32456"``, ``"919874532456@c.us"``, ``919874532456``.
    :return: 7 to 15 digits.
    :raises ValueError: for anything else; its text says what is wrong and never shows a whole number.
    """
    if isinstance(written, bool) or not isinstance(written, (int, str)):
        raise ValueError(f"is {_kind(written)}; write the number as text, such as '919876543210'")
    bare = _BETWEEN_DIGITS.sub("", str(written).strip().removesuffix(_PERSON_SUFFIX)).removeprefix("+")
    if not bare or bare == "None":
        raise ValueError("is empty" if not bare else "is the text 'None': a template found no value")
    if not (bare.isascii() and bare.isdigit()):
        raise ValueError(
            "is not a phone number: expected only digits, with + - . ( ) / or spaces between them"
            if any(character.isdigit() for character in bare)
            else "has no digits"
        )
    if not MIN_DIGITS <= len(bare) <= MAX_DIGITS:
        raise ValueError(
            f"has {len(bare)} digits; a number with its country code has {MIN_DIGITS} to {MAX_DIGITS}"
        )
    if not _has_country_code(bare):
        zeros = "; write it without the leading zeros" if bare.startswith("0") else ""
        raise ValueError(f"does not start with a country code{zeros}")
    return bare


def is_plausible(digits: str) -> bool:
    """Return whether the numbering plan of its country knows such a number (old national forms are not in it)."""
    import phonenumbers

    return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))


def with_country_code_of(own_digits: str | None, digits: str) -> str | None:
    """
    Return the number that was probably meant where its country code is missing.

    :param own_digits: number of the phone that acts, in whose country people often leave the code out.
    :param digits: a number that no numbering plan knows.
    :return: the number after the phone's own country code, if that is a valid one; otherwise ``None``.
    """
    import phonenumbers

    if own_digits is None:
        return None
    complete = f"{phonenumbers.parse(f'+{own_digits}').country_code}{digits}"
    return complete if len(complete) <= MAX_DIGITS and is_plausible(complete) else None


def digits_of(contact_id: str | None) -> str:
    """Return the number in the id of a person; empty for an id that has none (``…@lid``)."""
    number, _, kind = (contact_id or "").partition("@")
    return "" if kind == "lid" else number


def is_phone_id(text: str) -> bool:
    """Return whether the text is Periskope's own id of a phone (``phone-`` and letters)."""
    return _PHONE_ID.fullmatch(text) is not None


def masked(written: object) -> str:
    """Return a number as logs may show it (``9195•••••844``); text with too few digits for one stays readable."""
    text = str(written)
    digits = "".join(character for character in text if character.isdigit())
    if len(digits) < MIN_DIGITS:
        return text if len(text) <= 24 else f"{text[:24]}…"
    head, tail = (4, 3) if len(digits) >= 10 else (2, 1)
    return f"{digits[:head]}{'•' * (len(digits) - head - tail)}{digits[-tail:]}"


def mask_numbers(text: str) -> str:
    """Return the text with everything in it that could be a phone number masked."""
    return _LONG_DIGITS.sub(lambda number: masked(number[0]), text)


def mask_creator(chat_id: str) -> str:
    """Return a group's id as logs may show it: the id of an old group starts with its creator's number."""
    creator, dash, rest = chat_id.partition("-")
    return f"{masked(creator)}-{rest}" if dash else chat_id


def mask_chat(chat_id: str) -> str:
    """Return a chat's id as logs may show it: that of a group stays readable, a person's is their number."""
    return mask_creator(chat_id) if chat_id.endswith("@g.us") else masked(chat_id)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _has_country_code(digits: str) -> bool:
    known = _country_codes()
    return any(int(digits[:length]) in known for length in (1, 2, 3) if digits[0] != "0")


@cache
def _country_codes() -> frozenset[int]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(COUNTRY_CODE_TO_REGION_CODE)
