from __future__ import annotations

import logging
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.group_search import GroupSearch, same_name
from airflow_provider_periskope.models import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE = "919876543210"
OTHER = "918527184400"
NAME = "Café stand-up"


def row(chat_id: str, name: object = NAME, **fields: Any) -> dict[str, Any]:
    return {
        "chat_id": chat_id,
        "chat_name": name,
        "chat_type": "group",
        "created_at": "2026-01-01T10:00:00+00:00",
        "updated_at": f"2026-01-01T10:00:00+00:00 {chat_id}",
        "invite_link": f"https://example.com/{chat_id}",
        "is_exited": False,
        "org_phone": f"{PHONE}@c.us",
        **fields,
    }


class Pages:
    """Stands in for the hook: gives the pages of one list after another, and counts those that were read."""

    def __init__(self, *lists: list[list[dict[str, Any]]], phone: str = PHONE) -> None:
        self.phone = phone
        self._lists = list(lists)
        self.pages_read: list[int] = []
        self.phone_reads = 0

    def iter_chat_pages(self, chat_type: str) -> Iterator[list[dict[str, Any]]]:
        assert chat_type == "group"
        self.pages_read.append(0)
        pages = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        for page in pages:
            self.pages_read[-1] += 1
            yield page

    def get_phone(self) -> Phone:
        self.phone_reads += 1
        return Phone(org_phone=f"{PHONE}@c.us")


def sighted(*rows: dict[str, Any], phone: str = PHONE) -> list[str]:
    search = GroupSearch(Pages([list(rows)], phone=phone), NAME)  # type: ignore[arg-type]
    search.read_all()
    return list(search.sightings)


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
        assert sighted(row("1@g.us", other)) == ["1@g.us"]

    @pytest.mark.parametrize(
        "other", ["café stand-up", "Café stand-up 2", "Cafe stand-up", "", None, 5, ["x"]]
    )
    def test_are_others(self, other: object) -> None:
        assert same_name(other) != same_name(NAME)
        assert sighted(row("1@g.us", other)) == []


class TestWhatIsSeen:
    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"is_exited": True}, id="left"),
            pytest.param({"chat_type": "user"}, id="person"),
            pytest.param({"org_phone": "918527184400@c.us"}, id="of another phone"),
        ],
    )
    def test_is_no_sighting(self, fields: dict[str, Any]) -> None:
        assert sighted(row("1@g.us", **fields)) == []

    @pytest.mark.parametrize("fields", [{}, {"is_exited": True}])
    @pytest.mark.parametrize("phone", [PHONE, "phone-abc"])
    def test_a_row_for_another_phone_that_is_in_the_group_takes_nothing_back(
        self, phone: str, fields: dict[str, Any]
    ) -> None:
        ours, theirs = row("1@g.us"), row("1@g.us", org_phone=f"{OTHER}@c.us", **fields)
        assert sighted(ours, theirs, phone=phone) == sighted(theirs, ours, phone=phone) == ["1@g.us"]

    def test_a_row_that_names_all_phones_in_the_group_is_of_each(self) -> None:
        phones = [f"{OTHER}@c.us", f"{PHONE}@c.us"]
        assert sighted(row("1@g.us", org_phone=phones[0], chat_org_phones=phones)) == ["1@g.us"]
        assert sighted(row("1@g.us", org_phone=phones[0], chat_org_phones=phones[:1])) == []

    def test_tells_nobodys_number_of_an_old_group(self) -> None:
        search = GroupSearch(Pages([[row("919537851844-1398000000@g.us")]]), NAME)  # type: ignore[arg-type]
        search.read_all()
        (sighting,) = search.sightings.values()
        assert str(sighting) == "9195•••••844-1398000000@g.us (made 2026-01-01 10:00:00 UTC)"

    def test_tells_what_the_list_told(self) -> None:
        search = GroupSearch(Pages([[row("1@g.us")]]), NAME)  # type: ignore[arg-type]
        search.read_all()
        (sighting,) = search.sightings.values()
        assert sighting.chat_id == "1@g.us"
        assert sighting.invite_link == "https://example.com/1@g.us"
        assert sighting.created_at == datetime(2026, 1, 1, 10, tzinfo=UTC)
        assert sighting.phone_known
        assert str(sighting) == "1@g.us (made 2026-01-01 10:00:00 UTC)"

    def test_tells_what_the_list_did_not_tell(self) -> None:
        search = GroupSearch(Pages([[row("1@g.us", created_at=None, org_phone=None)]]), NAME)  # type: ignore[arg-type]
        search.read_all()
        (sighting,) = search.sightings.values()
        assert (sighting.created_at, sighting.phone_known) == (None, False)
        assert str(sighting) == "1@g.us (made nobody knows when, phone not told)"

    def test_a_group_that_was_left_meanwhile_is_gone(self) -> None:
        pages = Pages([[row("1@g.us")]], [[row("1@g.us", is_exited=True)]])
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert list(search.sightings) == ["1@g.us"]
        search.read_front()
        assert search.sightings == {}


class TestPhoneById:
    def test_is_resolved_once_and_only_when_it_matters(self) -> None:
        pages = Pages(
            [[row("1@g.us"), row("2@g.us", org_phone="918527184400@c.us"), row("3@g.us")]], phone="phone-abc"
        )
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert list(search.sightings) == ["1@g.us", "3@g.us"]
        assert pages.phone_reads == 1

        other = Pages([[row("1@g.us", "another name")]], phone="phone-abc")
        GroupSearch(other, NAME).read_all()  # type: ignore[arg-type]
        assert other.phone_reads == 0


PAGES = [[row(f"{page}{number}@g.us", f"group {page}{number}") for number in range(5)] for page in range(4)]


class TestReading:
    def test_a_list_of_one_page_is_read_once(self) -> None:
        pages = Pages(PAGES[:1])
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert pages.pages_read == [1]
        assert not search.spans_pages

    def test_a_longer_one_is_read_again_up_to_where_nothing_changed(self) -> None:
        pages = Pages(PAGES)
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert pages.pages_read == [4, 1]
        assert search.spans_pages
        search.read_front()
        assert pages.pages_read == [4, 1, 1]

    def test_what_came_to_the_front_meanwhile_is_seen(self) -> None:
        moved = row("33@g.us", NAME, updated_at="2026-01-01T11:00:00+00:00")
        pages = Pages(PAGES, [[moved, *PAGES[0][:4]], *PAGES[1:]])
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert list(search.sightings) == ["33@g.us"]
        assert pages.pages_read == [4, 1]

    def test_goes_on_while_the_front_is_all_new(self) -> None:
        new = [row(f"new{number}@g.us", f"new {number}") for number in range(5)]
        pages = Pages(PAGES, [new, [row("late@g.us"), *PAGES[0][:4]], *PAGES[1:]])
        search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
        search.read_all()
        assert list(search.sightings) == ["late@g.us"]
        assert pages.pages_read == [4, 2]

    def test_shows_that_it_is_alive_in_a_long_list(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        pages = Pages([[row(f"{page}@g.us", "another")] for page in range(25)])
        GroupSearch(pages, NAME).read_all()  # type: ignore[arg-type]
        assert [record.getMessage() for record in caplog.records] == [
            f"Looking for group {NAME!r}: 10 chats read so far.",
            f"Looking for group {NAME!r}: 20 chats read so far.",
        ]


def test_a_group_of_our_own_phone_under_another_form_of_its_number_is_seen() -> None:
    assert sighted(row("1@g.us"), phone="918765432109") == ["1@g.us"]


def test_one_of_another_phone_is_none_and_our_own_is_asked_for_once() -> None:
    pages = Pages([[row(f"{number}@g.us", org_phone="911111111111@c.us") for number in range(3)]])
    search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
    search.read_all()
    assert (search.sightings, pages.phone_reads) == ({}, 1)


def test_a_phone_that_could_not_be_asked_for_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages([[row("1@g.us")]], phone="phone-abcdefghijklmnop")
    search = GroupSearch(pages, NAME)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        patch.setattr(pages, "get_phone", lambda: (_ for _ in ()).throw(TimeoutError))
        with pytest.raises(TimeoutError):
            search.read_all()
    search.read_all()
    assert search.sightings["1@g.us"].phone_known


class PagesThatAreWatched(Pages):
    """Gives pages, and notes of each whether the one before was still held when it was asked for."""

    class Page(list[dict[str, Any]]):
        """A list that can be watched."""

    def iter_chat_pages(self, chat_type: str) -> Iterator[list[dict[str, Any]]]:
        self.held: list[bool] = []
        for number in range(3):
            page = self.Page([row(f"{number}@g.us")])
            watch = weakref.ref(page)
            yield page
            del page
            self.held.append(watch() is not None)


def test_one_page_is_held_at_a_time() -> None:
    pages = PagesThatAreWatched()
    GroupSearch(pages, NAME)._read(until_unchanged=False)  # type: ignore[arg-type]
    assert pages.held == [False, False, False]
