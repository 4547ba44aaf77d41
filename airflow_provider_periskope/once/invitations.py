"""
People who are added to a group once: who cannot be added is sent a private invitation, and nobody a second one.

The members of a group show who was added, but nothing shows who was invited. So the record holds whom a request was
for. When its response is lost, those who are not members afterwards stay ``unknown``, and this task never sends to them
again. Without the record of an earlier try (before Airflow 3.3), that holds for everybody who is not a member.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.models import Outcome
from airflow_provider_periskope.once import rule
from airflow_provider_periskope.once.record import Record, State
from airflow_provider_periskope.phone_numbers import mask_creator, mask_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import GroupPeople, ParticipantResult
    from airflow_provider_periskope.once.doubt import Attempt, Window

log = logging.getLogger(__name__)

SENT_TO = frozenset({Outcome.ADDED, Outcome.INVITED, Outcome.UNKNOWN})
"""Outcomes after which something has reached the person, or may have. After any other one, a later try sends again."""


def add_people(
    hook: PeriskopeHook, people: GroupPeople, attempt: Attempt, *, records_are_kept: bool
) -> Invitations:
    """
    Add people to a group, and send only to those to whom no earlier try can have sent.

    :param hook: hook of the phone.
    :param people: the people and the group, checked.
    :param attempt: what is known of this try and of earlier ones.
    :param records_are_kept: whether a task that has no record for this group has never sent anything to it.
    :return: the invitations, with the outcome of each person.
    :raises PeriskopeError: ``in_doubt`` if it could not be read who is in the group after a response was lost.
    """
    identity = _digest(hook.phone, people.chat_id)
    kind = f"invitations_{identity[:16]}"
    earlier = attempt.memory.of(kind, identity)
    if earlier.state is State.DONE:
        earlier = earlier.reopened(attempt.number)
        attempt.memory.keep(kind, earlier)
    elif earlier.state is State.NONE and records_are_kept:
        attempt.memory.keep(kind, earlier.unsent(attempt.number))
    elif (
        earlier.state is State.UNSENT
        and attempt.memory.outlives_tries
        and earlier.on_try >= attempt.task_try.first_number
    ):
        # It was written since the last clear, so no other mapped instance has had this group in between. What a
        # deferral carried is not trusted: the try that it resumed may have sent since.
        attempt.memory.keep(kind, earlier.unsent(attempt.number))
    invitations = Invitations(hook, people, kind, earlier)
    rule.make_once(invitations, attempt)
    return invitations


class Invitations:
    """
    People for :func:`~airflow_provider_periskope.once.rule.make_once`.

    :param hook: hook of the phone.
    :param people: the people and the group, checked.
    :param kind: name of the record; each group has a record of its own.
    :param earlier: the record as this try finds it.
    :ivar outcomes: the outcome of each person, by number, as far as it is known.
    :ivar was_sent: whether this start of the task has sent a request.
    """

    looks_first = True

    def __init__(self, hook: PeriskopeHook, people: GroupPeople, kind: str, earlier: Record) -> None:
        self._hook = hook
        self._people = people
        self.kind = kind
        self.identity = earlier.identity
        self._sent_to = {
            person: Outcome(outcome)
            for person, outcome in (earlier.about or {}).items()
            if Outcome(outcome) in SENT_TO
        }
        self._knows_whom = earlier.sent_at is not None
        self.outcomes: dict[str, Outcome] = {}
        self.was_sent = False

    def __str__(self) -> str:
        count = len(self._people.participants)
        return (
            f"{count:,} {'people' if count > 1 else 'person'} in group {mask_creator(self._people.chat_id)}"
        )

    @property
    def settling(self) -> timedelta:
        """How long after a request has ended the members may still change by it."""
        return self._hook.settling_time or rule.SETTLING

    def send(self, before_sending: Callable[..., None]) -> Mapping[str, Any]:
        """Send to those who are missing; see :meth:`.rule.Once.send`."""
        missing = [number for number in self._people.participants if number not in self.outcomes]
        self.was_sent = True

        def keep_whom() -> None:
            # Until the response says more, a request may have reached everybody it was for.
            self._knows_whom = True
            self._sent_to |= dict.fromkeys(map(self._key, missing), Outcome.UNKNOWN)
            before_sending(self._as_kept({}))

        results = self._hook.add_participants(
            self._people.model_copy(update={"participants": missing}), before_sending=keep_whom
        )
        self.outcomes |= {number: result.of_adding for number, result in results.items()}
        _log_refusals(results)
        return self._result()

    def look(self, window: Window | None, *, last: bool) -> Mapping[str, Any] | None:
        """
        Read who is in the group; see :meth:`.rule.Once.look`.

        It can be decided of a person who is not in the group only whether an earlier request was for them. So the last
        look settles them as ``unknown``, instead of an error.
        """
        members = self._hook.get_membership(self._people.chat_id).numbers
        self.outcomes = {}
        without_record = 0
        for number in self._people.participants:
            sent_to = self._sent_to.get(self._key(number))
            if number in members:
                self.outcomes[number] = Outcome.ADDED if sent_to else Outcome.ALREADY_IN
            elif sent_to:
                self.outcomes[number] = sent_to
            elif window and not self._knows_whom:
                self.outcomes[number] = Outcome.UNKNOWN
                without_record += 1
        unknown = sum(outcome is Outcome.UNKNOWN for outcome in self.outcomes.values())
        if window and unknown and not last:
            return None
        if without_record:
            log.warning(
                "An earlier try may have sent to any of the %d people who are not in the group, and left no record: "
                "Airflow keeps one from 3.3 on, and not for each cleared task. So nothing is sent to them.",
                without_record,
            )
        return self._result() if len(self.outcomes) == len(self._people.participants) else None

    def _result(self) -> Mapping[str, Any]:
        # In the order in which the people were given.
        self.outcomes = {number: self.outcomes[number] for number in self._people.participants}
        return self._as_kept(self.outcomes)

    def _as_kept(self, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
        known = self._sent_to | {self._key(number): outcome for number, outcome in outcomes.items()}
        return {person: str(outcome) for person, outcome in known.items()}

    def _key(self, number: str) -> str:
        return _digest(self.identity, number)[:32]


def _digest(*parts: str) -> str:
    """Return what stands for these texts in a record, which holds nobody's number."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _log_refusals(results: Mapping[str, ParticipantResult]) -> None:
    """Log what the API says of those who were neither added nor invited, without saying who they are."""
    reasons = Counter(
        f"code {result.code}, {mask_numbers(result.message or 'no message')!r}"
        for result in results.values()
        if result.of_adding not in (Outcome.ADDED, Outcome.ALREADY_IN, Outcome.INVITED)
    )
    for reason, count in reasons.most_common(5):
        log.warning("Periskope did not add %d of them: %s.", count, reason)
