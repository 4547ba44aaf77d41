from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.group import check_group

ASHA = "919537851844"
BHARAT = "919874532456"


def body_of(
    group_name: object = "Test New 1040", participants: object = (ASHA,), options: object = None
) -> dict[str, Any]:
    return check_group(group_name, participants, options)[0].body()


def refused(
    group_name: object = "Test New 1040", participants: object = (ASHA,), options: object = None, **more: Any
) -> str:
    """Return the one problem that the input has, after what all messages say."""
    with pytest.raises(PeriskopeInputError) as error:
        check_group(group_name, participants, options, **more)
    assert len(error.value.problems) == 1
    assert str(error.value).startswith(
        "The group was not created, nothing was sent: 1 problem with the input.\n- "
    )
    return error.value.problems[0]


class TestName:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("a", id="one"),
            pytest.param("a" * 100, id="letters"),
            pytest.param("🎉" * 100, id="emoji"),
            pytest.param("क्षि" * 25, id="Devanagari: four code points each"),
            pytest.param("e\N{COMBINING ACUTE ACCENT}" * 100, id="decomposed, a hundred once composed"),
            pytest.param("👨‍👩‍👧 Família", id="joiners within an emoji"),
            pytest.param('Ann\'s "1040" {team} \\ <b>', id="marks of every syntax"),
        ],
    )
    def test_goes_out_as_it_is(self, name: str) -> None:
        assert body_of(name)["group_name"] == name

    @pytest.mark.parametrize(
        ("name", "length"),
        [
            pytest.param("a" * 101, 101, id="letters"),
            pytest.param("🎉" * 101, 101, id="emoji"),
            pytest.param("क्षि" * 25 + "क", 101, id="Devanagari"),
            pytest.param("👨‍👩‍👧" * 21, 105, id="emoji of five code points each"),
        ],
    )
    def test_too_long_says_whose_limit_and_what_counts(self, name: str, length: int) -> None:
        problem = refused(name)
        assert f"group_name has {length} characters; WhatsApp's limit is 100" in problem
        assert "Unicode code points" in problem

    def test_of_digits_that_native_rendering_made_a_number_of(self) -> None:
        assert body_of(1040)["group_name"] == "1040"

    def test_is_trimmed_before_it_is_measured(self) -> None:
        assert body_of(f"  {'a' * 100}\n")["group_name"] == "a" * 100

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            pytest.param("", "group_name is empty", id="empty"),
            pytest.param(" \n\t", "group_name is empty", id="white space"),
            pytest.param(None, "group_name is None", id="None"),
            pytest.param("None", "group_name is the text 'None'", id="text None"),
            pytest.param(10.5, "group_name is a float", id="float"),
            pytest.param(True, "group_name is a bool", id="bool"),
            pytest.param(["Sales"], "group_name is a list", id="list"),
        ],
    )
    def test_that_is_none(self, name: object, told: str) -> None:
        problem = refused(name)
        assert problem.startswith(told)
        assert ("its template found no value" in problem) == (name in (None, "None"))

    @pytest.mark.parametrize(("name", "warned"), [("Sales None", True), ("Nonesuch", False)])
    def test_in_which_a_template_may_have_found_nothing(self, name: str, warned: bool) -> None:
        _, warnings = check_group(name, [ASHA])
        assert any("a template may have found no value" in warning for warning in warnings) == warned

    @pytest.mark.parametrize(
        "mark", ["\n", "\r", "\t", "\x00", "\x1b", "\x85", "\N{LINE SEPARATOR}", "\ud83d"], ids=repr
    )
    def test_with_a_control_character(self, mark: str) -> None:
        assert "line break, tab or other control character" in refused(f"Sales{mark}team")


class TestParticipants:
    @pytest.mark.parametrize(
        "written",
        [
            pytest.param([ASHA, BHARAT], id="list"),
            pytest.param((ASHA, BHARAT), id="tuple"),
            pytest.param((number for number in (ASHA, BHARAT)), id="generator"),
            pytest.param({ASHA: "Asha", BHARAT: "Bharat"}.keys(), id="keys"),
            pytest.param([919537851844, "+91 98745 32456"], id="int and spelling"),
            pytest.param(json.dumps([ASHA, BHARAT]), id="JSON"),
            pytest.param(str([ASHA, BHARAT]), id="Python list"),
            pytest.param(str((919537851844, BHARAT)), id="Python tuple"),
            pytest.param(f" {ASHA}, +91 98745 32456 ", id="comma-separated"),
            pytest.param(f"{ASHA},{BHARAT}", id="commas, which are a Python literal too"),
            pytest.param(f"{ASHA};+91 98745 32456;", id="semicolons"),
            pytest.param(f"\n+91 95378 51844\r\n{BHARAT}\n", id="lines"),
            pytest.param("+91 95378 51844 +91 98745 32456", id="a plus before each"),
        ],
    )
    def test_in_every_form(self, written: object) -> None:
        assert body_of(participants=written)["participants"] == [ASHA, BHARAT]

    @pytest.mark.parametrize(
        "written",
        [ASHA, "+91 95378 51844", f"['{ASHA}']", pytest.param(919537851844, id="int, from native rendering")],
    )
    def test_one_alone(self, written: object) -> None:
        assert body_of(participants=written)["participants"] == [ASHA]

    @pytest.mark.parametrize(
        ("written", "told"),
        [
            pytest.param(None, "participants is None: expected a list", id="None"),
            pytest.param("None", "participants is the text 'None': expected a list", id="text None"),
            pytest.param("", "participants is empty: expected a list", id="empty text"),
            pytest.param(True, "participants is a bool: expected a list", id="bool"),
            pytest.param([], "participants is empty", id="empty list"),
            pytest.param("[]", "participants is empty", id="text of an empty list"),
            pytest.param({ASHA: "Asha"}, "participants is a dict", id="mapping"),
            pytest.param(12.5, "participants is a float", id="float"),
            pytest.param([None], "participants[0] is None", id="None within"),
            pytest.param(["12"], "participants[0] (12) has 2 digits", id="too short"),
            pytest.param(["abc"], "participants[0] (abc) has no digits", id="letters"),
            pytest.param([919537851844.0], "participants[0] (9195", id="float within"),
            pytest.param(
                [ASHA, "999123456789"], "participants[1] (9991•••••789) does not start with", id="country"
            ),
            pytest.param([ASHA, ["919874532456"]], "participants[1] (9198•••••456) is a list", id="nested"),
        ],
    )
    def test_refused_by_place(self, written: object, told: str) -> None:
        assert refused(participants=written).startswith(told)

    def test_the_limit_is_1023(self) -> None:
        people = [f"9198745{number:05}" for number in range(1024)]
        assert len(body_of(participants=people[:1023])["participants"]) == 1023
        assert "has 1,024 people; WhatsApp's limit is 1,023" in refused(participants=people)

    def test_the_limit_counts_people_and_not_spellings(self) -> None:
        people = [f"9198745{number:05}" for number in range(1023)]
        assert len(body_of(participants=[*people, f"+{people[0]}"])["participants"]) == 1023

    def test_spellings_of_one_number_are_kept_once(self) -> None:
        group, warnings = check_group("Sales", ["+91 95378 51844", BHARAT, ASHA, f"{ASHA}@c.us"])
        assert group.participants == [ASHA, BHARAT]
        assert warnings == ["Listed more than once, used once: 9195•••••844, 9195•••••844."]

    def test_the_phone_itself_is_left_out(self) -> None:
        group, warnings = check_group("Sales", [ASHA, "+91 98745 32456"], own_digits=BHARAT)
        assert group.participants == [ASHA]
        assert warnings == ["Left out, because it is the phone that creates the group: 9198•••••456."]

    def test_nobody_is_left_but_the_phone_itself(self) -> None:
        assert refused(participants=[BHARAT, f"+{BHARAT}"], own_digits=BHARAT).startswith(
            "participants is empty"
        )

    @pytest.mark.parametrize("number", ["5215512345678", "551187654321"])
    def test_old_national_forms_are_sent_with_a_warning(self, number: str) -> None:
        group, warnings = check_group("Sales", [ASHA, number])
        assert group.participants == [ASHA, number]
        assert len(warnings) == 1
        assert "Not a valid number in current numbering plans, sent anyway" in warnings[0]
        assert number not in warnings[0]

    def test_several_numbers_that_nothing_separates_are_no_number(self) -> None:
        problem = refused(participants=f"{ASHA} {BHARAT}")
        assert "has 24 digits and looks like several numbers: separate them with commas" in problem

    def test_a_number_without_its_country_code_is_refused_where_the_phones_own_completes_it(self) -> None:
        problem = refused(participants=[BHARAT, "9537851844"], own_digits="918527184400")
        assert problem == "participants[1] (9537•••844) lacks its country code: did you mean 9195•••••844?"

    def test_many_warnings_stay_short(self) -> None:
        people = [f"9198745{number:05}" for number in range(100)]
        _, warnings = check_group("Sales", people * 2)
        assert "and 95 more" in warnings[0]
        assert len(warnings[0]) < 200


EVERY: dict[str, Any] = {
    "addMembersAdminsOnly": True,
    "description": "Daily stand-up",
    "image": "https://example.com/team.png",
    "infoAdminsOnly": False,
    "messagesAdminsOnly": True,
    "force_add_participants": False,
}
SNAKE: dict[str, Any] = {
    "add_members_admins_only": True,
    "description": "Daily stand-up",
    "image": "https://example.com/team.png",
    "info_admins_only": False,
    "messages_admins_only": True,
    "force_add_participants": False,
}


class TestOptions:
    @pytest.mark.parametrize(
        "written",
        [
            pytest.param(EVERY, id="the API's names"),
            pytest.param(SNAKE, id="snake_case"),
            pytest.param(json.dumps(EVERY), id="JSON"),
            pytest.param(str(SNAKE), id="Python literal"),
            pytest.param(
                {name: str(value) if isinstance(value, bool) else value for name, value in EVERY.items()},
                id="True and False as templates render them",
            ),
        ],
    )
    def test_all_six_go_out_by_the_names_of_the_api(self, written: object) -> None:
        assert body_of(options=written)["options"] == EVERY

    def test_none_means_that_the_body_has_none(self) -> None:
        assert body_of() == {"group_name": "Test New 1040", "participants": [ASHA]}

    @pytest.mark.parametrize("written", [{}, "{}"])
    def test_empty_ones_send_no_key(self, written: object) -> None:
        assert "options" not in body_of(options=written)

    def test_what_is_not_set_is_not_sent(self) -> None:
        assert body_of(options={"description": ""})["options"] == {"description": ""}

    @pytest.mark.parametrize(
        ("written", "told"),
        [
            pytest.param(
                {"messagesAdminOnly": True},
                "options.messagesAdminOnly is not a valid option: did you mean 'messagesAdminsOnly'?",
                id="typo",
            ),
            pytest.param(
                {"messages_admin_only": True}, "did you mean 'messages_admins_only'?", id="typo in snake_case"
            ),
            pytest.param(
                {"xyz": 1},
                "options.xyz is not a valid option: valid options are addMembersAdminsOnly",
                id="unknown",
            ),
            pytest.param({1: 1}, "options.1 is not a valid option", id="no name"),
            pytest.param(
                {"messagesAdminsOnly": "yes"},
                "options.messagesAdminsOnly is text: expected true or false",
                id="text for a flag",
            ),
            pytest.param(
                {"infoAdminsOnly": 1}, "options.infoAdminsOnly is an int: expected true or false", id="int"
            ),
            pytest.param(
                {"infoAdminsOnly": ""},
                "options.infoAdminsOnly is empty: expected true or false",
                id="empty text for a flag, as in the vendor's example",
            ),
            pytest.param(
                {"description": ["a"]}, "options.description is a list: expected text", id="list for text"
            ),
            pytest.param(
                {"description": None}, "options.description is None, so a template found no value", id="None"
            ),
            pytest.param({"description": "None"}, "options.description is None", id="text None"),
            pytest.param(
                {"image": "ftp://example.com/a.png"}, "options.image is not a valid http(s) URL", id="ftp"
            ),
            pytest.param({"image": "team.png"}, "options.image is not a valid http(s) URL", id="file"),
            pytest.param({"image": "https://"}, "options.image is not a valid http(s) URL", id="no host"),
            pytest.param(
                {"image": "http://[::1"}, "options.image is not a valid http(s) URL", id="broken URL"
            ),
            pytest.param(
                {"messagesAdminsOnly": True, "messages_admins_only": True},
                "options.messages_admins_only is given twice",
                id="both spellings",
            ),
            pytest.param(["description"], "options is a list: expected a mapping", id="list"),
            pytest.param("description", "options is text: expected a mapping", id="text"),
            pytest.param("None", "options is the text 'None': expected a mapping", id="options: text None"),
            pytest.param("[" * 5000, "options is text: expected a mapping", id="text too deep to parse"),
        ],
    )
    def test_refused(self, written: object, told: str) -> None:
        assert told in refused(options=written)


def test_all_problems_come_in_one_error_without_a_whole_number() -> None:
    with pytest.raises(PeriskopeInputError) as error:
        check_group("", ["12", ASHA, "999123456789"], {"messagesAdminOnly": True, "image": "x"})
    places = [problem.split(" ")[0] for problem in error.value.problems]
    assert sorted(places) == [
        "group_name",
        "options.image",
        "options.messagesAdminOnly",
        "participants[0]",
        "participants[2]",
    ]
    assert "5 problems with the input" in str(error.value)
    assert not re.search(r"\d{7}", str(error.value))
