"""What an answer of the Periskope API means: its JSON, or the error that tells its reader what to do now."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.exceptions import (
    PeriskopeApiError,
    PeriskopeAuthenticationError,
    PeriskopeNoAnswerError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopePhoneOffError,
    PeriskopePlanError,
    PeriskopeRateLimitError,
    PeriskopeValidationError,
    is_the_apis_own,
)
from airflow_provider_periskope.phone_numbers import mask_numbers

if TYPE_CHECKING:
    from requests import Response

TRACE_HEADER = "x-periskope-trace-id"
REPORT_TRACE = "for Periskope's support: trace id"


@dataclass(frozen=True)
class Call:
    """
    One call of the API, as messages name it.

    :param method: HTTP method.
    :param path: API path.
    :param conn_id: Airflow connection that it was made with.
    """

    method: str
    path: str
    conn_id: str

    @property
    def only_reads(self) -> bool:
        """Whether the call changes nothing, so that it may be sent again."""
        return self.method in ("GET", "HEAD", "OPTIONS")

    def __str__(self) -> str:
        return f"{self.method} {mask_numbers(self.path)} (connection {self.conn_id!r})"


def read_answer(response: Response, call: Call) -> Any:
    """
    Return the JSON of an answer.

    :param response: answer, of any status.
    :param call: what was called.
    :return: the parsed body; ``None`` for an answer that has none by definition (204).
    :raises PeriskopeApiError: of the kind that fits, if the API refused.
    :raises PeriskopeNoAnswerError: if the answer tells nothing; of the kind :class:`PeriskopeOutcomeUnknownError`
        for a call that changes something.
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
        raise refusal(response, call, body)
    kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
    what = f"{len(response.content):,} bytes of {kind}" if response.content else "no body"
    raise no_answer(call, f"HTTP {response.status_code} with {what}", response)


def no_answer(call: Call, what: str, response: Response | None = None) -> PeriskopeNoAnswerError:
    """
    Return the error for a call that was sent and told nothing.

    :param call: what was called.
    :param what: what came instead of an answer.
    :param response: the unusable answer, where there was one.
    """
    trace_id = response.headers.get(TRACE_HEADER) if response is not None else None
    details: dict[str, Any] = {
        "status": response.status_code if response is not None else None,
        "trace_id": trace_id,
    }
    trace = f" ({REPORT_TRACE} {trace_id})" if trace_id else ""
    if call.only_reads:
        return PeriskopeNoAnswerError(
            f"{call} told nothing: {what}{trace}. Nothing was changed; try again, and ask Periskope if it goes on.",
            **details,
        )
    return PeriskopeOutcomeUnknownError(
        f"The outcome of {call} is unknown: {what}{trace}. It may have been carried out or not: "
        "look on the phone or in the Periskope console before sending it again.",
        **details,
    )


def refusal(response: Response, call: Call, answer: object) -> PeriskopeApiError:
    """
    Return the error for an answer with which the API refused a call.

    :param response: answer with a status of 300 to 499.
    :param call: what was called.
    :param answer: its JSON; ``None`` where it had none.
    """
    body = answer if isinstance(answer, dict) else {}
    status = response.status_code
    said = mask_numbers(str(body.get("message") or "")).strip()
    fields = _fields(body.get("fields"))
    trace_id = response.headers.get(TRACE_HEADER)
    message = f"{call} was refused with HTTP {status}"
    if said:
        message += f", {said.rstrip('.')!r}"
    if fields:
        message += " (" + "; ".join(f"{path}: {text}" for path, text in fields.items()) + ")"
    code = body["code"] if isinstance(body.get("code"), str) else None
    kind, cure = _kind_and_cure(status, said, call, is_the_apis=answer is not None or bool(trace_id))
    certain = call.only_reads or is_the_apis_own(status, code, trace_id)
    message += f". {'Nothing was changed' if certain else 'Whether it was carried out is not known'}. {cure}"
    if trace_id:
        message += f" ({REPORT_TRACE} {trace_id})"
    details: dict[str, Any] = {
        "status": status,
        "code": code,
        "api_message": said or None,
        "fields": fields,
        "trace_id": trace_id,
    }
    if kind is PeriskopeRateLimitError:
        return PeriskopeRateLimitError(message, retry_after=seconds_to_wait(response) or 0, **details)
    return kind(message, **details)


def _kind_and_cure(
    status: int, said: str, call: Call, *, is_the_apis: bool
) -> tuple[type[PeriskopeApiError], str]:
    """
    Tell refusals apart; a 401 has three meanings that only its words tell.

    What does not even look like the API's may come from a gateway while the API is away, and is not the last word.
    """
    words = said.lower()
    if status == 401 and "switched off" in words:
        return PeriskopePhoneOffError, (
            "The phone's instance is switched off: restart it in the Periskope console, or with POST /phones/restart "
            f"(PeriskopeHook({call.conn_id!r}).request('POST', '/phones/restart'), with the phone= of the task if it "
            "has one); a retry of the task goes on from there."
        )
    if status == 401 and re.search(r"\bplans?\b", words):
        return (
            PeriskopePlanError,
            "The organisation's plan has no API: it takes an active Pro or Enterprise plan.",
        )
    if status == 401 and is_the_apis:
        return PeriskopeAuthenticationError, (
            f"The API key of connection {call.conn_id!r} is wrong: copy it again from Settings > API in the "
            "Periskope console into the connection's API key (password)."
        )
    if status == 404 and is_the_apis:
        return (
            PeriskopeNotFoundError,
            "Check the id, and the phone and the API base URL (host) of the connection.",
        )
    if status == 422:
        return PeriskopeValidationError, "Correct what it names; for x-phone, the phone of the connection."
    if status == 429:
        return PeriskopeRateLimitError, "Too many requests at once; the same call is taken later."
    if status < 400:
        return PeriskopeApiError, (
            "It is a redirect, which is not followed, since the API key would go with it: correct the API base URL "
            "(host) of the connection."
        )
    return (
        PeriskopeApiError,
        "It is not known to come from Periskope: check the API base URL (host) of the connection, and for a proxy or "
        "firewall on the way.",
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
    Return how long the API asks to wait, by its own clock alone.

    :param response: answer with status 429.
    :return: seconds, at least 1; ``None`` if the answer does not say.
    """
    now = answered_at(response)
    retry_after = response.headers.get("Retry-After", "").strip()
    reset = response.headers.get("X-RateLimit-Reset", "").strip()
    seconds: float | None = None
    if retry_after.isascii() and retry_after.isdigit():
        seconds = float(retry_after)
    elif (until := _http_date(retry_after)) and now:
        seconds = (until - now).total_seconds()
    elif now:
        try:
            seconds = float(reset) - now.timestamp()
        except ValueError:
            return None
    return max(1.0, seconds) if seconds is not None and math.isfinite(seconds) else None


def answered_at(response: Response) -> datetime | None:
    """Return the moment of an answer by the API's own clock, if it says."""
    return _http_date(response.headers.get("Date", ""))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
