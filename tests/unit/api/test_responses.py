"""How long a response asks to wait."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
import requests

from airflow_provider_periskope.api.responses import seconds_to_wait


@pytest.mark.parametrize(("ahead", "least", "most"), [(0, 4.1, 4.9), (-2, 5, 5), (2, 5, 5)])
def test_the_workers_clock_says_the_fraction_of_a_second_where_it_agrees(
    ahead: int, least: float, most: float
) -> None:
    while not 0.2 < (now := time.time()) % 1 < 0.7:
        time.sleep(0.05)
    by_api = int(now) + ahead
    response = requests.Response()
    response.headers["Date"] = formatdate(by_api, usegmt=True)
    response.headers["X-RateLimit-Reset"] = str(by_api + 5)
    seconds = seconds_to_wait(response)
    assert seconds is not None
    assert least <= seconds <= most
