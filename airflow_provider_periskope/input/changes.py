"""Changes of a group, and how it is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.chat import check_chat_id
from airflow_provider_periskope.input.group import check_name, check_options
from airflow_provider_periskope.input.message import check_text
from airflow_provider_periskope.input.people import check_people
from airflow_provider_periskope.input.template import described, found_nothing, parsed
from airflow_provider_periskope.models import GroupChanges, GroupClosing


def check_changes(
    chat_id: object,
    *,
    group_name: object = None,
    options: object = None,
    admins: object = None,
    add_labels: object = None,
    remove_labels: object = None,
    assigned_to: object = None,
    custom_properties: object = None,
    own_digits: str | None = None,
) -> tuple[GroupChanges, list[str]]:
    """
    Check the state that a group is to be brought to.

    :param chat_id: id of the group.
    :param group_name: its name; ``None`` leaves it as it is, like every further parameter.
    :param options: mapping of options, or its text.
    :param admins: people who are to be admins, in any form of a list.
    :param add_labels: labels to add, as a list or a text with commas.
    :param remove_labels: labels to remove, likewise.
    :param assigned_to: e-mail address of the person in Periskope that the chat is assigned to.
    :param custom_properties: mapping of custom properties of the chat, or its text.
    :param own_digits: number of the phone that acts, where it is known.
    :return: the changes, and warnings about what looks unusual.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    warnings: list[str] = []
    checked_id = check_chat_id(chat_id, problems, groups_only=True)
    name = check_name(group_name, problems, warnings) if group_name is not None else None
    checked_options = check_options(options, problems)
    if checked_options and checked_options.force_add_participants is not None:
        problems.append("options.force_add_participants has no meaning for a group that exists")
    promoted: list[str] = []
    if admins is not None:
        people = check_people(admins, problems, own_digits=own_digits, argument="admins")
        warnings += people.warnings()
        promoted = [number for number in people.numbers if number != own_digits]
    added = _check_labels("add_labels", add_labels, problems)
    removed = _check_labels("remove_labels", remove_labels, problems)
    if both := {label.casefold() for label in added} & {label.casefold() for label in removed}:
        problems.append(f"add_labels and remove_labels both contain {', '.join(sorted(both))}")
    if assigned_to is not None and (not isinstance(assigned_to, str) or found_nothing(assigned_to)):
        problems.append(f"assigned_to is {described(assigned_to)}: expected an e-mail address")
    properties = _check_properties(custom_properties, problems)
    given = (group_name, options, admins, add_labels, remove_labels, assigned_to, custom_properties)
    if all(value is None for value in given):
        problems.append("nothing to change is given")
    if problems:
        raise PeriskopeInputError("The group was not changed", problems)
    return GroupChanges(
        chat_id=checked_id,
        group_name=name,
        options=checked_options,
        admins=promoted,
        add_labels=added,
        remove_labels=removed,
        assigned_to=str(assigned_to).strip() if assigned_to is not None else None,
        custom_properties=properties,
    ), warnings


def check_closing(
    chat_id: object,
    *,
    farewell: object = None,
    labels: object = None,
    hand_over_to: object = None,
    reset_invite_link: bool = True,
    only_admins_write: bool = True,
    dissolve: bool = False,
    own_digits: str | None = None,
) -> tuple[GroupClosing, list[str]]:
    """
    Check how a group is to be closed; parameters as those of the operator.

    :return: how, and warnings about what looks unusual.
    :raises PeriskopeInputError: with every problem there is.
    """
    problems: list[str] = []
    warnings: list[str] = []
    checked_id = check_chat_id(chat_id, problems, groups_only=True)
    text = check_text("farewell", farewell, problems, warnings)
    checked_labels = _check_labels("labels", labels, problems)
    successor: str | None = None
    if hand_over_to is not None:
        people = check_people(hand_over_to, problems, own_digits=own_digits, argument="hand_over_to")
        if len(people.numbers) > 1:
            problems.append(f"hand_over_to has {len(people.numbers)} people: expected one")
        elif people.numbers == [own_digits]:
            problems.append("hand_over_to is the phone that leaves the group")
        successor = next(iter(people.numbers), None)
    if problems:
        raise PeriskopeInputError("The group was not closed", problems)
    return GroupClosing(
        chat_id=checked_id,
        farewell=text,
        labels=checked_labels,
        hand_over_to=successor,
        reset_invite_link=reset_invite_link,
        only_admins_write=only_admins_write,
        dissolve=dissolve,
    ), warnings


def _check_labels(name: str, written: object, problems: list[str]) -> list[str]:
    if written is None:
        return []
    given: Any = written
    if isinstance(written, str):
        literal = parsed(written)
        given = literal if isinstance(literal, (list, tuple, set)) else written.split(",")
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        problems.append(f"{name} is {described(written)}: expected a list of labels")
        return []
    labels: dict[str, str] = {}
    for index, label in enumerate(given):
        if not isinstance(label, str) or found_nothing(label):
            problems.append(f"{name}[{index}] is {described(label)}: expected the name of a label")
        elif "," in label:
            problems.append(f"{name}[{index}] contains a comma, which separates labels")
        else:
            labels.setdefault(label.strip().casefold(), label.strip())
    return list(labels.values())


def _check_properties(written: object, problems: list[str]) -> dict[str, Any]:
    if written is None:
        return {}
    given = parsed(written) if isinstance(written, str) else written
    if not isinstance(given, Mapping):
        problems.append(f"custom_properties is {described(written)}: expected a mapping of names to values")
        return {}
    for name, value in given.items():
        if value is None or value == "None":
            problems.append(f"custom_properties.{name} is None, so a template found no value")
    return {str(name): value for name, value in given.items()}
