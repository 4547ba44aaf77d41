"""The calls that add people to a group and remove them, at the socket."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_periskope.exceptions import PeriskopeOutcomeUnknownError

KNOWN = "919537851844"


def test_a_response_that_says_nothing_of_anybody_is_a_lost_one(
    serve: Any, connect: Any, raw_answer: Any
) -> None:
    hook = connect(serve(raw_answer(200, {"ok": True})).url)
    with pytest.raises(PeriskopeOutcomeUnknownError):
        hook.add_participants("120363392071406466@g.us", [KNOWN])


def test_a_removal_is_sent_again_after_a_lost_response(serve: Any, connect: Any, raw_answer: Any) -> None:
    gone = raw_answer(200, {f"{KNOWN}@c.us": {"is_success": True, "code": 200}})
    server = serve(None, gone)
    (result,) = connect(server.url).remove_participants("120363392071406466@g.us", [KNOWN]).values()
    assert (result.of_removing, len(server.requests)) == ("removed", 2)
