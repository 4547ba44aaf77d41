"""The operators that add people to a WhatsApp group and remove them from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_periskope.operators.base import (
    PeriskopeOperator,
    check_cool_down,
    failing_without_retry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from airflow.sdk import Context, XComArg

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import Outcome
    from airflow_provider_periskope.once.doubt import Attempt


class _PeopleOperator(PeriskopeOperator):
    """What both operators share: a group, people, and an outcome for each of them."""

    template_fields = ("chat_id", "participants", *PeriskopeOperator.template_fields)
    template_fields_renderers: ClassVar = {"participants": "json"}

    def __init__(
        self,
        *,
        chat_id: str | XComArg,
        participants: Iterable[str | int] | str | XComArg,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.chat_id = chat_id
        self.participants = participants

    def _log_outcomes(self, outcomes: Mapping[str, Outcome], *, fine: Iterable[Outcome]) -> None:
        """Log how many people there are of each outcome, and who the others are, masked."""
        from airflow_provider_periskope.input.people import masked_list
        from airflow_provider_periskope.phone_numbers import mask_creator

        people: dict[Outcome, list[str]] = {}
        for number, outcome in outcomes.items():
            people.setdefault(outcome, []).append(number)
        counts = ", ".join(f"{outcome}: {len(numbers):,}" for outcome, numbers in people.items())
        self.log.info("Group %s: %s.", mask_creator(str(self.chat_id)), counts or "nobody was given")
        for outcome, numbers in people.items():
            if outcome not in fine:
                self.log.info("%s: %s.", outcome, masked_list(numbers))

    def _push_and_fail(
        self, context: Any, what: str, outcomes: Mapping[str, Outcome], what_to_do: str
    ) -> None:
        """Push the outcomes, which a failing task does not return, and fail."""
        from airflow_provider_periskope.exceptions import PeriskopeParticipantsError

        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=_as_text(outcomes))
        raise PeriskopeParticipantsError(what, outcomes=_as_text(outcomes), what_to_do=what_to_do)


class PeriskopeAddParticipantsOperator(_PeopleOperator):
    """
    Add people to a WhatsApp group, and return what came of it for each of them.

    People who are not in the phone's contacts, or whose privacy settings forbid it, are sent a private invitation,
    which lasts three days. Each try reads the members first and sends only to those who are missing. Nobody to whom an
    earlier try of this task may have sent is sent to again: if a response is lost, those who are not in the group
    afterwards are ``unknown``.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param chat_id: id of the group (templated), such as the output of
        :class:`~airflow_provider_periskope.operators.group.PeriskopeCreateGroupOperator`.
    :param participants: numbers of the people, with country code, in any spelling (templated): a list, the output of a
        task, or the text that a template makes of a list; up to 1,023. An empty list is valid.
    :param force_add_participants: whether to try to add everybody directly. People who do not know the phone may report
        it, and WhatsApp blocks phones that are reported. Default ``False``.
    :param if_not_added: what to do if the outcome of somebody is neither ``added`` nor ``already_in``: ``"warn"`` in
        the log (default), ``"fail"``, or ``"ignore"``. The outcomes are in XCom in each case.
    :param cool_down: how long the task lasts after it has sent a request, without a worker slot. It keeps its slot of
        a pool that includes deferred tasks, so that a pool with one slot spaces what a phone does. Needs a triggerer on
        each Airflow. Default ``None``: the task ends at once.
    :return: the outcome of each person, by number (digits with country code): ``added``, ``already_in``, ``invited``,
        ``left_recently``, ``not_on_whatsapp``, ``group_full``, ``refused`` or ``unknown``.
    :raises AirflowFailException: for what no retry can cure, and with ``if_not_added="fail"``.
    :raises PeriskopeOutcomeUnknownError: if the members could not be read after a response was lost.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/group/add-participants
    """

    custom_operator_name = "Add to WhatsApp group"
    default_doc_md = """\
Adds people to a WhatsApp group. Who cannot be added is sent a private invitation, and no second one when a try fails.

XCom of this task: **return_value** has an outcome for each person, by number. It is personal data for as long as \
Airflow keeps it.
"""

    def __init__(
        self,
        *,
        force_add_participants: bool = False,
        if_not_added: Literal["ignore", "warn", "fail"] = "warn",
        cool_down: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.force_add_participants = force_add_participants
        self.if_not_added = if_not_added
        self.cool_down = cool_down
        self.refuse_constants(
            {
                "if_not_added": if_not_added,
                "force_add_participants": force_add_participants,
                "cool_down": cool_down,
            },
            self.task_id,
        )

    @classmethod
    def check_constants(cls, arguments: Mapping[str, Any]) -> None:
        """Refuse an ``if_not_added`` that does not exist, and what is not of its type."""
        super().check_constants(arguments)
        check_cool_down(arguments)
        force = arguments.get("force_add_participants", False)
        if not isinstance(force, bool):
            raise TypeError(f"force_add_participants is {force!r}: expected True or False")
        if_not_added = arguments.get("if_not_added", "warn")
        if if_not_added not in ("ignore", "warn", "fail"):
            raise ValueError(f"if_not_added is {if_not_added!r}: expected 'ignore', 'warn' or 'fail'")

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> dict[str, str]:
        """Add those who are missing."""
        from airflow_provider_periskope.input.participants import check_group_people
        from airflow_provider_periskope.once.invitations import add_people
        from airflow_provider_periskope.waiting import keep_pool_slot_for

        people, warnings = check_group_people(
            self.chat_id,
            self.participants,
            own_digits=hook.own_digits,
            change="added",
            force_add_participants=self.force_add_participants,
        )
        for warning in warnings:
            self.log.warning("%s", warning)
        outcomes: dict[str, Outcome] = {}
        if people.participants:
            invitations = add_people(hook, people, attempt, records_are_kept=_records_are_kept(attempt))
            outcomes = invitations.outcomes
            if self.cool_down and invitations.was_sent:
                keep_pool_slot_for(
                    self.cool_down,
                    self,
                    after=f"What came of adding {invitations} is on record",
                    carried={"outcomes": _as_text(outcomes)},
                )
        return self._report(context, outcomes)

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue after a wait: after that of ``cool_down``, with what came of the request before it."""
        if "outcomes" not in event:
            return super().resume(context, event)
        from airflow_provider_periskope.models import Outcome

        outcomes = {number: Outcome(outcome) for number, outcome in event["outcomes"].items()}
        # Nothing is sent here: acting again would send once more to those who were refused.
        with failing_without_retry():
            return self._report(context, outcomes)

    def _report(self, context: Any, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
        from airflow_provider_periskope.models import Outcome

        self._log_outcomes(outcomes, fine=(Outcome.ADDED, Outcome.ALREADY_IN))
        not_added = [
            number
            for number, outcome in outcomes.items()
            if outcome not in (Outcome.ADDED, Outcome.ALREADY_IN)
        ]
        if not_added and self.if_not_added != "ignore":
            what = f"{len(not_added):,} of {len(outcomes):,} people were not added."
            what_to_do = _what_to_do(set(outcomes.values()))
            if self.if_not_added == "fail":
                self._push_and_fail(context, what, outcomes, what_to_do)
            self.log.warning("%s\nWhat to do: %s", what, what_to_do)
        return _as_text(outcomes)


class PeriskopeRemoveParticipantsOperator(_PeopleOperator):
    """
    Remove people from a WhatsApp group, and return what came of it for each of them.

    The members are read first, and only those who are in the group are removed. Removing somebody twice does no harm,
    so a lost response is followed by another request. The task fails if somebody is still in the group afterwards.

    Parameters of every Periskope operator, and how it waits for rate limits, are described under
    :class:`~airflow_provider_periskope.operators.base.PeriskopeOperator`.

    :param chat_id: id of the group (templated).
    :param participants: numbers of the people, with country code, in any spelling (templated): a list, the output of a
        task, or the text that a template makes of a list; up to 1,023. An empty list is valid.
    :return: the outcome of each person, by number (digits with country code): ``removed`` or ``not_in``; in a task that
        fails also ``refused`` or ``unknown``.
    :raises AirflowFailException: for what no retry can cure, and if somebody was not removed.
    :raises PeriskopeNoResponseError: if no usable response came.
    :raises PeriskopeRateLimitError: if a rate limit lasts longer than ``rate_limit_timeout``.
    :raises PeriskopePhoneOffError: if the phone's instance is switched off.
    :raises PeriskopeConnectionNotFoundError: if the Airflow connection is not defined, or cannot be read.

    .. seealso:: https://docs.periskope.app/api-reference/group/remove-participants
    """

    custom_operator_name = "Remove from WhatsApp group"
    default_doc_md = """\
Removes people from a WhatsApp group.

XCom of this task: **return_value** has an outcome for each person, by number: removed, or not_in.
"""

    def act(self, context: Context, hook: PeriskopeHook, attempt: Attempt) -> dict[str, str]:
        """Remove those who are in the group."""
        del attempt
        from airflow_provider_periskope.input.participants import check_group_people
        from airflow_provider_periskope.models import Outcome

        people, warnings = check_group_people(
            self.chat_id, self.participants, own_digits=hook.own_digits, change="removed"
        )
        for warning in warnings:
            self.log.warning("%s", warning)
        outcomes: dict[str, Outcome] = {}
        if people.participants:
            membership = hook.get_membership(people.chat_id)
            # A member without a number may be any of them: then only the API can say who is in.
            present = people.participants if membership.hidden else membership.present(people.participants)
            results = hook.remove_participants(people.model_copy(update={"participants": present}))
            outcomes = {
                number: results[number].of_removing if number in results else Outcome.NOT_IN
                for number in people.participants
            }
        self._log_outcomes(outcomes, fine=(Outcome.REMOVED, Outcome.NOT_IN))
        remaining = [
            number for number, outcome in outcomes.items() if outcome not in (Outcome.REMOVED, Outcome.NOT_IN)
        ]
        if remaining:
            self._push_and_fail(
                context,
                f"{len(remaining):,} of {len(outcomes):,} people were not removed.",
                outcomes,
                "Check that the phone is an admin of the group. Admins are demoted before they are removed, and the "
                "creator of a group cannot be removed. Then clear this task.",
            )
        return _as_text(outcomes)


def _as_text(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {number: str(outcome) for number, outcome in outcomes.items()}


def _records_are_kept(attempt: Attempt) -> bool:
    """Return whether a task without a record for a group has never sent anything to it."""
    task_try = attempt.task_try
    if task_try.number == 1:
        return True
    # After a clear, another mapped instance may have had this group before.
    if not attempt.memory.outlives_tries or (task_try.is_mapped and task_try.cleared):
        return False
    from airflow_provider_periskope.compat import conf

    return not conf.getboolean("state_store", "clear_on_success", fallback=False)


def _what_to_do(outcomes: set[Outcome]) -> str:
    """Return what the reader of the log can do about people who were not added."""
    from airflow_provider_periskope.models import Outcome

    advice = {
        Outcome.INVITED: "Invited people are in once they accept, within three days: PeriskopeGroupMembersSensor waits "
        "for them.",
        Outcome.UNKNOWN: "Ask those whose outcome is unknown, or look at their chats on the phone: they may have been "
        "invited. This task does not send to them again; a task of a new run does.",
        Outcome.GROUP_FULL: "Make room in the group, then clear this task.",
        Outcome.NOT_ON_WHATSAPP: "Correct the numbers that are not on WhatsApp.",
        Outcome.LEFT_RECENTLY: "Send the invite link to those who left recently, if they want to come back.",
        Outcome.REFUSED: "For those who were refused, check that the phone is an admin of the group, then clear this "
        "task.",
    }
    return " ".join(text for outcome, text in advice.items() if outcome in outcomes)
