"""What the API says of people in a group, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.participants import check_group_people, check_wanted
from airflow_provider_periskope.membership import Membership, Wanted
from airflow_provider_periskope.models import Group, ParticipantResult, ParticipantResults
from airflow_provider_periskope.once.doubt import Attempt, TaskTry
from airflow_provider_periskope.once.record import Memory
from airflow_provider_periskope.operators.participants import _records_are_kept
from tests.http.once.tries import Store

ONE, TWO, THREE, OWN = "919537851844", "919874532456", "918527184400", "919876543210"
GROUP = "120363392071406466@g.us"


def says(**content: Any) -> ParticipantResult:
    return ParticipantResult.model_validate(content)


class TestOutcome:
    @pytest.mark.parametrize(
        ("said", "outcome"),
        [
            ({"is_success": True, "code": 200}, "added"),
            ({"is_success": False, "code": 409, "message": "anything"}, "already_in"),
            ({"is_success": False, "code": "409"}, "already_in"),
            ({"is_success": False, "code": 404}, "not_on_whatsapp"),
            ({"is_success": False, "code": 408}, "left_recently"),
            ({"is_success": False, "code": 419}, "group_full"),
            ({"is_success": True, "code": 403, "isInviteV4Sent": True}, "invited"),
            ({"is_success": True, "code": 403}, "invited"),
            ({"is_success": False, "code": 403, "isInviteV4Sent": False}, "refused"),
            ({"is_success": False, "code": 403}, "refused"),
            # An invitation that was sent must never be sent again.
            ({"is_success": False, "code": 408, "isInviteV4Sent": True}, "invited"),
            ({"is_success": True, "message": "Invite sent to participant"}, "invited"),
            ({"is_success": True, "isInviteV4Sent": True}, "invited"),
            ({"is_success": False, "message": "Participant is already in the group"}, "already_in"),
            ({"is_success": False, "message": "The number is not on WhatsApp"}, "not_on_whatsapp"),
            ({"is_success": False, "message": "Participant left the group recently"}, "left_recently"),
            ({"is_success": False, "message": "Group is full"}, "group_full"),
            ({"is_success": True}, "added"),
            ({"is_success": False, "message": "You are not an admin"}, "refused"),
            ({"is_success": True, "code": 599}, "unknown"),
            ({"is_success": True, "code": 403, "isInviteV4Sent": False}, "unknown"),
            ({}, "unknown"),
        ],
    )
    def test_of_adding(self, said: dict[str, Any], outcome: str) -> None:
        assert says(**said).of_adding == outcome

    @pytest.mark.parametrize(
        ("said", "outcome"),
        [
            ({"is_success": True, "code": 200}, "removed"),
            ({"is_success": True}, "removed"),
            ({"is_success": False, "code": 404}, "not_in"),
            ({"is_success": False, "code": 403}, "refused"),
            ({"is_success": False}, "refused"),
            ({}, "unknown"),
        ],
    )
    def test_of_removing(self, said: dict[str, Any], outcome: str) -> None:
        assert says(**said).of_removing == outcome


class TestByNumber:
    ADDED, INVITED = {"code": 200}, {"code": 403, "isInviteV4Sent": True}

    def outcomes(self, body: dict[str, Any], *numbers: str) -> dict[str, str]:
        results = ParticipantResults.model_validate(body).by_number(numbers)
        return {number: str(result.of_adding) for number, result in results.items()}

    def test_keys_are_contact_ids(self) -> None:
        body = {f"{ONE}@c.us": self.ADDED, TWO: self.INVITED, "trace": "x"}
        assert self.outcomes(body, ONE, TWO) == {ONE: "added", TWO: "invited"}

    def test_a_person_under_another_id_is_recognised_by_elimination(self) -> None:
        body = {f"{ONE}@c.us": self.ADDED, "7000000000@lid": self.INVITED}
        assert self.outcomes(body, ONE, TWO) == {ONE: "added", TWO: "invited"}
        both = {"1@lid": self.INVITED, "2@lid": self.INVITED}
        assert self.outcomes(both, ONE, TWO) == {ONE: "invited", TWO: "invited"}

    def test_and_never_guessed(self) -> None:
        body = {"1@lid": self.ADDED, "2@lid": self.INVITED}
        assert self.outcomes(body, ONE, TWO) == {ONE: "unknown", TWO: "unknown"}
        assert self.outcomes({"1@lid": self.ADDED}, ONE, TWO) == {ONE: "unknown", TWO: "unknown"}
        assert self.outcomes({f"{ONE}@c.us": self.ADDED}, ONE, TWO) == {ONE: "added", TWO: "unknown"}


class TestMembership:
    def of(self, *ids: str, own: str = OWN) -> Membership:
        return Membership.of(Group(chat_id=GROUP, members={each: {} for each in ids}), {own})

    def test_the_phone_itself_does_not_count(self) -> None:
        membership = self.of(f"{OWN}@c.us", f"{ONE}@c.us")
        assert (membership.numbers, membership.count) == ({ONE}, 1)

    def test_nor_does_it_without_a_number(self) -> None:
        assert self.of("1@lid", "2@lid", f"{ONE}@c.us").count == 2
        assert self.of(f"{OWN}@c.us", "1@lid", f"{ONE}@c.us").count == 2

    def test_without_members_it_is_no_group(self) -> None:
        with pytest.raises(ValueError, match="members"):
            Group.model_validate({"chat_id": GROUP})


class TestWanted:
    @pytest.mark.parametrize(
        ("members", "text"),
        [
            (Membership(frozenset({ONE}), 0), "1 of the 2 who are expected are not known to be in"),
            (Membership(frozenset({ONE}), 1), "it cannot be decided whether everybody is in"),
            (Membership(frozenset(), 1), "it is certain that somebody is missing"),
        ],
    )
    def test_says_what_can_be_decided(self, members: Membership, text: str) -> None:
        wanted = Wanted((ONE, TWO))
        assert not wanted.is_met_by(members)
        assert text in wanted.describe(wanted.result(members))
        assert ONE not in wanted.describe(wanted.result(members))

    def test_people_without_a_number_count_for_at_least(self) -> None:
        assert Wanted((), 2).is_met_by(Membership(frozenset({ONE}), 1))


class TestInput:
    def test_every_problem_is_reported_at_once(self) -> None:
        with pytest.raises(PeriskopeInputError) as caught:
            check_group_people("919537851844@c.us", ["12"], change="added")
        assert len(caught.value.problems) == 2
        assert "919537851844" not in str(caught.value)

    def test_the_phone_itself_is_left_out(self) -> None:
        people, warnings = check_group_people(GROUP, [OWN, ONE], own_digits=OWN, change="added")
        assert people.body() == {"participants": [ONE]}
        assert "9198•••••210" in warnings[0]

    def test_many_at_once_are_warned_of(self) -> None:
        numbers = [f"9195378518{number:02}" for number in range(21)]
        assert check_group_people(GROUP, numbers[:20], change="added")[1] == []
        (warning,) = check_group_people(GROUP, numbers, change="added")[1]
        assert "WhatsApp blocks phones" in warning
        assert check_group_people(GROUP, numbers, change="removed")[1] == []

    def test_what_a_sensor_waits_for(self) -> None:
        assert check_wanted(GROUP, "5", None, [ONE]) == (GROUP, Wanted((ONE,), 5))
        assert check_wanted(f" {GROUP} ", None, f"['{ONE}']", None) == (GROUP, Wanted((ONE,), None))
        for at_least in (0, "many", 2.5, True):
            with pytest.raises(PeriskopeInputError, match="at_least is"):
                check_wanted(GROUP, at_least, None, None)
        with pytest.raises(PeriskopeInputError, match="everybody is empty"):
            check_wanted(GROUP, None, [], None)
        with pytest.raises(PeriskopeInputError, match=r"everybody\[0\]"):
            check_wanted(GROUP, None, ["12"], None)


class TestWithoutARecord:
    NOW = datetime(2026, 11, 25, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("number", "mapped", "cleared", "has_store", "has_never_sent"),
        [
            pytest.param(1, False, False, False, True, id="first try"),
            pytest.param(1, True, True, True, True, id="first try of a mapped instance in a cleared run"),
            pytest.param(2, False, False, True, True, id="retry on 3.3"),
            pytest.param(2, False, False, False, False, id="retry below 3.3"),
            pytest.param(2, True, True, True, False, id="cleared mapped instance"),
        ],
    )
    def test_a_task_may_have_sent(
        self, number: int, mapped: bool, cleared: bool, has_store: bool, has_never_sent: bool
    ) -> None:
        memory = Memory(Store() if has_store else None)
        attempt = Attempt(TaskTry(number, mapped, cleared, self.NOW, self.NOW), memory, 1, 1)
        assert _records_are_kept(attempt) is has_never_sent
