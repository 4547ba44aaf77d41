"""Which chats of the list count as a group of the name that is looked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeGroupExistsError,
    PeriskopeNotFoundError,
)
from airflow_provider_periskope.models import Chat, NewGroup, Phone
from airflow_provider_periskope.once.doubt import Window
from airflow_provider_periskope.once.group import OneGroup, same_name

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE = "919876543210"
OTHER = "918527184400"
NAME = "Café stand-up"
CREATED_AT = datetime(2026, 1, 1, 10, tzinfo=UTC)


def row(chat_id: str, name: object = NAME, **fields: Any) -> dict[str, Any]:
    return {
        "chat_id": chat_id,
        "chat_name": name,
        "chat_type": "group",
        "created_at": CREATED_AT.isoformat(),
        "updated_at": f"2026-01-01T10:00:00+00:00 {chat_id}",
        "invite_link": f"https://example.com/{chat_id}",
        "is_exited": False,
        "org_phone": f"{PHONE}@c.us",
        **fields,
    }


class Phones:
    """Stands in for the hook: gives one list after another, and the creators of groups."""

    periskope_conn_id = "periskope_default"
    api_clock_ahead = None

    def __init__(self, *lists: list[dict[str, Any]], phone: str = PHONE, **creators: str) -> None:
        self.phone = phone
        self._lists = list(lists)
        self._creators = creators
        self.phone_reads = 0

    def iter_chat_pages(self, chat_type: str) -> Iterator[list[dict[str, Any]]]:
        assert chat_type == "group"
        yield self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]

    def get_phone(self) -> Phone:
        self.phone_reads += 1
        return Phone(org_phone=f"{PHONE}@c.us")

    def get_chat(self, chat_id: str) -> Chat:
        creator = self._creators.get(chat_id.partition("@")[0])
        if creator is None:
            raise PeriskopeNotFoundError("No such chat.", status=404)
        members = {f"{OTHER}@c.us": {}, f"{PHONE}@c.us": {}, creator: {"is_super_admin": True}}
        return Chat.model_validate({"chat_id": chat_id, "members": members})


def group_of(hook: Phones, *, if_exists: Any = "reuse") -> OneGroup:
    return OneGroup(hook, NewGroup(group_name=NAME, participants=[OTHER]), if_exists=if_exists)  # type: ignore[arg-type]


def ids(group: OneGroup, window: Window | None = None) -> list[str]:
    """Return the ids of the groups that count; without a window, of those from before the run."""
    try:
        found = group.look(window, last=True)
    except PeriskopeAmbiguousGroupError as several:
        return list(several.chat_ids)
    return [found["chat_id"]] if found else []


def seen(*rows: dict[str, Any], phone: str = PHONE) -> list[str]:
    return ids(group_of(Phones(list(rows), phone=phone)))


class TestNames:
    @pytest.mark.parametrize(
        "other",
        [
            pytest.param("Cafe\N{COMBINING ACUTE ACCENT} stand-up", id="decomposed"),
            pytest.param("  Café   stand-up\n", id="white space"),
            pytest.param("Café\N{NO-BREAK SPACE}stand-up", id="other space"),
        ],
    )
    def test_are_the_same(self, other: str) -> None:
        assert same_name(other) == same_name(NAME)
        assert seen(row("1@g.us", other)) == ["1@g.us"]

    @pytest.mark.parametrize(
        "other", ["café stand-up", "Café stand-up 2", "Cafe stand-up", "", None, 5, ["x"]]
    )
    def test_are_others(self, other: object) -> None:
        assert same_name(other) != same_name(NAME)
        assert seen(row("1@g.us", other)) == []


class TestFromBeforeTheRun:
    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"is_exited": True}, id="left"),
            pytest.param({"chat_type": "user"}, id="person"),
            pytest.param({"org_phone": f"{OTHER}@c.us"}, id="of another phone"),
        ],
    )
    def test_does_not_count(self, fields: dict[str, Any]) -> None:
        assert seen(row("1@g.us", **fields)) == []

    @pytest.mark.parametrize("fields", [{}, {"is_exited": True}])
    @pytest.mark.parametrize("phone", [PHONE, "phone-abc"])
    def test_a_row_for_another_phone_that_is_in_the_group_takes_nothing_back(
        self, phone: str, fields: dict[str, Any]
    ) -> None:
        ours, theirs = row("1@g.us"), row("1@g.us", org_phone=f"{OTHER}@c.us", **fields)
        assert seen(ours, theirs, phone=phone) == seen(theirs, ours, phone=phone) == ["1@g.us"]

    def test_a_row_that_names_all_phones_in_the_group_is_of_each(self) -> None:
        phones = [f"{OTHER}@c.us", f"{PHONE}@c.us"]
        assert seen(row("1@g.us", org_phone=phones[0], chat_org_phones=phones)) == ["1@g.us"]
        assert seen(row("1@g.us", org_phone=phones[0], chat_org_phones=phones[:1])) == []

    def test_one_whose_phone_is_not_known_is_not_reused(self) -> None:
        hook = Phones([row("1@g.us", org_phone=None)])
        with pytest.raises(PeriskopeAmbiguousGroupError, match="It is unknown whether this phone is in"):
            group_of(hook).look(None, last=True)

    @pytest.mark.parametrize(
        ("fields", "described"),
        [
            pytest.param({}, "1@g.us (created 2026-01-01 10:00:00 UTC)", id="all known"),
            pytest.param(
                {"created_at": None, "org_phone": None},
                "1@g.us (creation time unknown, phone unknown)",
                id="nothing known",
            ),
            pytest.param(
                {"chat_id": "919537851844-1398000000@g.us"},
                "9195•••••844-1398000000@g.us (created 2026-01-01 10:00:00 UTC)",
                id="an id with a number in it",
            ),
        ],
    )
    def test_is_described_by_what_the_list_says(self, fields: dict[str, Any], described: str) -> None:
        hook = Phones([{**row("1@g.us"), **fields}])
        with pytest.raises(PeriskopeGroupExistsError) as error:
            group_of(hook, if_exists="fail").look(None, last=True)
        assert described in str(error.value)

    def test_comes_with_its_link(self) -> None:
        assert group_of(Phones([row("1@g.us")])).look(None, last=True) == {
            "chat_id": "1@g.us",
            "invite_link": "https://example.com/1@g.us",
            "outcome": "reused",
        }

    def test_one_that_was_left_meanwhile_is_gone(self) -> None:
        hook = Phones([row("1@g.us"), row("2@g.us")], [row("1@g.us"), row("2@g.us", is_exited=True)])
        group = group_of(hook)
        assert ids(group) == ["1@g.us", "2@g.us"]
        assert ids(group) == ["1@g.us"]


class TestOurOwn:
    """Of the groups that were created when ours can have been, the one that our phone has created."""

    WINDOW = Window(CREATED_AT - timedelta(minutes=1), CREATED_AT + timedelta(minutes=1))

    @pytest.mark.parametrize(
        ("creator", "found"),
        [
            pytest.param(f"{PHONE}@c.us", ["1@g.us"], id="our phone"),
            pytest.param(f"{OTHER}@c.us", [], id="another"),
            pytest.param("77@lid", ["1@g.us"], id="number hidden"),
            pytest.param(None, ["1@g.us"], id="not known"),
        ],
    )
    def test_is_not_one_that_another_phone_has_created(self, creator: str | None, found: list[str]) -> None:
        hook = Phones([row("1@g.us")], **({"1": creator} if creator else {}))
        assert ids(group_of(hook, if_exists="create"), self.WINDOW) == found

    @pytest.mark.parametrize(
        ("creator", "found"),
        [
            pytest.param(f"{PHONE}@c.us", ["1@g.us"], id="our phone"),
            pytest.param(f"{OTHER}@c.us", [], id="another"),
            # Then a person has to decide, because our phone is in it.
            pytest.param("77@lid", ["1@g.us"], id="number hidden"),
        ],
    )
    def test_can_have_only_a_row_for_another_phone_that_is_in_it(
        self, creator: str, found: list[str]
    ) -> None:
        hook = Phones([row("1@g.us", org_phone=f"{OTHER}@c.us")], **{"1": creator})
        assert ids(group_of(hook, if_exists="create"), self.WINDOW) == found

    def test_of_a_phone_whose_number_is_not_known_is_not_excluded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hook = Phones([row("1@g.us")], phone="phone-abc", **{"1": f"{PHONE}@c.us"})
        monkeypatch.setattr(hook, "get_phone", Phone)
        with pytest.raises(PeriskopeAmbiguousGroupError, match="too little is known") as error:
            group_of(hook, if_exists="create").look(self.WINDOW, last=True)
        assert error.value.chat_ids == ("1@g.us",)

    def test_the_creator_tells_one_from_others(self) -> None:
        rows = [row(f"{number}@g.us") for number in range(4)]
        creators = {str(number): f"{OTHER}@c.us" for number in range(4)} | {"2": f"{PHONE}@c.us"}
        assert ids(group_of(Phones(rows, **creators), if_exists="create"), self.WINDOW) == ["2@g.us"]

    def test_an_old_one_is_not_asked_about(self) -> None:
        hook = Phones([row("1@g.us", created_at="2025-01-01T10:00:00+00:00")])
        hook.get_chat = None  # type: ignore[assignment,method-assign]
        assert ids(group_of(hook, if_exists="create"), self.WINDOW) == []


class TestPhoneById:
    def test_is_resolved_once_and_only_when_it_matters(self) -> None:
        hook = Phones(
            [row("1@g.us"), row("2@g.us", org_phone=f"{OTHER}@c.us"), row("3@g.us")], phone="phone-abc"
        )
        assert ids(group_of(hook)) == ["1@g.us", "3@g.us"]
        assert hook.phone_reads == 1

        other = Phones([row("1@g.us", "another name")], phone="phone-abc")
        assert ids(group_of(other)) == []
        assert other.phone_reads == 0

    def test_that_could_not_be_asked_for_is_asked_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hook = Phones([row("1@g.us")], phone="phone-abcdefghijklmnop")
        group = group_of(hook)
        with monkeypatch.context() as patch:
            patch.setattr(hook, "get_phone", lambda: (_ for _ in ()).throw(TimeoutError))
            with pytest.raises(TimeoutError):
                group.look(None, last=True)
        assert ids(group) == ["1@g.us"]

    def test_our_own_under_another_form_of_its_number_counts(self) -> None:
        assert seen(row("1@g.us"), phone="918765432109") == ["1@g.us"]

    def test_of_others_is_asked_for_once(self) -> None:
        hook = Phones([row(f"{number}@g.us", org_phone="911111111111@c.us") for number in range(3)])
        assert (ids(group_of(hook)), hook.phone_reads) == ([], 1)
