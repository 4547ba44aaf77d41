"""What an Airflow connection of type ``periskope`` says, checked."""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from airflow_provider_periskope.connection_form import CONN_TYPE, DEFAULT_BASE_URL, DEFAULT_READ_TIMEOUT
from airflow_provider_periskope.exceptions import PeriskopeConfigurationError
from airflow_provider_periskope.phone_numbers import is_phone_id, to_digits

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

log = logging.getLogger(__name__)

EXTRAS = ("timeout", "settling_time", "allow_http")
_DEFAULT = urlsplit(DEFAULT_BASE_URL)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class ConnectionSettings:
    """
    Where to send requests, as whom, and how long to wait.

    :param base_url: URL up to the slash before an API path.
    :param api_key: the organisation's key.
    :param phone: value of the ``x-phone`` header: digits or a ``phone-…`` id.
    :param read_timeout: seconds to wait for a response.
    :param settling_time: seconds after the end of a request in which its result may still appear; ``None`` for 60.
    """

    base_url: str
    api_key: str = field(repr=False)
    phone: str = field(repr=False)
    read_timeout: float
    settling_time: float | None = None


def read_settings(connection: Connection, *, phone: str | None = None) -> ConnectionSettings:
    """
    Read the settings from a connection.

    :param connection: Airflow connection: password = API key, login = phone; host, port and schema (the path) = base
        URL; extra ``timeout`` and ``settling_time`` (seconds), and ``allow_http``.
    :param phone: another phone of the organisation to use instead of the connection's.
    :return: the settings.
    :raises PeriskopeConfigurationError: naming every field that is missing or cannot be used.
    """
    problems: list[str] = []
    extra = connection.extra_dejson
    if not isinstance(extra, dict):
        problems.append("extra is not a JSON object")
        extra = {}
    for key in sorted(set(extra) - set(EXTRAS)):
        log.warning(
            "Connection %r: unknown extra %r ignored; supported extras are %s.",
            connection.conn_id,
            key,
            ", ".join(EXTRAS),
        )
    if connection.conn_type and connection.conn_type != CONN_TYPE:
        problems.append(f"its type is {connection.conn_type!r}, not {CONN_TYPE!r}")

    def checked(place: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ValueError as problem:
            problems.append(f"{place} {problem}")

    settings = ConnectionSettings(
        base_url=checked(
            "API base URL (host)", lambda: _base_url(connection, allow_http=_flag(extra.get("allow_http")))
        ),
        api_key=checked("API key (password)", lambda: _api_key(connection.password)),
        phone=checked(
            "Phone (login)" if phone is None else "phone",
            lambda: phone_header(connection.login if phone is None else phone),
        ),
        read_timeout=checked(
            "timeout (extra)",
            lambda: _seconds(extra.get("timeout"), at_most=_DAY) or DEFAULT_READ_TIMEOUT,
        ),
        settling_time=checked(
            "settling_time (extra)",
            lambda: _seconds(extra.get("settling_time"), at_most=_HOUR),
        ),
    )
    if problems:
        raise PeriskopeConfigurationError(
            f"Connection {connection.conn_id!r} cannot be used.",
            what_to_do="Correct it under Admin > Connections, or where the connection is defined.",
            details=[f"- {problem}" for problem in problems],
        )
    return settings


def phone_header(written: object) -> str:
    """
    Return a phone as the ``x-phone`` header takes it.

    :param written: digits in any spelling (a number, where a DAG renders native objects), or a ``phone-…`` id.
    :return: bare digits, or the id.
    :raises ValueError: if it is neither.
    """
    if written is None or str(written).strip() == "":
        raise ValueError("is empty: expected the phone's number with country code, or its phone-… id")
    if isinstance(written, str) and is_phone_id(written.strip()):
        return written.strip()
    return to_digits(written)


def _base_url(connection: Connection, *, allow_http: bool) -> str:
    host = (connection.host or _DEFAULT.netloc).strip()
    path = (connection.schema or "").strip().strip("/")
    if path in ("http", "https"):
        raise ValueError(
            f"has the schema {path!r}, but schema is the path of the API here (default {_DEFAULT.path[1:]}); "
            "write the protocol into the host, as https://…"
        )
    no_url = ValueError(f"is not a valid URL; leave it empty for {DEFAULT_BASE_URL}")
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
        hostname, port = parts.hostname or "", connection.port or parts.port
    except ValueError:
        raise no_url from None
    if (
        parts.scheme not in ("http", "https")
        or not _is_hostname(hostname)
        or parts.username
        or parts.query
        or parts.fragment
        or not 0 <= (port or 0) <= 65535
        or any(mark in path for mark in "?# ")
    ):
        raise no_url
    if parts.scheme == "http" and not (allow_http or is_loopback(hostname)):
        raise ValueError(
            "is plain http, which would send the API key unencrypted: use https, or set allow_http in the extra if "
            "this is your own test server"
        )
    hostname = f"[{hostname}]" if ":" in hostname else hostname
    path = parts.path.strip("/") or path or _DEFAULT.path.strip("/")
    return f"{parts.scheme}://{hostname}{f':{port}' if port else ''}/{path}"


def _is_hostname(text: str) -> bool:
    """Return whether a request can be sent there, before the HTTP library finds that it cannot."""
    if ":" in text:
        return _is_address(text)
    if text.isascii():
        labels = text.removesuffix(".").split(".")
        return all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in labels)
    try:
        requests.Request("GET", f"https://{text}/").prepare()  # applies the rules for international names
    except requests.RequestException:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(hostname: str) -> bool:
    """Return whether a host is this machine, reached without any network."""
    if hostname == "localhost":
        return True
    return _is_address(hostname) and ipaddress.ip_address(hostname).is_loopback


def _api_key(password: str | None) -> str:
    key = (password or "").strip().removeprefix("Bearer ").strip()
    if not key:
        raise ValueError("is empty: create a key under Settings > API in the Periskope console")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(
            "contains characters that no key has, such as spaces or line breaks: copy all of it again"
        )
    return key


def _seconds(value: object, *, at_most: timedelta) -> float | None:
    if value is None or value == "":
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0
    longest = at_most.total_seconds()
    if isinstance(value, bool) or not 0 < seconds <= longest:
        raise ValueError(f"is {value!r}: expected seconds, more than 0 and at most {longest:,.0f}")
    return seconds


def _flag(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes")
