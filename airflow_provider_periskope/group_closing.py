"""Closing a group: each step first compares with the chat, so a repeated task does only what is missing. Internal."""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeNotFoundError,
    PeriskopeParticipantsError,
)
from airflow_provider_periskope.group_changes import change_labels, change_settings, promote_members
from airflow_provider_periskope.models import GroupOptions, Outcome
from airflow_provider_periskope.once.record import Record, State
from airflow_provider_periskope.once.rule import make_once
from airflow_provider_periskope.phone_numbers import digits_of, mask_creator, mask_numbers, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import Chat, GroupClosing, ParticipantResult
    from airflow_provider_periskope.once.doubt import Attempt, Window

log = logging.getLogger(__name__)

BATCH = 20
"""People who are removed with one request."""

CHECKS, PAUSE = 6, 5.0
"""How often, and how many seconds apart, it is checked whether people who were removed are gone."""


class OneInviteLink:
    """
    A new invite link for :func:`~airflow_provider_periskope.once.rule.make_once`.

    The record is tied to the link that is replaced: once the chat shows another one, the link was reset.

    :param hook: hook of the phone.
    :param chat: the group, as it was just read.
    """

    looks_first = False
    settling = timedelta(seconds=10)
    """How long the chat may take to show the new link. To reset it twice does no harm: nobody knows the first one."""

    def __init__(self, hook: PeriskopeHook, chat: Chat) -> None:
        self._hook = hook
        self._chat_id = chat.chat_id
        self._link_before = chat.invite_link
        self.kind = f"invite_link_{_digest(chat.chat_id)[:8]}"
        self.identity = _digest(hook.phone, chat.chat_id, chat.invite_link or "")

    def __str__(self) -> str:
        return f"new invite link of group {mask_creator(self._chat_id)}"

    def send(self, before_sending: Callable[..., None]) -> dict[str, Any]:
        """Send the request; see :meth:`.rule.Once.send`."""
        self._hook.reset_invite_link(self._chat_id, before_sending=lambda: before_sending(self._about))
        return self._about

    def look(self, window: Window | None, *, last: bool) -> dict[str, Any] | None:
        """Look whether the chat shows another link; see :meth:`.rule.Once.look`."""
        del window, last
        link = self._hook.get_chat(self._chat_id).invite_link
        return self._about if self._link_before and link and link != self._link_before else None

    @property
    def _about(self) -> dict[str, Any]:
        return {"replaces_a_known_link": bool(self._link_before)}


def reset_invite_link(hook: PeriskopeHook, chat: Chat, attempt: Attempt) -> bool:
    """
    Replace the invite link of a group, once.

    :return: whether this try has replaced it.
    """
    link = OneInviteLink(hook, chat)
    latest = attempt.memory.latest(link.kind)
    was_sent = latest is not None and latest.state is not State.UNSENT
    about = (latest.result or latest.about or {}) if latest else {}
    if latest and was_sent and latest.identity != link.identity and about.get("replaces_a_known_link"):
        log.info("The invite link of group %s was reset before.", mask_creator(chat.chat_id))
        return False
    make_once(link, attempt)
    return True


def close_group(
    hook: PeriskopeHook, closing: GroupClosing, attempt: Attempt, *, say_farewell: Callable[[], None]
) -> dict[str, Any]:
    """
    Close a group.

    :param hook: hook of the phone.
    :param closing: how, checked.
    :param attempt: what is known of this try and of earlier ones.
    :param say_farewell: sends the farewell, once.
    :return: ``done``, the names of the steps that this try has carried out; ``has_left``, whether the phone has left.
    :raises PeriskopeParticipantsError: if somebody cannot be removed, or nobody can take over.
    """
    leaving = f"leave_{_digest(hook.phone, closing.chat_id)[:8]}"
    try:
        chat = hook.get_chat(closing.chat_id)
        has_left = bool(chat.is_exited)
    except PeriskopeNotFoundError:
        # It is not documented whether a group that was left can still be read.
        if attempt.memory.latest(leaving) is None:
            raise
        has_left = True
    if has_left:
        log.info("The phone has left group %s before. Nothing is sent.", mask_creator(closing.chat_id))
        return {"done": [], "has_left": True}
    refuse_in_advance(hook, chat, closing)
    done: list[str] = []
    say_farewell()
    if closing.only_admins_write:
        done += change_settings(hook, chat, None, GroupOptions.model_validate({"messagesAdminsOnly": True}))
    if closing.reset_invite_link and reset_invite_link(hook, chat, attempt):
        done.append("invite_link")
    done += change_labels(hook, chat, add=closing.labels)
    if closing.dissolve or closing.hand_over_to:
        done += prepare_to_leave(hook, chat, dissolve=closing.dissolve, hand_over_to=closing.hand_over_to)
        attempt.memory.keep(leaving, Record(leaving).sent(attempt.number, datetime.now(UTC)))
        leave_group(hook, chat.chat_id)
        done.append("left")
    log.info("Group %s, done: %s.", mask_creator(chat.chat_id), ", ".join(done) or "nothing")
    return {"done": done, "has_left": bool(closing.dissolve or closing.hand_over_to)}


def refuse_in_advance(hook: PeriskopeHook, chat: Chat, closing: GroupClosing) -> None:
    """
    Refuse what cannot be done to its end, before anybody reads a farewell.

    :raises PeriskopeConflictError: if the phone is not an admin, or who takes over is not in the group.
    """
    members = {digits_of(person): member for person, member in (chat.members or {}).items()}
    # A connection by the phone's id does not tell its number.
    own = members.get(hook.own_digits) if hook.own_digits else None
    needs_admin = (
        closing.only_admins_write or closing.reset_invite_link or closing.dissolve or closing.hand_over_to
    )
    if needs_admin and own and own.is_admin is False and not own.is_super_admin:
        raise PeriskopeConflictError(
            "The phone is not an admin of the group, so it cannot close it.",
            what_to_do="Let an admin make it one, then clear this task. Without only_admins_write, reset_invite_link, "
            "dissolve and hand_over_to, no admin is needed.",
            details=[f"Group {mask_creator(chat.chat_id)}, phone {masked(hook.phone)}. Nothing was sent."],
        )
    if members and closing.hand_over_to and closing.hand_over_to not in members:
        raise _cannot_take_over(closing.hand_over_to, chat.chat_id, "Nothing was sent.")


def _cannot_take_over(person: str, chat_id: str, so_far: str) -> PeriskopeConflictError:
    return PeriskopeConflictError(
        f"{masked(person)} is not known to be in the group and cannot take it over.",
        what_to_do="Add that person, or choose another one for hand_over_to, then clear this task.",
        details=[f"Group {mask_creator(chat_id)}. {so_far}"],
    )


def prepare_to_leave(
    hook: PeriskopeHook, chat: Chat, *, dissolve: bool, hand_over_to: str | None
) -> list[str]:
    """
    Make somebody the admin of a group, and remove everybody else.

    :return: the names of the steps that were carried out.
    :raises PeriskopeParticipantsError: if somebody cannot be removed, or nobody can take over. Then the phone stays.
    """
    done: list[str] = []
    if hand_over_to:
        promoted, _ = promote_members(hook, chat, [hand_over_to])
        if hand_over_to not in hook.get_membership(chat.chat_id).numbers:  # The phone itself is not in it.
            raise _cannot_take_over(hand_over_to, chat.chat_id, "The phone has not left it.")
        done += ["admins"] if promoted else []
    if dissolve and remove_everybody(hook, chat, but=hand_over_to):
        done.append("participants")
    return done


def leave_group(hook: PeriskopeHook, chat_id: str) -> None:
    """Leave a group."""
    try:
        hook.leave_group(chat_id)
    except PeriskopeNotFoundError:
        # The response to an earlier request was lost: a group that was left is not found, or shown as left.
        if not _has_left(hook, chat_id):
            raise


def _has_left(hook: PeriskopeHook, chat_id: str) -> bool:
    try:
        return bool(hook.get_chat(chat_id).is_exited)
    except PeriskopeNotFoundError:
        return True


def remove_everybody(hook: PeriskopeHook, chat: Chat, *, but: str | None) -> int:
    """
    Remove everybody from a group, in batches, and verify that they are gone.

    :param hook: hook of the phone.
    :param chat: the group.
    :param but: digits of the one person who stays; ``None`` for nobody.
    :return: how many people were removed.
    :raises PeriskopeParticipantsError: if somebody is still in the group.
    """
    chat_id = chat.chat_id
    removed: set[str] = set()
    refused: dict[str, ParticipantResult] = {}
    checks = 0
    while True:
        membership = hook.get_membership(chat_id)
        if not hook.knows_own_number:
            raise PeriskopeConflictError(
                "It is unknown which member of the group is the phone itself.",
                what_to_do="Use the phone's number instead of its phone-… id in the connection, then clear this task.",
                details=[f"Group {mask_creator(chat_id)}. Nobody was removed."],
            )
        others = sorted(membership.numbers - {but})
        batch = [number for number in others if number not in removed and number not in refused][:BATCH]
        if batch:
            # Whether an admin can be removed without that is not documented.
            if admins := [number for number in batch if number in _admins(chat)]:
                hook.demote(chat_id, admins)
            for number, result in hook.remove_participants(chat_id, batch).items():
                # Who is not in it any more was removed by a request whose response was lost.
                if result.of_removing in (Outcome.REMOVED, Outcome.NOT_IN):
                    removed.add(number)
                else:
                    refused[number] = result
            continue
        still_in = [number for number in others if number in removed]
        if still_in and checks < CHECKS:
            checks += 1
            time.sleep(PAUSE)
            continue
        if others or membership.hidden:
            raise _in_the_way(chat_id, refused, still_in, membership.hidden, len(removed))
        return len(removed)


def _admins(chat: Chat) -> set[str]:
    """Return the numbers of those who can be demoted."""
    members = (chat.members or {}).items()
    return {digits_of(person) for person, member in members if member.is_admin and not member.is_super_admin}


def _in_the_way(
    chat_id: str, refused: Mapping[str, ParticipantResult], still_in: list[str], hidden: int, removed: int
) -> PeriskopeParticipantsError:
    reasons = [
        f"{masked(number)}: {mask_numbers(result.message or 'refused without a reason')}"
        for number, result in refused.items()
    ]
    reasons += [f"{masked(number)}: removed, but still shown as a member" for number in still_in]
    count = len(refused) + len(still_in) + hidden
    if hidden:
        reasons.append(f"{hidden:,} members are shown without their number, so the API cannot remove them")
    return PeriskopeParticipantsError(
        f"{count:,} {'person' if count == 1 else 'people'} could not be removed; the phone stays.",
        outcomes={**dict.fromkeys(refused, "refused"), **dict.fromkeys(still_in, "unknown")},
        what_to_do="Make the phone an admin of the group, demote admins, or remove these people on the phone (the "
        "creator of a group cannot be removed). Then clear this task.",
        details=[
            f"Group {mask_creator(chat_id)}; {removed:,} people were removed by this try.",
            *reasons[:20],
        ],
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
