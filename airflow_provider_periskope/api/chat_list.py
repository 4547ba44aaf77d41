"""Reading the list of chats while it changes: newest change first, by offset, in pages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Page = list[dict[str, Any]]

log = logging.getLogger(__name__)

PAGE_SIZE = 2000
"""Chats in a page, the most that the API gives."""

PAGE_OVERLAP = 20
"""Chats that each page repeats of the one before, so that it shows when the list got shorter in between."""

PAGES_BETWEEN_LOGS = 10


def row_id(row: Mapping[str, Any]) -> str:
    """Return what distinguishes a row of the list: a chat may have one for each phone that is in it."""
    # Not a tuple: a hundred thousand of them would keep the garbage collector busy.
    return f"{row['chat_id']} {row.get('org_phone')}"


def pages(fetch: Callable[[int, int], Page]) -> Iterator[Page]:
    """
    Go through the whole list, holding one page at a time.

    A page overlaps the one before. Where the overlap is gone, the list got shorter while it was read, and rows were
    skipped: then reading steps back until it meets the page before again.

    :param fetch: returns the rows from an offset on, up to a limit.
    :return: pages of rows, each row with a ``chat_id``; a chat that changes meanwhile can come twice.
    """
    offset = 0
    known: set[str] = set()
    while True:
        rows = fetch(offset, PAGE_SIZE)
        ids = {row_id(row) for row in rows}
        if offset > 1 and known.isdisjoint(ids):
            offset = max(0, offset - PAGE_SIZE // 2)
            continue
        fresh = [row for row in rows if row_id(row) not in known]
        if not fresh:
            return
        offset += max(1, len(rows) - PAGE_OVERLAP)
        known = ids
        yield fresh
        # Two pages at a time would make the garbage collector take as long as all the rest.
        del rows, fresh


class ChangingList:
    """
    The list of chats, read several times.

    What changes while the list is read moves to its front, behind the reader. So after a full reading the front is read
    again, up to the first page whose last row has not changed since.

    :param read: starts reading the list, page by page.
    :param see: called with each row.
    :ivar is_read: whether the whole list was read once.
    :ivar spans_pages: whether the list may be longer than its first page, so that its front is not all of it.
    """

    def __init__(self, read: Callable[[], Iterator[Page]], see: Callable[[dict[str, Any]], None]) -> None:
        self._read_pages = read
        self._see = see
        self._front: dict[str, Any] = {}
        self.is_read = False
        self.spans_pages = False

    def read_all(self) -> None:
        """Read the whole list, then what moved to its front meanwhile."""
        self._read(until_unchanged=False)
        self.is_read = True
        if self.spans_pages:
            self.read_front()

    def read_front(self) -> None:
        """Read the list up to where it has not changed since the last reading."""
        self._read(until_unchanged=True)

    def _read(self, *, until_unchanged: bool) -> None:
        before = self._front
        number = rows = 0
        for page in self._read_pages():
            number += 1  # noqa: SIM113 (each page is released before the next one is read: enumerate() would hold it)
            rows += len(page)
            # What was behind a full page may all have moved to the front before it was read.
            self.spans_pages |= number > 1 or rows >= PAGE_SIZE
            if number == 1:
                self._front = {row_id(row): row.get("updated_at") for row in page}
            for row in page:
                self._see(row)
            if number % PAGES_BETWEEN_LOGS == 0:
                log.info("%s chats read so far.", f"{rows:,}")
            last = page[-1]
            if until_unchanged and before.get(row_id(last), before) == last.get("updated_at"):
                return
            del page, row, last
