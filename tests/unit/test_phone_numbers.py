from __future__ import annotations

import random
import re

import pytest

from airflow_provider_periskope.phone_numbers import (
    is_phone_id,
    is_plausible,
    mask_numbers,
    masked,
    to_digits,
)

WHOLE_NUMBER = re.compile(r"\d{7}")


class TestWhatPeopleWrite:
    @pytest.mark.parametrize(
        ("written", "digits"),
        [
            pytest.param("919874532456", "919874532456", id="bare"),
            pytest.param(919874532456, "919874532456", id="int"),
            pytest.param("+91 98745 32456", "919874532456", id="the vendor's example"),
            pytest.param("+1 (415) 555-2671", "14155552671", id="brackets"),
            pytest.param("49.151.23456789", "4915123456789", id="dots"),
            pytest.param("+49 151/23456789", "4915123456789", id="slash"),
            pytest.param("+91\N{NO-BREAK SPACE}98745\N{THIN SPACE}32456", "919874532456", id="odd spaces"),
            pytest.param("+91\N{NON-BREAKING HYPHEN}98745\N{EN DASH}32456", "919874532456", id="dashes"),
            pytest.param(
                "\N{LEFT-TO-RIGHT EMBEDDING}+91 98745 32456\N{POP DIRECTIONAL FORMATTING}",
                "919874532456",
                id="copied from a contact",
            ),
            pytest.param("919874532456@c.us", "919874532456", id="contact id"),
            pytest.param(" 919874532456@c.us\n", "919874532456", id="contact id in spaces"),
            pytest.param("6834000", "6834000", id="shortest: Niue"),
            pytest.param("491512345678901", "491512345678901", id="longest"),
        ],
    )
    def test_becomes_bare_digits(self, written: object, digits: str) -> None:
        assert to_digits(written) == digits

    @pytest.mark.parametrize(
        "digits",
        [
            pytest.param("5215512345678", id="Mexico with the old 1"),
            pytest.param("551187654321", id="Brazil with eight digits"),
            pytest.param("5493511234567", id="Argentina with the 9"),
        ],
    )
    def test_old_national_forms_stay_as_they_are(self, digits: str) -> None:
        assert to_digits(f"+{digits}") == digits

    @pytest.mark.parametrize("digits", ["5215512345678", "551187654321"])
    def test_old_national_forms_are_told_from_numbers_of_today(self, digits: str) -> None:
        assert not is_plausible(digits)
        assert is_plausible("919537851844")


class TestRefused:
    @pytest.mark.parametrize(
        ("written", "why"),
        [
            pytest.param("12", "has 2 digits; a number with its country code has 7 to 15", id="too short"),
            pytest.param("919874", "has 6 digits", id="six digits"),
            pytest.param("9198745324569999", "has 16 digits", id="too long"),
            pytest.param("abc", "has no digits", id="letters"),
            pytest.param("91 98745 32456 ext. 3", "is not a phone number", id="extension"),
            pytest.param("98745 32456, 91 98745 32456", "is not a phone number", id="two in one"),
            pytest.param("٩١٩٨٧٤٥٣٢٤٥٦", "is not a phone number", id="digits of another script"),
            pytest.param("++919874532456", "is not a phone number", id="two pluses"),
            pytest.param("", "is empty", id="empty"),
            pytest.param(" - ", "is empty", id="nothing but separators"),
            pytest.param("None", "a template found no value", id="the text None"),
            pytest.param(None, "is None", id="None"),
            pytest.param(919874532456.0, "is a float; write the number as text", id="float"),
            pytest.param(True, "is a bool", id="bool"),
            pytest.param(["919874532456"], "is a list", id="list"),
            pytest.param("999123456789", "does not start with a country code", id="no such country"),
            pytest.param("00919874532456", "country code; write it without the leading zeros", id="00"),
            pytest.param("09874532456", "country code; write it without the leading zeros", id="national"),
        ],
    )
    def test_says_why(self, written: object, why: str) -> None:
        with pytest.raises(ValueError, match=re.escape(why)) as refused:
            to_digits(written)
        # The number that it shows as an example is nobody's that was given.
        assert not WHOLE_NUMBER.search(str(refused.value).replace("such as '919876543210'", ""))

    def test_any_number_is_either_judged_or_refused(self) -> None:
        """No number that gets past the digits and the country code may make `phonenumbers` raise."""
        chance = random.Random(1040)
        judged = 0
        for _ in range(3000):
            try:
                number = to_digits("".join(chance.choices("0123456789", k=chance.randint(5, 17))))
            except ValueError:
                continue
            assert is_plausible(number) in (True, False)
            judged += 1
        assert judged > 1000


class TestMasking:
    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            pytest.param("919537851844", "9195•••••844", id="number"),
            pytest.param("+91 95378 51844", "9195•••••844", id="spelling"),
            pytest.param("919537851844@c.us", "9195•••••844", id="contact id"),
            pytest.param("4567890", "45••••0", id="short number"),
            pytest.param("123456", "123456", id="no number"),
            pytest.param("phone-bqzvyibhmwkaergr", "phone-bqzvyibhmwkaergr", id="phone id"),
            pytest.param("a" * 30, "a" * 24 + "…", id="long text"),
        ],
    )
    def test_of_one_value(self, written: str, shown: str) -> None:
        assert masked(written) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "Participant 919537851844 is not on WhatsApp",
            "919537851844@c.us failed",
            "+91 95378 51844, +91-95378-51844",
            "(+91) 95378-51844",
            "/chats/919537851844@c.us",
            "919537851844919537851844",
        ],
    )
    def test_of_a_text(self, text: str) -> None:
        shown = mask_numbers(text)
        assert "•" in shown
        assert "53785" not in re.sub(r"\D", "", shown)

    def test_leaves_the_rest_of_a_text(self) -> None:
        assert mask_numbers("You can only make 10 requests per 1 second (HTTP 429)") == (
            "You can only make 10 requests per 1 second (HTTP 429)"
        )
        assert mask_numbers("No 919537851844 here") == "No 9195•••••844 here"


class TestPhoneId:
    @pytest.mark.parametrize("text", ["phone-bqzvyibhmwkaergr", "phone-abc"])
    def test_is_one(self, text: str) -> None:
        assert is_phone_id(text)

    @pytest.mark.parametrize(
        "text", ["919537851844", "phone-", "phone-a b", "phone-ab\n", "phone-x\r\nX-Evil: 1"]
    )
    def test_is_none(self, text: str) -> None:
        assert not is_phone_id(text)
