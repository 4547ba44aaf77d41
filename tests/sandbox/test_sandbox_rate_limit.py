from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from airflow_provider_periskope.sandbox.server import Sandbox

    Call = Callable[..., requests.Response]


def test_so_many_calls_in_so_many_seconds(sandbox: Sandbox, call: Call) -> None:
    sandbox.rate_limit = (3, 0.6)
    started = time.time()
    answers = [call("GET", "/phones") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["message"] == "You can only make 3 requests per 0.6 seconds"
    assert started + 0.6 <= int(answers[3].headers["X-RateLimit-Reset"]) <= started + 2
    time.sleep(max(0.0, started + 0.7 - time.time()))
    assert call("GET", "/phones").status_code == 200


def test_it_can_be_set_while_it_runs(sandbox: Sandbox, call: Call) -> None:
    assert "X-RateLimit-Limit" not in call("GET", "/phones").headers
    sandbox.rate_limit = "1/60s"
    assert [call("GET", "/phones").status_code for _ in range(2)] == [200, 429]
    sandbox.rate_limit = "off"
    assert call("GET", "/phones").status_code == 200


@pytest.mark.parametrize("value", ["ten", "0/1s", "10/0s", "10", "1/infs", (0, 1.0)])
def test_what_is_no_rate_limit_is_refused(sandbox: Sandbox, value: str) -> None:
    with pytest.raises(ValueError):
        sandbox.rate_limit = value


def test_a_create_takes_its_time_and_nothing_else_does(sandbox: Sandbox, call: Call, create: Call) -> None:
    sandbox.latency = 0.3
    started = time.perf_counter()
    assert create("Stand-up").status_code == 200
    made = time.perf_counter()
    assert made - started >= 0.3
    call("GET", "/phones")
    assert time.perf_counter() - made < 0.3
