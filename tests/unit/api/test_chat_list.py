from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.api import chat_list
from airflow_provider_periskope.api.chat_list import ChangingList

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

Rows = list[dict[str, Any]]


def row(chat_id: str, **fields: Any) -> dict[str, Any]:
    return {"chat_id": chat_id, "updated_at": f"2026-01-01T10:00:00+00:00 {chat_id}", **fields}


class Lists:
    """Gives the pages of one list after another, and counts those that were read."""

    def __init__(self, *lists: list[Rows]) -> None:
        self._lists = list(lists)
        self.pages_read: list[int] = []

    def __call__(self) -> Iterator[Rows]:
        self.pages_read.append(0)
        pages = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        for page in pages:
            self.pages_read[-1] += 1
            yield page


def reading(lists: Any) -> tuple[ChangingList, list[str]]:
    """Return a list, and the ids of the rows that were seen in it."""
    seen: list[str] = []
    return ChangingList(lists, lambda row: seen.append(row["chat_id"])), seen


PAGES = [[row(f"{page}{number}@g.us") for number in range(5)] for page in range(4)]


def test_one_of_a_single_page_is_read_once() -> None:
    lists = Lists(PAGES[:1])
    chats, seen = reading(lists)
    assert not chats.is_read
    chats.read_all()
    assert chats.is_read
    assert (lists.pages_read, len(seen)) == ([1], 5)
    assert not chats.spans_pages


def test_an_empty_one_counts_as_read() -> None:
    chats, _ = reading(Lists([]))
    chats.read_all()
    assert chats.is_read
    assert not chats.spans_pages


def test_a_longer_one_is_read_again_up_to_where_nothing_changed() -> None:
    lists = Lists(PAGES)
    chats, _ = reading(lists)
    chats.read_all()
    assert lists.pages_read == [4, 1]
    assert chats.spans_pages
    chats.read_front()
    assert lists.pages_read == [4, 1, 1]


def test_what_came_to_the_front_meanwhile_is_seen() -> None:
    moved = row("moved@g.us", updated_at="2026-01-01T11:00:00+00:00")
    lists = Lists(PAGES, [[moved, *PAGES[0][:4]], *PAGES[1:]])
    chats, seen = reading(lists)
    chats.read_all()
    assert "moved@g.us" in seen
    assert lists.pages_read == [4, 1]


def test_the_only_one_behind_a_full_page_moves_to_the_front_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat_list, "PAGE_SIZE", 5)
    monkeypatch.setattr(chat_list, "PAGE_OVERLAP", 1)
    rows = [row(f"{number}@g.us") for number in range(6)]

    def fetch(offset: int, limit: int) -> Rows:
        page = rows[offset : offset + limit]
        if rows[-1]["chat_id"] == "5@g.us":
            rows.insert(0, {**rows.pop(), "updated_at": "2026-01-01T11:00:00+00:00"})
        return page

    chats, seen = reading(lambda: chat_list.pages(fetch))
    chats.read_all()
    assert "5@g.us" in seen
    assert chats.spans_pages


def test_reading_continues_while_the_front_is_all_new() -> None:
    new = [row(f"new{number}@g.us") for number in range(5)]
    lists = Lists(PAGES, [new, [row("late@g.us"), *PAGES[0][:4]], *PAGES[1:]])
    chats, seen = reading(lists)
    chats.read_all()
    assert "late@g.us" in seen
    assert lists.pages_read == [4, 2]


def test_a_long_one_shows_that_it_is_alive(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    chats, _ = reading(Lists([[row(f"{page}@g.us")] for page in range(25)]))
    chats.read_all()
    assert [record.getMessage() for record in caplog.records] == [
        "10 chats read so far.",
        "20 chats read so far.",
    ]


def test_one_page_is_held_at_a_time() -> None:
    class Page(list[dict[str, Any]]):
        """A list that can be watched."""

    held: list[bool] = []

    def watched() -> Iterator[Rows]:
        for number in range(3):
            page = Page([row(f"{number}@g.us")])
            watch = weakref.ref(page)
            yield page
            del page
            held.append(watch() is not None)

    chats = ChangingList(watched, lambda row: None)
    chats._read(until_unchanged=False)
    assert held == [False, False, False]
