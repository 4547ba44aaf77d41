"""The id of a chat."""

from __future__ import annotations

import re

from airflow_provider_periskope.input.template import described, found_nothing, likely_mistake
from airflow_provider_periskope.phone_numbers import masked, to_digits

_GROUP = re.compile(r"[0-9]{7,}(-[0-9]+)?@g\.us")
_PERSON_WITHOUT_NUMBER = re.compile(r"[0-9]{7,}@lid")


def check_chat_id(written: object, problems: list[str], *, groups_only: bool = False) -> str:
    """
    Check the id of a chat.

    :param written: id of a group (``…@g.us``) or of a person (``…@c.us``, ``…@lid``), or a person's number in any
        spelling.
    :param problems: gets every problem.
    :param groups_only: whether the chat has to be a group.
    :return: the id.
    """
    expected = "the id of a group, such as '120363392071406466@g.us'"
    if not groups_only:
        expected += ", or a person's number with country code"
    if not isinstance(written, (str, int)) or isinstance(written, bool) or found_nothing(written):
        no_value = "; its template found no value" if found_nothing(written) else ""
        hint = no_value or likely_mistake("chat_id", written)
        problems.append(f"chat_id is {described(written)}: expected {expected}{hint}")
        return ""
    text = str(written).strip()
    if _GROUP.fullmatch(text):
        return text
    if text.endswith("@g.us") or groups_only:
        problems.append(f"chat_id ({masked(text)}) is not the id of a group: expected {expected}")
        return ""
    if _PERSON_WITHOUT_NUMBER.fullmatch(text):
        return text
    try:
        return f"{to_digits(text)}@c.us"
    except ValueError as problem:
        problems.append(f"chat_id ({masked(text)}) {problem}; expected {expected}")
        return ""
