"""The HTTP session: what may be sent again, and why a call failed."""

from __future__ import annotations

import logging
import math
import random
import re
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from airflow_provider_periskope.api.connecting import CONNECT_TIMEOUT, ConnectingAdapter, why_not_connected
from airflow_provider_periskope.api.responses import Call, no_response, read_response, responded_at
from airflow_provider_periskope.connection import is_loopback
from airflow_provider_periskope.exceptions import (
    PeriskopeConfigurationError,
    PeriskopeNoResponseError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.phone_numbers import mask_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.connection import ConnectionSettings

log = logging.getLogger(__name__)

WAIT_IN_PLACE = 10.0
"""Seconds that one call waits for rate limits in all before it fails, so that a task can give up its worker slot."""

CONNECT_TRIES = 4
"""How often a connection is tried before the failure counts."""

READ_TRIES = 3
"""How often a call that may be repeated is sent before its failure counts."""


class _MaskedPaths(logging.Filter):
    """Masks the numbers in the paths that urllib3 logs at level DEBUG: ids of chats can contain people's numbers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and re.search("@|%40", str(record.args)):
            record.args = tuple(
                mask_numbers(argument) if isinstance(argument, str) else argument for argument in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_MaskedPaths())


class ApiKey(AuthBase):
    """Puts the API key into a request; as ``auth`` of the session it keeps a ``.netrc`` from replacing the key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Client:
    """
    Sends calls over one HTTP session.

    A call is sent once. It is sent again where nothing can have arrived (after a failure to connect), where the API
    refused it for its rate and the wait is short, and where it may be repeated.

    :param settings: where to send, as whom, and how long to wait for a response.
    :param user_agent: value of the ``User-Agent`` header.
    :param time_limit: seconds that one call may take in all, its waits included. Default ``None``, no limit.
    :ivar api_clock_ahead: how far the API's clock is ahead of this machine's, as of the last response with a date.
    """

    def __init__(
        self, settings: ConnectionSettings, *, user_agent: str, time_limit: float | None = None
    ) -> None:
        self._settings = settings
        self._user_agent = user_agent
        self._time_limit = math.inf if time_limit is None else time_limit
        self.api_clock_ahead: timedelta | None = None

    @cached_property
    def session(self) -> requests.Session:
        """
        The session, with key, phone and User-Agent set; made once.

        :raises PeriskopeConfigurationError: if the environment names a CA bundle that does not exist.
        """
        settings = self._settings
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, ConnectingAdapter())
        session.auth = ApiKey(settings.api_key)
        session.headers.update(
            {"x-phone": settings.phone, "Accept": "application/json", "User-Agent": self._user_agent}
        )
        # Proxies and CA bundle of the environment are read once: at each call that takes as long as sending it.
        environment = session.merge_environment_settings(settings.base_url, {}, None, None, None)
        session.proxies, session.verify = environment["proxies"], environment["verify"]
        session.trust_env = False
        base = urlsplit(settings.base_url)
        if is_loopback(base.hostname or ""):
            session.proxies = {}  # No proxy reaches this machine's loopback, and http would show it the API key.
        if base.scheme == "https" and isinstance(session.verify, str) and not Path(session.verify).exists():
            raise PeriskopeConfigurationError(
                "The CA bundle of the environment does not exist.",
                what_to_do="Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) where the task runs.",
                details=[f"It names {session.verify}."],
            )
        return session

    def send(
        self, call: Call, *, before_sending: Callable[[], None] | None = None
    ) -> tuple[Any, requests.Response]:
        """
        Send a call until there is a response that counts, waiting out short rate limits.

        :param call: the call.
        :param before_sending: called right before each request is sent.
        :return: parsed JSON (``None`` for a response without a body), and the response.
        :raises PeriskopeConfigurationError: if the connection cannot be used.
        :raises PeriskopeUnreachableError: if no connection to the API could be made; nothing was sent.
        :raises PeriskopeApiError: of the kind that fits, if the API refused.
        :raises PeriskopeRateLimitError: if it asks for a wait of more than some 10 seconds.
        :raises PeriskopeNoResponseError: if no usable response came; of the kind
            :class:`~airflow_provider_periskope.exceptions.PeriskopeOutcomeUnknownError` for a call that creates
            something.
        """
        left = WAIT_IN_PLACE
        until = time.monotonic() + self._time_limit
        limits = failures = 0
        while True:
            try:
                response = self._send_once(call, before_sending, until)
                return read_response(response, call), response
            except PeriskopeRateLimitError as limit:
                limits += 1
                limit.retry_after = limit.retry_after or 2.0**limits
                # A task that is alone gains nothing by waiting longer, and one of many is refused again.
                wait = limit.retry_after + random.uniform(0, min(1, limits / 4))  # noqa: S311
                if limit.in_doubt or wait > left or time.monotonic() + wait > until:
                    raise
                left -= wait
                log.info("API rate limit reached: %s is sent again in %.1f s.", call, wait)
            except (PeriskopeUnreachableError, PeriskopeNoResponseError) as failure:
                failures += 1
                if isinstance(failure, PeriskopeUnreachableError):
                    tries = CONNECT_TRIES
                else:
                    tries = READ_TRIES if call.may_be_repeated else 1
                # Tasks that failed together must not come back together.
                wait = failures + random.uniform(0, 1)  # noqa: S311
                if failures >= tries or time.monotonic() + wait > until:
                    raise
                log.warning("%s Trying again in %.1f s.", failure.args[0], wait)
            time.sleep(wait)

    def _send_once(
        self, call: Call, before_sending: Callable[[], None] | None, until: float
    ) -> requests.Response:
        """Send one request; what this raises as its own error was either never sent or maybe carried out."""
        settings = self._settings
        try:
            # Prepared apart, so that what is wrong with the arguments is not taken for a failure of the network. The
            # session would take nearly twice as long: it merges cookies and hooks, and there are none.
            request = requests.PreparedRequest()
            request.prepare(
                call.method,
                f"{settings.base_url}{call.path}",
                headers=self.session.headers,
                json=call.json,
                params=call.params,
                auth=self.session.auth,
            )
        except (requests.RequestException, HTTPError, UnicodeError) as error:
            raise PeriskopeConfigurationError(
                f"A request for {call} cannot be made: {type(error).__name__}.",
                what_to_do=f"Check the API base URL (host) of connection {call.conn_id!r}, and the path of the call.",
            ) from None
        if before_sending:
            before_sending()
        left = max(0.1, until - time.monotonic())
        connect_timeout, read_timeout = min(CONNECT_TIMEOUT, left), min(settings.read_timeout, left)
        try:
            response = self.session.send(
                request, timeout=(connect_timeout, read_timeout), allow_redirects=False
            )
        except (requests.RequestException, HTTPError, ValueError) as error:
            # Not all that a broken response raises is an error of requests: a Location that is not a URL, for one.
            # The texts of these hold whole URLs, and URLs hold people's numbers: the cause is told in our words.
            if reason := why_not_connected(error, connect_timeout):
                raise PeriskopeUnreachableError(
                    f"Could not connect to {urlsplit(settings.base_url).netloc}: {reason}.",
                    what_to_do="Check the API base URL (host) of the connection, and the network of the machine that "
                    "runs the task.",
                    details=[f"{call}: nothing was sent ({call.origin})."],
                ) from None
            raise no_response(call, _why_no_response(error, read_timeout)) from None
        if moment := responded_at(response):
            self.api_clock_ahead = moment - datetime.now(UTC)
        return response


def _why_no_response(error: Exception, read_timeout: float) -> str:
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return f"no response within {round(read_timeout, 1):g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the response broke off"
    if isinstance(error, requests.ConnectionError):
        return "the connection was dropped"
    return "the response is not valid HTTP"
