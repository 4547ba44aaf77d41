"""An alert ends in time, whatever the network does."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.exceptions import PeriskopeError, PeriskopeOutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_AT_ONCE = 8
"""How many alerts a triggerer sends at the same time."""


@cache
def threads() -> ThreadPoolExecutor:
    """Return the threads in which a triggerer sends alerts: not those that its other triggers share."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="periskope-alert")


def finish_in_time(work: Callable[[], Any], until: float) -> Any:
    """
    Do something, and leave it behind if it does not end in time.

    The timeouts of a request do not cover all that can take long: a name that is not resolved, a host with many
    addresses, a response that arrives byte by byte. The thread that is left behind ends with the process.

    :param work: what to do.
    :param until: moment by ``time.monotonic()``.
    :return: what the work returns.
    :raises PeriskopeError: if it is too late to begin.
    :raises PeriskopeOutcomeUnknownError: if the work has not ended in time; and whatever the work raises.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise PeriskopeError(
            "Its time was over before its turn came.",
            what_to_do="Check whether Periskope's API responds: other alerts are waiting for it.",
        )
    result: Future[Any] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # To be raised where it is waited for.
            result.set_exception(error)

    Thread(target=run, name="periskope-alert", daemon=True).start()
    try:
        return result.result(left)
    except TimeoutError:
        if result.done():
            raise
        raise PeriskopeOutcomeUnknownError(
            "No result in time.",
            what_to_do="Check name resolution, proxy and network of the machine that runs the callback.",
        ) from None
