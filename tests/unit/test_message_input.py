from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_periskope.exceptions import PeriskopeInputError
from airflow_provider_periskope.input.message import check_message

GROUP = "120363392071406466@g.us"
PICTURE = {"type": "image", "url": "https://example.com/a.png"}
POLL = {"pollName": "Which day?", "pollOptions": ["Monday", "Tuesday"]}


def body_of(*args: Any, **more: Any) -> dict[str, Any]:
    return check_message(*args, **more)[0].body()


def problems_of(*args: Any, **more: Any) -> tuple[str, ...]:
    with pytest.raises(PeriskopeInputError) as error:
        check_message(*args, **more)
    count = len(error.value.problems)
    counted = "1 problem" if count == 1 else f"{count} problems"
    assert str(error.value).startswith(
        f"The message was refused, nothing was sent: {counted} with the input.\n- "
    )
    return error.value.problems


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("Join None", True),
        ("Join: None.", True),
        ("Join: ['https://chat.whatsapp.com/a', 'https://chat.whatsapp.com/b']", True),
        ("None of you is late", False),
        ("Options: [a, b]", False),
    ],
)
def test_a_text_in_which_a_template_may_have_found_nothing_or_too_much(text: str, warned: bool) -> None:
    _, warnings = check_message(GROUP, text)
    assert any("a template may have found no value" in warning for warning in warnings) == warned
    assert not any("whatsapp.com" in warning for warning in warnings)


class TestChat:
    @pytest.mark.parametrize(
        ("written", "chat_id"),
        [
            pytest.param(GROUP, GROUP, id="group"),
            pytest.param(f" {GROUP}\n", GROUP, id="group, spaces around"),
            pytest.param("919537851844-1423046482@g.us", "919537851844-1423046482@g.us", id="old group"),
            pytest.param("919537851844@c.us", "919537851844@c.us", id="person"),
            pytest.param("+91 95378-51844", "919537851844@c.us", id="number as people write it"),
            pytest.param(919537851844, "919537851844@c.us", id="number of a native template"),
            pytest.param("152707231928423@lid", "152707231928423@lid", id="person without a number"),
        ],
    )
    def test_of_every_form(self, written: object, chat_id: str) -> None:
        assert body_of(written, "Hello") == {"chat_id": chat_id, "message": "Hello"}

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            pytest.param(None, "chat_id is None: expected the id of a group", id="None"),
            pytest.param("None", "template found no value", id="a template that found nothing"),
            pytest.param("", "chat_id is empty", id="empty"),
            pytest.param("Stand-up", "has no digits", id="name"),
            pytest.param("https://chat.whatsapp.com/x", "has no digits", id="link"),
            pytest.param("Stand-up@g.us", "is not the id of a group", id="name with a suffix"),
            pytest.param("9537851844", None, id="plausible digits are somebody's number"),
            pytest.param("000120363392071406466", "has 21 digits", id="group without a suffix"),
            pytest.param([GROUP], "map over them: .partial(…).expand(chat_id=…)", id="list"),
            pytest.param(
                SimpleNamespace(task_id="create_group", output=None),
                "did you mean create_group.output",
                id="task",
            ),
            pytest.param(True, "is a bool", id="bool"),
        ],
    )
    def test_that_is_none_is_refused(self, written: object, problem: str | None) -> None:
        if problem is None:
            assert check_message(written, "Hello")[0].chat_id == "9537851844@c.us"
        else:
            (found,) = problems_of(written, "Hello")
            assert problem in found

    def test_no_problem_shows_a_number(self) -> None:
        (problem,) = problems_of("0919537851844", "Hello")
        assert "0919•••••••44" not in problem
        assert "919537851844" not in problem


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("a" * 65_536, id="as long as may be"),
            pytest.param("  indented\n\n*bold* 🎉 \r\nlast  ", id="white space is kept"),
        ],
    )
    def test_goes_out_as_it_is(self, text: str) -> None:
        assert body_of(GROUP, text)["message"] == text

    def test_of_digits_in_a_native_template(self) -> None:
        assert body_of(GROUP, 2026)["message"] == "2026"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            pytest.param("a" * 65_537, "65,537 characters; WhatsApp's limit is 65,536", id="too long"),
            pytest.param("", "message is empty", id="empty"),
            pytest.param(" \n", "message is empty", id="blank"),
            pytest.param("None", "template found no value", id="a template that found nothing"),
            pytest.param(["a"], "message is a list: expected text", id="list"),
            pytest.param(True, "message is a bool: expected text", id="bool"),
            pytest.param("half \ud83d", "surrogate", id="not a character"),
        ],
    )
    def test_that_cannot_be_sent_is_refused(self, text: object, problem: str) -> None:
        (found,) = problems_of(GROUP, text)
        assert problem in found

    def test_nothing_to_send_is_refused(self) -> None:
        assert problems_of(GROUP) == (
            "message, media and poll are all None: expected a text, a file or a poll",
        )

    @pytest.mark.parametrize("text", ["a" * 4_097, "Hello {{ name }}"], ids=["long", "not rendered"])
    def test_that_is_odd_is_sent_with_a_warning_that_shows_nothing_of_it(self, text: str) -> None:
        message, (warning,) = check_message(GROUP, text)
        assert message.message == text
        assert "aaa" not in warning
        assert "name" not in warning

    def test_of_usual_length_has_no_warning(self) -> None:
        assert check_message(GROUP, "a" * 4_096)[1] == []


class TestMedia:
    @pytest.mark.parametrize("write", [dict, json.dumps, str], ids=["mapping", "JSON", "Python literal"])
    def test_of_every_form(self, write: Any) -> None:
        assert body_of(GROUP, media=write(PICTURE)) == {"chat_id": GROUP, "media": PICTURE}

    def test_with_a_caption_and_all_fields(self) -> None:
        media = {
            "type": "document",
            "filedata": base64.b64encode(b"%PDF").decode(),
            "filename": "list.pdf",
            "mimetype": "application/pdf",
        }
        assert body_of(GROUP, "The list", media=media) == {
            "chat_id": GROUP,
            "message": "The list",
            "media": media,
        }

    @pytest.mark.parametrize(
        ("media", "problem"),
        [
            pytest.param({"type": "image"}, "media has neither of url and filedata", id="neither"),
            pytest.param({**PICTURE, "filedata": "YQ=="}, "media has both of url and filedata", id="both"),
            pytest.param({"url": PICTURE["url"]}, "media.type is missing", id="no type"),
            pytest.param(
                {**PICTURE, "type": "gif"}, "media.type is not valid: expected 'document'", id="type"
            ),
            pytest.param({**PICTURE, "url": "file:///etc/x"}, "media.url is not a valid http", id="url"),
            pytest.param(
                {"type": "image", "filedata": "no!"}, "media.filedata is not valid base64", id="base64"
            ),
            pytest.param({**PICTURE, "caption": "x"}, "media.caption is not a valid field", id="field"),
            pytest.param(
                {**PICTURE, "filename": 7}, "media.filename is an int: expected text", id="filename"
            ),
            pytest.param("None", "template found no value", id="a template that found nothing"),
            pytest.param([PICTURE], "media is a list: expected a mapping", id="list"),
        ],
    )
    def test_that_cannot_be_sent_is_refused(self, media: object, problem: str) -> None:
        (found,) = problems_of(GROUP, media=media)
        assert problem in found


class TestPoll:
    def test_of_both_spellings(self) -> None:
        snake_case = {
            "poll_name": "Which day?",
            "poll_options": ["Monday", "Tuesday"],
            "options": {"allow_multiple_answers": "True"},
        }
        expected = {**POLL, "options": {"allowMultipleAnswers": True}}
        assert body_of(GROUP, poll=snake_case)["poll"] == expected
        assert body_of(GROUP, poll=expected)["poll"] == expected

    @pytest.mark.parametrize(
        ("poll", "problem"),
        [
            pytest.param({**POLL, "pollOptions": ["One"]}, "has 1 option; a poll has 2 to 12", id="one"),
            pytest.param({**POLL, "pollOptions": list("abcdefghijklm")}, "has 13 options", id="thirteen"),
            pytest.param(
                {**POLL, "pollOptions": ["a", "b", "a "]}, "repeats an earlier option at 2", id="twice"
            ),
            pytest.param({**POLL, "pollOptions": ["a", ""]}, "pollOptions[1] is empty", id="empty option"),
            pytest.param({**POLL, "pollOptions": "ab"}, "pollOptions is text: expected a list", id="text"),
            pytest.param(
                {**POLL, "pollOptions": ["a", 7]}, "pollOptions[1] is an int: expected text", id="int"
            ),
            pytest.param({**POLL, "pollName": " "}, "poll.pollName is empty", id="empty question"),
            pytest.param({**POLL, "pollName": "None"}, "pollName is the text 'None'", id="question None"),
            pytest.param({**POLL, "multiple": True}, "poll.multiple is not a valid field", id="field"),
            pytest.param(
                {**POLL, "options": {"allowMultipleAnswers": "maybe"}},
                "poll.options.allowMultipleAnswers is text: expected true or false",
                id="switch",
            ),
        ],
    )
    def test_that_cannot_be_sent_is_refused(self, poll: object, problem: str) -> None:
        (found,) = problems_of(GROUP, poll=poll)
        assert problem in found

    def test_beside_media_is_refused(self) -> None:
        assert problems_of(GROUP, poll=POLL, media=PICTURE) == (
            "media and poll are both given: a message has one or the other",
        )


class TestTheRest:
    def test_reply_and_preview(self) -> None:
        assert body_of(GROUP, "Yes", reply_to=" ABC ", hide_url_preview="True") == {
            "chat_id": GROUP,
            "message": "Yes",
            "reply_to": "ABC",
            "options": {"hide_url_preview": True},
        }

    @pytest.mark.parametrize(
        ("more", "problem"),
        [
            ({"reply_to": "None"}, "reply_to is the text 'None'"),
            ({"reply_to": 7}, "reply_to is an int"),
            ({"hide_url_preview": "maybe"}, "hide_url_preview is text: expected True, False or None"),
        ],
    )
    def test_refused(self, more: dict[str, Any], problem: str) -> None:
        (found,) = problems_of(GROUP, "Hello", **more)
        assert problem in found

    def test_all_problems_come_in_one_error(self) -> None:
        problems = problems_of("nobody", 1.5, media={"type": "gif"}, poll={"pollName": 7}, reply_to="")
        places = [problem.split()[0] for problem in problems]
        assert places == [
            "chat_id", "media", "message", "media.type", "poll.pollName", "poll.pollOptions", "reply_to"
        ]  # fmt: skip
