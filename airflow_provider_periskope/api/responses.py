"""What a response of the Periskope API means: its JSON, or the error that tells its reader what to do."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_periskope.exceptions import (
    PeriskopeApiError,
    PeriskopeAuthenticationError,
    PeriskopeNoResponseError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopePhoneOffError,
    PeriskopePlanError,
    PeriskopeRateLimitError,
    PeriskopeValidationError,
)
from airflow_provider_periskope.phone_numbers import mask_chat, mask_numbers, masked

if TYPE_CHECKING:
    from requests import Response

TRACE_HEADER = "x-periskope-trace-id"

LONGEST_PATH = 24
"""Characters of a path that an error shows."""

LONGEST_WAIT = timedelta(days=1).total_seconds()
"""Seconds; a response that asks for a longer wait is taken for one that does not say how long."""


@dataclass(frozen=True)
class Call:
    """
    One call of the API.

    :param method: HTTP method.
    :param path: path after the base URL.
    :param conn_id: Airflow connection it is made with.
    :param phone: phone it is made for.
    :param json: body, sent as JSON; ``None`` sends none.
    :param params: query parameters.
    :param repeatable: whether it may be sent again after a lost response, since doing it twice equals doing it once.
        A call that only reads always may.
    """

    method: str
    path: str
    conn_id: str
    phone: str = field(repr=False)
    json: Any = field(default=None, repr=False)
    params: Mapping[str, Any] | None = field(default=None, repr=False)
    repeatable: bool = False

    @property
    def only_reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.method in ("GET", "HEAD", "OPTIONS")

    @property
    def may_be_repeated(self) -> bool:
        """Whether sending it twice does no harm."""
        return self.only_reads or self.repeatable

    @property
    def chat_id(self) -> str | None:
        """The id of the chat that it is about, if it names one."""
        if named := re.match(r"/chats/([^/]*(?:@|%40)[^/]*)", self.path):
            return unquote(named[1])
        value = self.json.get("chat_id") if isinstance(self.json, dict) else None
        return value if isinstance(value, str) else None

    @property
    def origin(self) -> str:
        """The connection and phone, as messages name them."""
        return f"connection {self.conn_id!r}, phone {masked(self.phone)}"

    def __str__(self) -> str:
        # The id of a chat is long, and may be a person's number.
        path = mask_numbers(re.sub(r"[^/]*(@|%40)[^/]*", "…", self.path))
        return f"{self.method} {path if len(path) <= LONGEST_PATH else f'{path[:LONGEST_PATH]}…'}"


def read_response(response: Response, call: Call) -> Any:
    """
    Return the JSON of a response.

    :param response: response, of any status.
    :param call: what was called.
    :return: the parsed body; ``None`` for a response that has none by definition (204).
    :raises PeriskopeApiError: of the kind that fits, if the API refused.
    :raises PeriskopeNoResponseError: if the response is not usable; of the kind :class:`PeriskopeOutcomeUnknownError`
        for a call that creates something.
    """
    if response.status_code == 204:
        return None
    try:
        body = json.loads(response.content)
        readable = isinstance(body, (dict, list))
    except (ValueError, RecursionError):
        body, readable = None, False
    if 200 <= response.status_code < 300 and readable:
        return body
    if 300 <= response.status_code < 500 and response.status_code != 408:
        raise refusal(response, call, body if isinstance(body, dict) else {})
    kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
    body_is = f"{len(response.content):,} bytes of {kind}" if response.content else "no body"
    raise no_response(call, f"HTTP {response.status_code}", response).add(f"The response has {body_is}.")


def no_response(call: Call, what: str, response: Response | None = None) -> PeriskopeNoResponseError:
    """
    Return the error for a call that was sent and got no usable response.

    :param call: what was called.
    :param what: what came instead.
    :param response: the unusable response, where there was one.
    """
    more: dict[str, Any] = {
        "status": response.status_code if response is not None else None,
        "trace_id": response.headers.get(TRACE_HEADER) if response is not None else None,
    }
    if call.may_be_repeated:
        outcome = "Nothing was changed" if call.only_reads else "Sending it again does no harm"
        return PeriskopeNoResponseError(
            f"No usable response to {call}: {what}.",
            what_to_do="Try again. If it persists, contact Periskope.",
            details=[f"{outcome} ({call.origin})."],
            **more,
        )
    return PeriskopeOutcomeUnknownError(
        f"The outcome of {call} is unknown: {what}.",
        what_to_do="Check the phone or the Periskope console before sending it again.",
        details=[f"It may or may not have been carried out ({call.origin})."],
        **more,
    )


def refusal(response: Response, call: Call, body: Mapping[str, Any]) -> PeriskopeApiError:
    """
    Return the error for a response that refused a call.

    Only a response in the API's own form (its JSON with a code, or its trace id) proves that the API refused, and so
    changed nothing. A gateway may refuse a request after it has let it pass, a 401, 404 or 429 included.

    :param response: response with a status of 300 to 499.
    :param call: what was called.
    :param body: its JSON; empty where it had none.
    """
    status = response.status_code
    said = mask_numbers(str(body.get("message") or "")).strip()
    code = body["code"] if isinstance(body.get("code"), str) else None
    fields = _fields(body.get("fields"))
    trace_id = response.headers.get(TRACE_HEADER)
    is_the_apis = bool(code or trace_id)
    kind, what, what_to_do = _meaning(status, said, call, is_the_apis=is_the_apis)
    in_doubt = not (is_the_apis or call.may_be_repeated)
    outcome = "It may or may not have been carried out" if in_doubt else "Nothing was changed"
    quoted = ": ".join(part for part in (f"{call}: HTTP {status}", repr(said) if said else "") if part)
    more: dict[str, Any] = {"retry_after": seconds_to_wait(response) or 0} if status == 429 else {}
    return kind(
        what,
        status=status,
        code=code,
        api_message=said or None,
        fields=fields,
        in_doubt=in_doubt,
        what_to_do=what_to_do,
        trace_id=trace_id,
        details=[
            f"{quoted}. {outcome} ({call.origin}).",
            *(f"- {path}: {text}" for path, text in fields.items()),
        ],
        **more,
    )


def _meaning(
    status: int, said: str, call: Call, *, is_the_apis: bool
) -> tuple[type[PeriskopeApiError], str, str]:
    """Return the kind of a refusal, what happened and what to do; only its words distinguish the three kinds of 401."""
    words = said.lower()
    if status == 401 and "switched off" in words:
        return (
            PeriskopePhoneOffError,
            f"Phone {masked(call.phone)} is switched off in Periskope.",
            "Restart it in the Periskope console, or with POST /phones/restart (PeriskopeHook("
            f"{call.conn_id!r}).request('POST', '/phones/restart'), with the task's phone= if it has one). "
            "A retry of the task continues from there.",
        )
    if status == 401 and is_the_apis and re.search(r"\bplans?\b", words):
        return (
            PeriskopePlanError,
            "The organisation's plan does not include API access.",
            "Activate a Pro or Enterprise plan in the Periskope console.",
        )
    if status == 401 and is_the_apis:
        return (
            PeriskopeAuthenticationError,
            f"The API key of connection {call.conn_id!r} is wrong.",
            "Copy it again from Settings > API in the Periskope console into the connection's API key (password).",
        )
    if status == 404 and is_the_apis and "phone" in words:
        return (
            PeriskopeNotFoundError,
            f"Periskope does not know phone {masked(call.phone)}.",
            f"Correct Phone (login) of connection {call.conn_id!r}, or phone= of the task: the number with country "
            "code, as the Periskope console shows it.",
        )
    if status == 404 and is_the_apis and (chat_id := call.chat_id):
        return (
            PeriskopeNotFoundError,
            f"Periskope does not know chat {mask_chat(chat_id)}.",
            f"Check the id, and that phone {masked(call.phone)} of connection {call.conn_id!r} is in that chat.",
        )
    if status == 404 and is_the_apis:
        return (
            PeriskopeNotFoundError,
            f"Not found: {call}.",
            "Check the id, and the phone and the API base URL (host) of the connection.",
        )
    if status == 422 and is_the_apis:
        return (
            PeriskopeValidationError,
            f"Periskope refused the input of {call}.",
            "Correct what is listed below; for x-phone, the phone of the connection.",
        )
    if status == 429:
        return (
            PeriskopeRateLimitError,
            f"Too many requests: {call}.",
            "Wait; the same call will be accepted later.",
        )
    if status < 400:
        return (
            PeriskopeApiError,
            f"{call} was redirected (HTTP {status}).",
            "Correct the API base URL (host) of the connection. A redirect is not followed, because the API key would "
            "go with it.",
        )
    return (
        PeriskopeApiError,
        f"{call} was refused with HTTP {status}.",
        "This response does not look like Periskope's: check the API base URL (host) of the connection, and for a "
        "proxy or firewall in between."
        if not is_the_apis
        else "Check what the API says below.",
    )


def _fields(fields: object) -> dict[str, str]:
    """Return what is wrong with which field, without the values, which are people's."""
    if not isinstance(fields, Mapping):
        return {}
    return {
        mask_numbers(str(path)): mask_numbers(
            str(told.get("message", "")) if isinstance(told, Mapping) else str(told)
        )
        for path, told in fields.items()
    }


def seconds_to_wait(response: Response) -> float | None:
    """
    Return how long the API asks to wait, by its own clock.

    The headers tell whole seconds. Where this worker's clock agrees with the API's, it says the fraction.

    :param response: response with status 429.
    :return: seconds, at least 1; ``None`` if the response does not say, or asks for more than a day.
    """
    now = responded_at(response)
    retry_after = response.headers.get("Retry-After", "").strip()
    reset = response.headers.get("X-RateLimit-Reset", "").strip()
    seconds: float | None = None
    if retry_after.isascii() and retry_after.isdigit():
        seconds = float(retry_after)
    elif (until := _http_date(retry_after)) and now:
        seconds = (until - now).total_seconds()
    elif now:
        try:
            moment = float(reset)
        except ValueError:
            return None
        local = datetime.now(UTC)
        if timedelta() <= local - now < timedelta(seconds=1):
            now = local
        # Some gateways count in milliseconds, and no reset lies thousands of years ahead.
        seconds = (moment / 1000 if moment > 1e11 else moment) - now.timestamp()
    if seconds is None or not math.isfinite(seconds) or seconds > LONGEST_WAIT:
        return None
    return max(1.0, seconds)


def responded_at(response: Response) -> datetime | None:
    """Return the moment of a response by the API's own clock, if it says."""
    return _http_date(response.headers.get("Date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
