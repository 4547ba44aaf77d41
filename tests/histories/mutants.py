"""Ways to break the engine, each with a name. The simulation must find every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope import delivery
from airflow_provider_periskope.api.chat_list import ChangingList
from airflow_provider_periskope.api.responses import Call
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.models import Outcome
from airflow_provider_periskope.once import doubt, invitations, rule
from airflow_provider_periskope.once.doubt import Attempt, Window
from airflow_provider_periskope.once.group import OneGroup
from airflow_provider_periskope.once.invitations import Invitations
from airflow_provider_periskope.once.message import OneMessage
from airflow_provider_periskope.once.record import Record, State
from airflow_provider_periskope.operators import base, participants

if TYPE_CHECKING:
    import pytest

Mutant = Callable[["pytest.MonkeyPatch"], None]


def by_name(*mutants: Mutant) -> dict[str, Mutant]:
    """Return mutants by their names, in words."""
    return {mutant.__name__.replace("_", " "): mutant for mutant in mutants}


task_try_of = base.task_try_of
contains = Window.contains
look = OneGroup.look
send = OneGroup.send


def no_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rule, "_look_until_closed", lambda thing, window: None)


def a_single_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rule, "_look_until_closed", lambda thing, window: thing.look(window, last=True))


def looks_for_20_seconds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rule, "SETTLING", timedelta(seconds=20))


def window_opens_too_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Window, "contains", lambda self, moment: contains(self, moment - timedelta(minutes=5)))


def window_opens_too_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Window, "contains", lambda self, moment: contains(self, moment + timedelta(hours=2)))


def no_margin_for_clocks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doubt, "CLOCK_MARGIN", timedelta())
    patch.setattr(doubt, "WORKERS_CLOCK_MARGIN", timedelta())


def api_clock_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneGroup, "_by_our_clock", lambda self, created_at: created_at)


def recorded_after_sending(patch: pytest.MonkeyPatch) -> None:
    def sends_first(self: OneGroup, before_sending: Any) -> Any:
        try:
            return send(self, lambda: None)
        finally:
            before_sending()

    patch.setattr(OneGroup, "send", sends_first)


def refusal_erases_the_record(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "refused", lambda record, on_try, **_: record.unsent(on_try))


def refusal_erases_a_doubt_without_record(patch: pytest.MonkeyPatch) -> None:
    def refused(record: Record, on_try: int, **_: Any) -> Record:
        return replace(record, on_try=on_try, state=State.LOOKED) if record.sent_at else record.unsent(on_try)

    patch.setattr(Record, "refused", refused)


def forgets_that_it_looked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "looked", lambda self: self.unsent(self.on_try))


def gives_up_after_looking(patch: pytest.MonkeyPatch) -> None:
    """Take what was looked for without success for something that was never sent."""
    window = Attempt.window_of_earlier_one

    def without_looked(self: Attempt, record: Record, kind: str, settling: timedelta) -> Window | None:
        return None if record.state is State.LOOKED else window(self, record, kind, settling)

    patch.setattr(Attempt, "window_of_earlier_one", without_looked)


def clear_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "task_try_of", lambda context: replace(task_try_of(context), cleared=False))


def map_index_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "task_try_of", lambda context: replace(task_try_of(context), is_mapped=False))


def start_of_the_run_trusted(patch: pytest.MonkeyPatch) -> None:
    def since_start(context: Any) -> Any:
        task_try = task_try_of(context)
        return replace(task_try, run_due_at=task_try.run_started_at, interval_started_at=None)

    patch.setattr(base, "task_try_of", since_start)


def record_always_trusted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempt, "_is_up_to_date", lambda self, record: True)


def no_record_means_not_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempt, "_may_have_sent_without_record", lambda self, latest: False)


def identity_without_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneGroup, "identity", property(lambda self: "the phone's"))


def takes_the_first_match(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneGroup, "_only_one", lambda self, candidates, window: candidates[0])


def creator_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneGroup, "_checked", lambda self, seen: seen)


def list_read_to_its_first_page(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChangingList, "_read", _read_one_page)


def _read_one_page(self: Any, *, until_unchanged: bool) -> None:
    for row in next(iter(self._read_pages()), []):
        self._see(row)


def gateway_trusted(patch: pytest.MonkeyPatch) -> None:
    from airflow_provider_periskope.exceptions import PeriskopeApiError

    patch.setattr(
        PeriskopeApiError, "in_doubt", property(lambda self: False, lambda self, value: None), raising=False
    )


def sends_again_in_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Call, "may_be_repeated", property(lambda self: True))


MUTANTS = by_name(
    no_look,
    a_single_look,
    looks_for_20_seconds,
    window_opens_too_late,
    window_opens_too_early,
    no_margin_for_clocks,
    api_clock_ignored,
    recorded_after_sending,
    refusal_erases_the_record,
    refusal_erases_a_doubt_without_record,
    forgets_that_it_looked,
    gives_up_after_looking,
    clear_ignored,
    map_index_ignored,
    start_of_the_run_trusted,
    record_always_trusted,
    no_record_means_not_sent,
    identity_without_name,
    takes_the_first_match,
    creator_not_checked,
    list_read_to_its_first_page,
    gateway_trusted,
    sends_again_in_place,
)


def queue_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneMessage, "_queue", lambda self: [])


def chat_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneMessage, "_seen_in_chat", lambda self, window: iter(()))


def absent_after_five_seconds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneMessage, "settling", timedelta(seconds=5))


def phone_that_is_off_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OneMessage, "_why_absence_proves_nothing", lambda self, jobs, window: "")


def what_has_failed_is_sent_at_once(patch: pytest.MonkeyPatch) -> None:
    def forget(thing: OneMessage, attempt: Attempt, result: Any) -> None:
        attempt.memory.keep(thing.kind, Record(thing.identity).unsent(attempt.number))

    patch.setattr(delivery, "note_failure", forget)


def queued_taken_for_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delivery, "_stage", lambda status: "sent")


def white_space_counts(patch: pytest.MonkeyPatch) -> None:
    from airflow_provider_periskope.once import message

    patch.setattr(message, "same_text", lambda text: text or "")


MUTANTS_WITH_MESSAGES = by_name(
    no_look,
    window_opens_too_late,
    window_opens_too_early,
    forgets_that_it_looked,
    queue_not_read,
    chat_not_read,
    absent_after_five_seconds,
    phone_that_is_off_ignored,
    what_has_failed_is_sent_at_once,
    queued_taken_for_sent,
    white_space_counts,
    sends_again_in_place,
)


def a_lost_response_means_nobody_was_sent_to(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invitations, "SENT_TO", invitations.SENT_TO - {Outcome.UNKNOWN})


def whom_it_was_for_is_recorded_after_sending(patch: pytest.MonkeyPatch) -> None:
    add = PeriskopeHook.add_participants

    def add_first(self: Any, people: Any, *, before_sending: Callable[[], None]) -> Any:
        results = add(self, people)
        before_sending()
        return results

    patch.setattr(PeriskopeHook, "add_participants", add_first)


def forgets_whom_it_has_invited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Record, "reopened", lambda self, on_try: Record(self.identity, on_try, State.UNSENT))


def records_are_always_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(participants, "_records_are_kept", lambda attempt: True)


def unknown_taken_for_added(patch: pytest.MonkeyPatch) -> None:
    look_for_people = Invitations.look

    def look_too_kindly(self: Invitations, window: Window | None, *, last: bool) -> Any:
        result = look_for_people(self, window, last=last)
        self.outcomes = {
            number: Outcome.ADDED if outcome is Outcome.UNKNOWN else outcome
            for number, outcome in self.outcomes.items()
        }
        return result

    patch.setattr(Invitations, "look", look_too_kindly)


MUTANTS_WITH_PEOPLE = by_name(
    a_lost_response_means_nobody_was_sent_to,
    whom_it_was_for_is_recorded_after_sending,
    forgets_whom_it_has_invited,
    records_are_always_kept,
    unknown_taken_for_added,
    record_always_trusted,
    no_record_means_not_sent,
    gateway_trusted,
    sends_again_in_place,
)
