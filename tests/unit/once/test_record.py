from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_periskope.once.record import Memory, Record, State

EARLY = datetime(2026, 1, 1, 10, tzinfo=UTC)
LATE = EARLY + timedelta(minutes=5)
NEW = Record("identity")
SENT = NEW.sent(1, EARLY)


class TestTransitions:
    def test_nothing_is_known_at_first(self) -> None:
        assert (NEW.state, NEW.sent_at, NEW.first_sent_at, NEW.result) == (State.NONE, None, None, None)

    def test_unsent(self) -> None:
        assert NEW.unsent(3) == Record("identity", 3, State.UNSENT)

    def test_sent_keeps_the_first_of_several_moments(self) -> None:
        again = SENT.sent(2, LATE)
        assert (again.state, again.on_try) == (State.SENT, 2)
        assert (again.first_sent_at, again.sent_at) == (EARLY, LATE)

    def test_a_refusal_leaves_an_older_doubt(self) -> None:
        assert NEW.refused(1, older_doubt=False) == NEW.unsent(1)
        for before in (NEW, SENT):
            refused = before.refused(2, older_doubt=True)
            assert (refused.state, refused.on_try, refused.sent_at) == (State.LOOKED, 2, before.sent_at)

    def test_looked_keeps_the_moments(self) -> None:
        assert (SENT.looked().state, SENT.looked().sent_at) == (State.LOOKED, EARLY)

    def test_done(self) -> None:
        done = SENT.done(2, {"chat_id": "1@g.us"})
        assert (done.state, done.on_try, done.result) == (State.DONE, 2, {"chat_id": "1@g.us"})


RECORDS = [NEW, NEW.unsent(1), SENT, SENT.sent(2, LATE), SENT.looked(), SENT.done(1, {"chat_id": "1@g.us"})]


class Store(dict[str, Any]):
    """Keeps what JSON keeps, as Airflow's does."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.state))
class TestMemory:
    def test_of_the_store(self, record: Record) -> None:
        store = Store()
        Memory(store).keep("group", record)
        assert Memory(store).of("group", "identity") == record

    def test_of_a_deferral(self, record: Record) -> None:
        memory = Memory(None)
        memory.keep("group", record)
        carried = json.loads(json.dumps(memory.carried()))
        assert Memory(None, carried).of("group", "identity") == record
        assert Memory(None).of("group", "identity") == NEW

    def test_of_something_else_is_known_but_is_not_its_own(self, record: Record) -> None:
        memory = Memory(Store())
        memory.keep("group", record)
        assert memory.of("group", "another") == Record("another")
        assert memory.latest("group") == record
        assert memory.latest("message") is None
        assert memory.of("message", "identity") == NEW
