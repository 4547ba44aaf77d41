"""The hook: one Airflow connection, one HTTP session, one method per API call."""

from __future__ import annotations

import platform
import random
import re
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError
from requests.auth import AuthBase
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from airflow_provider_periskope import __version__, connection_form
from airflow_provider_periskope.answers import Call, answered_at, no_answer, read_answer
from airflow_provider_periskope.connection import ConnectionSettings, read_settings
from airflow_provider_periskope.exceptions import (
    PeriskopeConnectionError,
    PeriskopeError,
    PeriskopeNoAnswerError,
    PeriskopeNoConnectionError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.group_input import check_group
from airflow_provider_periskope.models import Chat, NewGroup, Phone, row_id
from airflow_provider_periskope.phone_numbers import is_phone_id, masked
from airflow_provider_periskope.transport import WatchedAdapter, connection_failed, forget_connections

try:
    from airflow.sdk import BaseHook
except ImportError:  # Airflow 2.11 and 3.0
    from airflow.hooks.base import BaseHook  # type: ignore[attr-defined,no-redef]
try:
    from airflow.sdk.exceptions import AirflowNotFoundException
except ImportError:  # below Airflow 3.2
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Model = TypeVar("Model", bound=BaseModel)

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection to be made."""

WAIT_IN_PLACE = 10.0
"""Seconds that one call waits for a rate limit before it gives up the worker's slot."""

CONNECT_TRIES = 4
"""How often a connection is tried before the failure counts."""

READ_TRIES = 3
"""How often a call that only reads is sent before its failure counts."""

PAGE_SIZE = 2000
"""Chats in a page, the most that the API gives."""

PAGE_OVERLAP = 20
"""Chats that each page repeats of the one before, so that a list that got shorter meanwhile shows."""


class ApiKey(AuthBase):
    """Puts the API key into a request; as ``auth`` of the session it keeps a ``.netrc`` from replacing the key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class PeriskopeHook(BaseHook):
    """
    Speaks to the Periskope API with the key and phone of an Airflow connection.

    Connection fields:

    - **Password**: API key of the organisation.
    - **Login**: phone that acts: digits with country code, or its ``phone-…`` id.
    - **Host**, **port**, **schema** (optional): base URL; schema is the path. Default ``https://api.periskope.app/v1``.
      A host without a protocol means https. Plain http is for the loopback alone, since the key would travel in clear.
    - **Extra** ``timeout`` (optional): seconds to wait for an answer, default 60.
    - **Extra** ``allow_http`` (optional): permits plain http to another host, such as a sandbox in another container.

    An argument comes before the connection's field. The connection is read when it is first needed, not before.

    What changes something is sent once. It is sent again only where nothing can have arrived: after a failure to
    connect, and after a rate limit of a few seconds, waited out. What only reads is sent up to three times.

    :param periskope_conn_id: Airflow connection of type ``periskope``.
    :param phone: another phone of the organisation, instead of the connection's: digits or ``phone-…``.

    .. seealso:: https://docs.periskope.app/api-reference/introduction
    """

    conn_name_attr = "periskope_conn_id"
    default_conn_name = "periskope_default"
    conn_type = connection_form.CONN_TYPE
    hook_name = connection_form.HOOK_NAME

    def __init__(self, periskope_conn_id: str = default_conn_name, *, phone: str | None = None) -> None:
        super().__init__()
        self.periskope_conn_id = periskope_conn_id
        self._phone = phone
        self.api_clock_ahead: timedelta | None = None
        """How far the API's clock is ahead of this machine's, as of the last answer that told its date."""

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the connection form's own fields, for Airflow 2.11 to 3.1."""
        return connection_form.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels, placeholders and hidden fields of the connection form, for Airflow 2.11 to 3.1."""
        return connection_form.field_behaviour()

    @cached_property
    def settings(self) -> ConnectionSettings:
        """
        What the connection says.

        :raises PeriskopeNoConnectionError: if it is not there.
        :raises PeriskopeConnectionError: if it lacks something.
        """
        try:
            connection = self.get_connection(self.periskope_conn_id)
        except AirflowNotFoundException:
            raise PeriskopeNoConnectionError(
                f"Connection {self.periskope_conn_id!r} is not defined, or its definition cannot be read. Add it under "
                "Admin > Connections with type Periskope, or set "
                f"AIRFLOW_CONN_{self.periskope_conn_id.upper()} where the task runs."
            ) from None
        return read_settings(connection, phone=self._phone)

    @cached_property
    def phone(self) -> str:
        """The phone that acts: digits or a ``phone-…`` id."""
        return self.settings.phone

    def get_conn(self) -> requests.Session:
        """
        Return the HTTP session, with key, phone and User-Agent set; made once.

        :raises PeriskopeConnectionError: if the connection cannot be used.
        """
        return self._session

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, WatchedAdapter())
        session.auth = ApiKey(self.settings.api_key)
        session.headers.update(
            {"x-phone": self.settings.phone, "Accept": "application/json", "User-Agent": _user_agent()}
        )
        # Proxies and CA bundle of the environment, read once: at each call that takes as long as sending it.
        environment = session.merge_environment_settings(self.settings.base_url, {}, None, None, None)
        session.proxies, session.verify = environment["proxies"], environment["verify"]
        session.trust_env = False
        is_tls = self.settings.base_url.startswith("https:")
        if is_tls and isinstance(session.verify, str) and not Path(session.verify).exists():
            raise PeriskopeConnectionError(
                f"Connection {self.periskope_conn_id!r} cannot be used: there is no CA bundle at {session.verify}. "
                "Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) where the task runs."
            )
        return session

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """
        Call any endpoint of the API, with this hook's key, phone, errors and rule of sending.

        :param method: HTTP method.
        :param path: path after the base URL, such as ``/chats/create``.
        :param json: body, sent as JSON; ``None`` sends none.
        :param params: query parameters.
        :return: parsed JSON of the answer; ``None`` for one without a body.
        :raises PeriskopeConnectionError: if the connection cannot be used.
        :raises PeriskopeUnreachableError: if no connection to the API could be made; nothing was sent.
        :raises PeriskopeApiError: of the kind that fits, if the API refused.
        :raises PeriskopeRateLimitError: if it asks for a wait of more than some 10 seconds.
        :raises PeriskopeNoAnswerError: if no answer came that tells anything; of the kind
            :class:`~airflow_provider_periskope.exceptions.PeriskopeOutcomeUnknownError` for a call that changes
            something.
        """
        return self._answer(self._call(method, path), json=json, params=params)[0]

    def create_group(
        self, group_name: str, participants: Iterable[str | int], options: Mapping[str, Any] | None = None
    ) -> Chat:
        """
        Make a group. One call makes one group or none; two calls make two, even under one name.

        :param group_name: name of the group, 1 to 100 characters.
        :param participants: numbers of the people to add, with country code, in any spelling; 1 to 1,023. Those who
            are not in the phone's contacts, or do not allow it, are invited instead.
        :param options: options by the API's names or in snake_case, see
            :class:`~airflow_provider_periskope.models.GroupOptions`.
        :return: the chat of the new group.
        :raises PeriskopeInputError: if the input is refused before anything is sent.
        :raises PeriskopeOutcomeUnknownError: if nobody knows whether the group was made.

        Other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/create-group
        """
        return self.send_group(self.check_group(group_name, participants, options))

    def check_group(self, group_name: object, participants: object, options: object = None) -> NewGroup:
        """
        Check the input of a new group, send nothing, and log what was left out or looks odd.

        Parameters and errors as :meth:`create_group`; participants and options may also be the text that a template
        makes of them.

        :return: the group as :meth:`send_group` takes it.
        """
        own_digits = None if is_phone_id(self.phone) else self.phone
        group, warnings = check_group(group_name, participants, options, own_digits=own_digits)
        for warning in warnings:
            self.log.warning("Group %r: %s", group.group_name, warning)
        return group

    def send_group(self, group: NewGroup) -> Chat:
        """
        Make a group that :meth:`check_group` has checked.

        :param group: the group.
        :return: the chat of the new group; errors as :meth:`create_group`.
        """
        return self._read_as(Chat, self._call("POST", "/chats/create"), json=group.body())

    def get_chat(self, chat_id: str) -> Chat:
        """
        Return a chat with its members.

        :param chat_id: id of the chat, such as ``120363392071406466@g.us``.
        :raises PeriskopeNotFoundError: if the phone has no such chat; other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/get-chat
        """
        return self._read_as(Chat, self._call("GET", f"/chats/{quote(chat_id, safe='@')}"))

    def iter_chats(self, chat_type: str | None = None) -> Iterator[Chat]:
        """
        Go through all chats, holding one page of them at a time.

        A chat that changes meanwhile can come twice.

        :param chat_type: ``group``, ``user`` or ``business``; ``None`` for all.
        :return: chats without their members; errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/get-chats
        """
        for page in self.iter_chat_pages(chat_type):
            for row in page:
                yield Chat.model_validate(row)
            del page, row  # before the next one is read

    def iter_chat_pages(self, chat_type: str | None = None) -> Iterator[list[dict[str, Any]]]:
        """
        Go through all chats as the API gives them, page by page; see :meth:`iter_chats`.

        A page overlaps the one before. Where the overlap is gone, the list got shorter while it was read, and rows
        went by unread: then reading steps back until it meets that page again.

        :param chat_type: ``group``, ``user`` or ``business``; ``None`` for all.
        :return: pages of rows, each with a ``chat_id``.
        """
        call = self._call("GET", "/chats")
        offset = 0
        known: set[str] = set()
        while True:
            params: dict[str, Any] = {"offset": offset, "limit": PAGE_SIZE}
            if chat_type:
                params["chat_type"] = chat_type
            rows = self._chat_rows(call, params)
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
            # One page at a time is held.
            del rows, fresh

    def _chat_rows(self, call: Call, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer, response = self._answer(call, params=params)
        rows = answer.get("chats") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise no_answer(call, "HTTP 200 without a list of chats", response)
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("chat_id"), str)]

    def get_phone(self) -> Phone:
        """
        Return the phone that acts, and its state.

        :return: the phone; errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/phones/get-phone
        """
        return self._read_as(Phone, self._call("GET", "/phones"))

    def test_connection(self) -> tuple[bool, str]:
        """
        Try key and phone with one call that changes nothing.

        :return: whether a group could be made now, and in words which phone answered and its state, or what is wrong.
        """
        try:
            phone = self.get_phone()
        except PeriskopeError as error:
            # Airflow's form tests under an id that it has just made up.
            named = rf"connection {re.escape(repr(self.periskope_conn_id))}"
            return False, re.sub(named, "this connection", str(error), flags=re.IGNORECASE)
        except Exception as error:  # The form shows what this returns, and nothing where it raises.
            return False, f"The test failed unexpectedly with {type(error).__name__}."
        number = (phone.org_phone or "").removesuffix("@c.us") or phone.phone_id or self.phone
        name = f"{phone.phone_name!r} " if phone.phone_name else ""
        state = phone.wa_state or "unknown"
        if phone.is_ready is False or state not in ("CONNECTED", "unknown"):
            return False, (
                f"The API key is right, but phone {name}({masked(number)}) is not connected to WhatsApp "
                f"(state {state}): connect it in the Periskope console."
            )
        return True, f"Phone {name}({masked(number)}) answered; its state is {state}."

    def _call(self, method: str, path: str) -> Call:
        return Call(method.upper(), f"/{path.lstrip('/')}", self.periskope_conn_id)

    def _read_as(self, model: type[Model], call: Call, *, json: Any = None) -> Model:
        answer, response = self._answer(call, json=json)
        try:
            return model.model_validate(answer)
        except ValidationError:
            what = f"HTTP {response.status_code} with JSON that is no {model.__name__.lower()}"
            raise no_answer(call, what, response) from None

    def _answer(
        self, call: Call, *, json: Any = None, params: Mapping[str, Any] | None = None
    ) -> tuple[Any, requests.Response]:
        """
        Call until there is an answer that counts, waiting out short rate limits.

        Sent again is only what was not sent at all, what was refused for its rate, and what only reads. The adapter of
        the session repeats nothing by itself.
        """
        left = WAIT_IN_PLACE
        limits = failures = 0
        while True:
            # Tasks that failed together must not come back together.
            jitter = random.uniform(0, 1)  # noqa: S311
            try:
                response = self._send(call, json, params)
                return read_answer(response, call), response
            except PeriskopeRateLimitError as limit:
                limits += 1
                limit.retry_after = limit.retry_after or 2.0**limits
                wait = limit.retry_after + jitter
                if wait > left:
                    raise
                left -= wait
                self.log.info("Rate limit of the API: %s goes on in %.1f s.", call, wait)
            except (PeriskopeUnreachableError, PeriskopeNoAnswerError) as failure:
                failures += 1
                if isinstance(failure, PeriskopeUnreachableError):
                    tries = CONNECT_TRIES
                else:
                    tries = READ_TRIES if call.only_reads else 1
                if failures >= tries:
                    raise
                wait = failures + jitter
                self.log.warning("%s Trying again in %.1f s.", failure, wait)
            time.sleep(wait)

    def _send(self, call: Call, json: Any, params: Mapping[str, Any] | None) -> requests.Response:
        """Send one request; what this raises as its own error was either never sent or maybe carried out."""
        session = self.get_conn()
        # Prepared apart, so that what is wrong with the arguments is not taken for a failure of the network.
        request = session.prepare_request(
            requests.Request(call.method, f"{self.settings.base_url}{call.path}", json=json, params=params)
        )
        forget_connections()
        try:
            response = session.send(
                request,
                timeout=(CONNECT_TIMEOUT, self.settings.read_timeout),
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, ValueError) as error:
            # Not all that a broken answer raises is an error of requests: a Location that is no URL, for one.
            # The texts of these hold whole URLs, and URLs hold people's numbers: the cause is told in our words.
            if reason := _why_unreachable(error):
                raise PeriskopeUnreachableError(
                    f"{call}: no connection to {self.settings.base_url} ({reason}), so nothing was sent. Check the "
                    "API base URL (host) of the connection and the network of the machine that runs the task."
                ) from None
            raise no_answer(call, _why_no_answer(error, self.settings.read_timeout)) from None
        if moment := answered_at(response):
            self.api_clock_ahead = moment - datetime.now(UTC)
        return response


def _why_unreachable(error: Exception) -> str | None:
    """Return why no connection was made; ``None`` if one was, so that something may have been sent."""
    if isinstance(error, (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema)):
        return "the proxy of the environment cannot be used"
    cause = error.args[0] if error.args else None
    if isinstance(cause, LocationValueError):  # the URL of the request itself was read before
        return "the proxy of the environment cannot be used"
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NameResolutionError):
        return "its name cannot be resolved"
    if not connection_failed() and not isinstance(reason, NewConnectionError):
        return None
    if isinstance(error, requests.Timeout):
        return f"none within {CONNECT_TIMEOUT:.0f} s"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy of the environment did not make one"
    if isinstance(reason, NewConnectionError):
        return "refused, or no way to it"
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        return "its TLS certificate is not trusted"
    if "WRONG_VERSION_NUMBER" in str(reason) or "RECORD_LAYER_FAILURE" in str(reason):
        return "it does not speak TLS, so it takes http and not https"
    return "it broke off while it was made"


def _why_no_answer(error: Exception, read_timeout: float) -> str:
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return f"no answer within {read_timeout:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "the connection was dropped before an answer"
    return "the answer is no HTTP that can be read"


def _user_agent() -> str:
    from airflow import __version__ as airflow_version

    return (
        f"airflow-provider-periskope/{__version__} apache-airflow/{airflow_version} "
        f"requests/{requests.__version__} python/{platform.python_version()}"
    )
