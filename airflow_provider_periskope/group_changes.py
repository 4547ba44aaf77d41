"""
Bringing a group to a given state: compare it with the state, and send only the differences. Internal.

Each call sets a state, so it can be repeated: after a lost response, and by a repeated task.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.exceptions import PeriskopeNoResponseError, PeriskopeParticipantsError
from airflow_provider_periskope.once.group import same_name
from airflow_provider_periskope.phone_numbers import digits_of, mask_creator, mask_numbers, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import Chat, GroupChanges, GroupOptions

log = logging.getLogger(__name__)

_FIELDS = {
    "add_members_admins_only": "add_members_admins_only",
    "description": "group_description",
    "image": "chat_image",
    "info_admins_only": "info_admins_only",
    "messages_admins_only": "messages_admins_only",
}
"""The field of a chat that shows each option."""


def change_group(hook: PeriskopeHook, changes: GroupChanges) -> dict[str, Any]:
    """
    Bring a group to a state.

    :param hook: hook of the phone.
    :param changes: the state, as far as it matters.
    :return: ``changed``, the names of what was changed; ``promoted``, numbers of those who became admins; and
        ``not_members``, numbers of those who did not, because they are not known to be in the group.
    :raises PeriskopeParticipantsError: if somebody was not promoted, after everything else was changed.
    """
    chat = hook.get_chat(changes.chat_id)
    changed = change_settings(hook, chat, changes.group_name, changes.options)
    changed += change_labels(hook, chat, add=changes.add_labels, remove=changes.remove_labels)
    changed += _change_assignment(hook, chat, changes)
    promoted, not_members = promote_members(hook, chat, changes.admins)
    changed += ["admins"] if promoted else []
    log.info("Group %s, changed: %s.", mask_creator(chat.chat_id), ", ".join(changed) or "nothing")
    return {"changed": changed, "promoted": promoted, "not_members": not_members}


def change_settings(
    hook: PeriskopeHook, chat: Chat, group_name: str | None, options: GroupOptions | None
) -> list[str]:
    """
    Change the name and the options of a group that differ.

    :return: the names of what was changed, as a DAG author writes them.
    """
    given = options.model_dump(exclude_unset=True) if options else {}
    different = {name: value for name, value in given.items() if getattr(chat, _FIELDS[name]) != value}
    new_name = group_name if group_name and same_name(group_name) != same_name(chat.chat_name) else None
    if not different and new_name is None:
        return []
    hook.update_group(chat.chat_id, new_name, different)
    return [*(["group_name"] if new_name else []), *different]


def change_labels(
    hook: PeriskopeHook, chat: Chat, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> list[str]:
    """
    Add labels to a chat and remove labels from it. All others stay, although the API replaces all of them at once.

    :return: ``["labels"]`` if any was added or removed.
    """
    add, remove = list(add), list(remove)
    if not add and not remove:
        return []
    if chat.labels is None:
        raise _unreadable("labels", chat)
    unwanted = {label.casefold() for label in remove}
    labels = {label.casefold(): label for label in chat.labels or () if label.casefold() not in unwanted}
    for label in add:
        labels.setdefault(label.casefold(), label)
    if set(labels) == {label.casefold() for label in chat.labels or ()}:
        return []
    hook.set_labels([chat.chat_id], list(labels.values()))
    return ["labels"]


def _change_assignment(hook: PeriskopeHook, chat: Chat, changes: GroupChanges) -> list[str]:
    different: dict[str, Any] = {}
    if changes.assigned_to is not None and changes.assigned_to != chat.assigned_to:
        different["assigned_to"] = changes.assigned_to
    if changes.custom_properties and chat.custom_properties is None:
        raise _unreadable("custom properties", chat)
    current: Mapping[str, Any] = chat.custom_properties or {}
    if changes.custom_properties and not changes.custom_properties.items() <= current.items():
        different["custom_properties"] = {**current, **changes.custom_properties}
    if different:
        hook.update_chat(chat.chat_id, **different)
    return list(different)


def _unreadable(what: str, chat: Chat) -> PeriskopeNoResponseError:
    # The API replaces all of them, so those of others would be lost.
    return PeriskopeNoResponseError(
        f"The {what} of the chat cannot be read.",
        what_to_do="Try again. If it persists, contact Periskope.",
        details=[f"Group {mask_creator(chat.chat_id)}. Its {what} were not changed."],
    )


def promote_members(hook: PeriskopeHook, chat: Chat, numbers: Iterable[str]) -> tuple[list[str], list[str]]:
    """
    Make members of a group its admins.

    :return: numbers of those who became admins, and of those who are not known to be in the group.
    :raises PeriskopeParticipantsError: if somebody was not promoted.
    """
    members = {digits_of(person): member for person, member in (chat.members or {}).items()}
    not_members = [number for number in numbers if number not in members]
    candidates = [
        number
        for number in numbers
        if number in members and not (members[number].is_admin or members[number].is_super_admin)
    ]
    for number in not_members:
        log.warning("%s is not known to be in group %s.", masked(number), mask_creator(chat.chat_id))
    if not candidates:
        return [], not_members
    results = hook.promote(chat.chat_id, candidates)
    refused = [number for number in candidates if not results[number].is_success]
    if refused:
        raise PeriskopeParticipantsError(
            f"{len(refused):,} of {len(candidates):,} people were not made admins.",
            outcomes=dict.fromkeys(refused, "refused"),
            what_to_do="Check that the phone is an admin of the group, then clear this task.",
            details=[
                f"{masked(number)}: {mask_numbers(results[number].message or 'no reason given')}"
                for number in refused[:20]
            ],
        )
    return candidates, not_members
