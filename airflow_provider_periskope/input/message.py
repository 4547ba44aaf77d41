"""A new message: its chat, and its text, file or poll."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.chat import check_chat_id
from airflow_provider_periskope.input.template import described, found_nothing, parsed
from airflow_provider_periskope.models import Media, MessageOptions, NewMessage, Poll
from airflow_provider_periskope.phone_numbers import is_plausible, masked

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

MAX_TEXT_LENGTH = 65_536
"""Characters of a text that WhatsApp's own app sends."""

USUAL_TEXT_LENGTH = 4_096
"""Characters of a text that other interfaces of WhatsApp accept; it is not known what Periskope does with more."""

_EMPTY_OR_LIST = re.compile(r"\bNone$|\bNone[^\w ]|\['[^']*', '")
"""What a template makes of a value that is not there, and of a list."""

MIN_POLL_OPTIONS, MAX_POLL_OPTIONS = 2, 12


def check_message(
    chat_id: object,
    message: object = None,
    *,
    media: object = None,
    poll: object = None,
    reply_to: object = None,
    hide_url_preview: object = None,
) -> tuple[NewMessage, list[str]]:
    """
    Check the input of a new message.

    :param chat_id: see :func:`~airflow_provider_periskope.input.chat.check_chat_id`.
    :param message: the text, or the caption of ``media``; or ``None``.
    :param media: mapping with the fields of :class:`~airflow_provider_periskope.models.Media`, or its text; or
        ``None``.
    :param poll: mapping with the fields of :class:`~airflow_provider_periskope.models.Poll`, or its text; or ``None``.
    :param reply_to: id of the message that this one replies to; or ``None``.
    :param hide_url_preview: ``True``, ``False`` or ``None``.
    :return: the message, and warnings about what looks unusual. No problem and no warning shows any of the text.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    warnings: list[str] = []
    chat = check_chat_id(chat_id, problems)
    if chat.endswith("@c.us") and not is_plausible(chat.removesuffix("@c.us")):
        warnings.append(
            f"Not a valid number in current numbering plans, sent anyway: {masked(chat)}. Check for a typo or a "
            "missing country code."
        )
    if message is None and media is None and poll is None:
        problems.append("message, media and poll are all None: expected a text, a file or a poll")
    if media is not None and poll is not None:
        problems.append("media and poll are both given: a message has one or the other")
    text = check_text("message", message, problems, warnings, may_be_empty=media is not None)
    checked_media = _check_media(media, problems) if media is not None else None
    checked_poll = _check_poll(poll, problems) if poll is not None else None
    replied_to = _check_reply_to(reply_to, problems)
    hidden = _check_switch("hide_url_preview", hide_url_preview, problems)
    if problems:
        raise PeriskopeInputError("The message was refused", problems)
    return NewMessage(
        chat_id=chat,
        message=text,
        media=checked_media,
        poll=checked_poll,
        reply_to=replied_to,
        options=None if hidden is None else MessageOptions(hide_url_preview=hidden),
    ), warnings


def check_text(
    argument: str, written: object, problems: list[str], warnings: list[str], *, may_be_empty: bool = False
) -> str | None:
    """
    Check the text of a message.

    :param argument: the argument that it was given as, for problems.
    :param written: the text, or ``None``.
    :param problems: gets every problem.
    :param warnings: gets what looks unusual.
    :param may_be_empty: whether an empty text means that there is none.
    :return: the text.
    """
    if written is None:
        return None
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)  # Where a DAG renders native objects, a text of digits arrives as a number.
    if not isinstance(written, str):
        problems.append(f"{argument} is {described(written)}: expected text")
        return None
    if may_be_empty and not written.strip():
        return None
    if found_nothing(written):
        problems.append(f"{argument} is {described(written)}: expected text; its template found no value")
        return None
    length = len(written)
    if length > MAX_TEXT_LENGTH:
        problems.append(
            f"{argument} has {length:,} characters; WhatsApp's limit is {MAX_TEXT_LENGTH:,}, and a text is never split"
        )
    elif length > USUAL_TEXT_LENGTH:
        warnings.append(
            f"The text has {length:,} characters. More than {USUAL_TEXT_LENGTH:,} may not arrive whole."
        )
    try:
        written.encode()
    except UnicodeEncodeError:
        problems.append(f"{argument} contains half of a surrogate pair, which is not a character")
    if "{{" in written or "}}" in written:
        warnings.append("The text contains double braces: a template may not have been rendered.")
    if _EMPTY_OR_LIST.search(written):
        warnings.append(
            "The text contains 'None' or a list: a template may have found no value, or those of all mapped instances."
        )
    return written


def _check_media(written: object, problems: list[str]) -> Media | None:
    media = _read_as(Media, "media", written, problems)
    if media is None:
        return None
    if (media.url is None) == (media.filedata is None):
        given = "neither" if media.url is None else "both"
        problems.append(f"media has {given} of url and filedata: expected exactly one")
    if media.filedata is not None and not _is_base64(media.filedata):
        problems.append("media.filedata is not valid base64")
    return media


def _is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text.encode("ascii"), strict_mode=True))
    except ValueError:
        return False


def _check_poll(written: object, problems: list[str]) -> Poll | None:
    poll = _read_as(Poll, "poll", written, problems)
    if poll is None:
        return None
    if found_nothing(poll.poll_name):
        problems.append(f"poll.pollName is {described(poll.poll_name)}: expected a question")
    options = [option.strip() for option in poll.poll_options]
    problems += [
        f"poll.pollOptions[{index}] is {described(option)}: expected text"
        for index, option in enumerate(options)
        if found_nothing(option)
    ]
    if not MIN_POLL_OPTIONS <= len(options) <= MAX_POLL_OPTIONS:
        count = "1 option" if len(options) == 1 else f"{len(options)} options"
        problems.append(f"poll.pollOptions has {count}; a poll has {MIN_POLL_OPTIONS} to {MAX_POLL_OPTIONS}")
    repeated = [str(index) for index, option in enumerate(options) if option in options[:index]]
    if repeated:
        problems.append(
            f"poll.pollOptions repeats an earlier option at {', '.join(repeated)}: each must differ"
        )
    return poll


def _check_reply_to(written: object, problems: list[str]) -> str | None:
    if written is None:
        return None
    if not isinstance(written, str) or found_nothing(written):
        problems.append(f"reply_to is {described(written)}: expected the id of a message, or None")
        return None
    return written.strip()


def _check_switch(name: str, written: object, problems: list[str]) -> bool | None:
    if written is None or isinstance(written, bool):
        return written
    from_template = {"true": True, "false": False}.get(written.lower()) if isinstance(written, str) else None
    if from_template is None:
        problems.append(f"{name} is {described(written)}: expected True, False or None")
    return from_template


def _read_as(model: type[Model], name: str, written: object, problems: list[str]) -> Model | None:
    given = parsed(written) if isinstance(written, str) else written
    if not isinstance(given, Mapping):
        no_value = "; its template found no value" if found_nothing(written) else ""
        problems.append(f"{name} is {described(written)}: expected a mapping{no_value}")
        return None
    try:
        return model.model_validate(dict(given))
    except ValidationError as invalid:
        problems.extend(_problem(name, error) for error in invalid.errors(include_url=False))
        return None


def _problem(name: str, error: ErrorDetails) -> str:
    place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "extra_forbidden":
        return f"{place} is not a valid field"
    if error["type"] == "value_error":
        return f"{place} {error['ctx']['error']}"
    if error["type"] == "literal_error":
        return f"{place} is not valid: expected {error['ctx']['expected']}"
    expected: dict[str, Any] = {"bool_type": "true or false", "list_type": "a list"}
    expected |= {"model_type": "a mapping", "model_attributes_type": "a mapping"}
    return f"{place} is {described(error['input'])}: expected {expected.get(error['type'], 'text')}"
