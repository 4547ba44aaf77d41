"""The hook: an Airflow connection, and one method for each API call."""

from __future__ import annotations

import platform
import re
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from airflow_provider_periskope import __version__, compat, connection_form
from airflow_provider_periskope.api import chat_list
from airflow_provider_periskope.api.client import Client
from airflow_provider_periskope.api.responses import Call, no_response
from airflow_provider_periskope.compat import BaseHook
from airflow_provider_periskope.connection import ConnectionSettings, read_settings
from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeConnectionNotFoundError,
    PeriskopeError,
)
from airflow_provider_periskope.input.group import check_group
from airflow_provider_periskope.input.message import check_message
from airflow_provider_periskope.input.option_names import API_NAMES
from airflow_provider_periskope.input.participants import check_group_people
from airflow_provider_periskope.membership import Membership
from airflow_provider_periskope.models import (
    Chat,
    Group,
    GroupPeople,
    InviteLink,
    Message,
    MessageStatus,
    NewGroup,
    NewMessage,
    ParticipantResult,
    ParticipantResults,
    Phone,
    QueuedMessage,
    QueueJob,
)
from airflow_provider_periskope.phone_numbers import digits_of, is_phone_id, mask_chat, mask_creator, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Model = TypeVar("Model", bound=BaseModel)

MESSAGES_IN_A_PAGE = 100
"""Messages that are read with one call; mostly, the newest few are enough."""

_SETTINGS = {
    **API_NAMES,
    # A change has another name for this option than a create.
    "add_members_admins_only": "memberAddMode",
    "addMembersAdminsOnly": "memberAddMode",
}
"""The name of each option in a change of a group."""


class PeriskopeHook(BaseHook):
    """
    Calls the Periskope API with the key and phone of an Airflow connection.

    Connection fields:

    - **Password**: API key of the organisation.
    - **Login**: phone that acts: digits with country code, or its ``phone-…`` id.
    - **Host**, **port**, **schema** (optional): base URL; schema is the path. Default ``https://api.periskope.app/v1``.
      A host without a protocol means https. Plain http is accepted for this machine only, because it would send the key
      unencrypted.
    - **Extra** ``timeout`` (optional): seconds to wait for a response, default 60.
    - **Extra** ``allow_http`` (optional): permits plain http to another host, such as a sandbox in another container.

    An argument takes precedence over the connection's field. The connection is read when it is first needed.

    A call that creates something is sent once. It is sent again only where nothing can have arrived: after a failure to
    connect, and after a rate limit of a few seconds, which is waited out. A call that only reads, or that can be
    repeated without harm, is sent up to three times.

    :param periskope_conn_id: Airflow connection of type ``periskope``.
    :param phone: another phone of the organisation, instead of the connection's: digits or ``phone-…``.
    :param time_limit: seconds that one call may take in all, its waits included. Default ``None``, no limit.

    .. seealso:: https://docs.periskope.app/api-reference/introduction
    """

    conn_name_attr = "periskope_conn_id"
    default_conn_name = "periskope_default"
    conn_type = connection_form.CONN_TYPE
    hook_name = connection_form.HOOK_NAME

    def __init__(
        self,
        periskope_conn_id: str = default_conn_name,
        *,
        phone: str | None = None,
        time_limit: float | None = None,
    ) -> None:
        super().__init__()
        self.periskope_conn_id = periskope_conn_id
        self._phone = phone
        self.time_limit = time_limit

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

        :raises PeriskopeConnectionNotFoundError: if it is not defined.
        :raises PeriskopeConfigurationError: if it lacks something.
        """
        try:
            connection = self.get_connection(self.periskope_conn_id)
        except compat.AirflowNotFoundException:
            raise PeriskopeConnectionNotFoundError(
                f"Connection {self.periskope_conn_id!r} is not defined, or cannot be read.",
                what_to_do="Add it under Admin > Connections with type Periskope, or set "
                f"AIRFLOW_CONN_{self.periskope_conn_id.upper()} where the task runs. If it is set, its value "
                "may be malformed: JSON is easier to write than a URI.",
            ) from None
        settings = read_settings(connection, phone=self._phone)
        # Airflow masks the password as it is stored, which may have a line break or "Bearer " around the key.
        compat.mask_secret(settings.api_key)
        return settings

    @cached_property
    def phone(self) -> str:
        """The phone that acts: digits or a ``phone-…`` id."""
        return self.settings.phone

    @property
    def settling_time(self) -> timedelta | None:
        """How long after a request its result may still appear, if the connection says so."""
        seconds = self.settings.settling_time
        return timedelta(seconds=seconds) if seconds else None

    @property
    def own_digits(self) -> str | None:
        """The number of the phone that acts; ``None`` where only its id is known."""
        return None if is_phone_id(self.phone) else self.phone

    @property
    def api_clock_ahead(self) -> timedelta | None:
        """How far the API's clock is ahead of this machine's, as of the last response with a date."""
        return self._client.api_clock_ahead

    def get_conn(self) -> requests.Session:
        """
        Return the HTTP session, with key, phone and User-Agent set; made once.

        :raises PeriskopeConfigurationError: if the connection cannot be used.
        """
        return self._client.session

    @cached_property
    def _client(self) -> Client:
        return Client(self.settings, user_agent=_user_agent(), time_limit=self.time_limit)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        repeatable: bool = False,
    ) -> Any:
        """
        Call any endpoint of the API, with this hook's key, phone, errors and rule of sending.

        :param method: HTTP method.
        :param path: path after the base URL, such as ``/chats/create``.
        :param json: body, sent as JSON; ``None`` sends none.
        :param params: query parameters.
        :param repeatable: whether the call may be sent again after a lost response, since doing it twice equals
            doing it once. A call that only reads always may. Default ``False``.
        :return: parsed JSON of the response; ``None`` for one without a body.
        :raises PeriskopeConfigurationError: if the connection cannot be used.
        :raises PeriskopeUnreachableError: if no connection to the API could be made; nothing was sent.
        :raises PeriskopeApiError: of the kind that fits, if the API refused.
        :raises PeriskopeRateLimitError: if it asks for a wait of more than some 10 seconds.
        :raises PeriskopeNoResponseError: if no usable response came; of the kind
            :class:`~airflow_provider_periskope.exceptions.PeriskopeOutcomeUnknownError` for a call that creates
            something.
        """
        return self._client.send(self._call(method, path, json=json, params=params, repeatable=repeatable))[0]

    def get_headers(self, path: str) -> Mapping[str, str]:
        """
        Read something for the headers of its response, such as the rate limit.

        :param path: path after the base URL, such as ``/phones``.
        :return: the headers, by name in any case; errors as :meth:`request`.
        """
        return self._client.send(self._call("GET", path))[1].headers

    def create_group(
        self,
        group_name: str | NewGroup,
        participants: Iterable[str | int] = (),
        options: Mapping[str, Any] | None = None,
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> Chat:
        """
        Create a group. One call creates one group or none; two calls create two, even with one name.

        :param group_name: name of the group, 1 to 100 characters; or a group that was checked before.
        :param participants: numbers of the people to add, with country code, in any spelling; 1 to 1,023. Those who
            are not in the phone's contacts, or do not allow it, are invited instead.
        :param options: options by the API's names or in snake_case, see
            :class:`~airflow_provider_periskope.models.GroupOptions`. Default ``None``.
        :param before_sending: called right before each request that is sent: more than one where a connection failed or
            a rate limit was waited out. Default ``None``.
        :return: the chat of the new group.
        :raises PeriskopeInputError: if the input is refused before anything is sent.
        :raises PeriskopeOutcomeUnknownError: if it is unknown whether the group was created.

        Other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/create-group
        """
        if isinstance(group_name, NewGroup):
            group = group_name
        else:
            group, warnings = check_group(group_name, participants, options, own_digits=self.own_digits)
            for warning in warnings:
                self.log.warning("Group %r: %s", group.group_name, warning)
        call = self._call("POST", "/chats/create", json=group.body())
        return self._read_as(Chat, call, before_sending=before_sending)

    def get_chat(self, chat_id: str) -> Chat:
        """
        Return a chat with its members.

        :param chat_id: id of the chat, such as ``120363392071406466@g.us``.
        :raises PeriskopeNotFoundError: if the phone has no such chat; other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/get-chat
        """
        return self._read_as(Chat, self._call("GET", _path(chat_id)))

    def get_membership(self, chat_id: str) -> Membership:
        """
        Return who is in a group; the phone that acts does not count.

        :param chat_id: id of the group.
        :return: its members, with and without a number.
        :raises PeriskopeNotFoundError: if the phone has no such group.
        :raises PeriskopeConflictError: if it has left the group.

        Other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/get-chat
        """
        group = self._read_as(Group, self._call("GET", _path(chat_id)))
        if group.is_exited:
            raise PeriskopeConflictError(
                f"The phone has left group {mask_creator(chat_id)}.",
                what_to_do="Let somebody in the group add the phone again, or use another group, then clear this task.",
                details=[f"Connection {self.periskope_conn_id!r}, phone {masked(self.phone)}."],
            )
        if self._own_numbers.isdisjoint(map(digits_of, group.members)):
            # A phone id contains no number, and of one number WhatsApp may keep an older form than the connection has.
            self._own_numbers |= {digits_of(self.get_phone().org_phone)} - {""}
        return Membership.of(group, self._own_numbers)

    def add_participants(
        self,
        chat_id: str | GroupPeople,
        participants: Iterable[str | int] = (),
        *,
        force_add_participants: bool = False,
        before_sending: Callable[[], None] | None = None,
    ) -> dict[str, ParticipantResult]:
        """
        Add people to a group. Who cannot be added is sent a private invitation, and a second one by a second call.

        :param chat_id: id of the group; or people that were checked before.
        :param participants: numbers of the people, with country code, in any spelling; 1 to 1,023.
        :param force_add_participants: whether to try to add everybody directly. People who do not know the phone may
            report it, and WhatsApp blocks phones that are reported. Default ``False``.
        :param before_sending: called right before each request that is sent. Default ``None``.
        :return: what the API says of each person, by number.
        :raises PeriskopeInputError: if the input is refused before anything is sent.
        :raises PeriskopeOutcomeUnknownError: if it is unknown who was added and who was invited.

        Other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/add-participants
        """
        people = self._group_people(
            chat_id, participants, change="added", force_add_participants=force_add_participants
        )
        return self._change_members("add", people, before_sending=before_sending)

    def update_group(
        self, chat_id: str, group_name: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Chat:
        """
        Change the name and options of a group. Doing it twice equals doing it once.

        :param chat_id: id of the group.
        :param group_name: its new name. Default ``None``: it stays.
        :param options: options in snake_case or by the names that :meth:`create_group` accepts; others stay. Default
            ``None``.
        :return: the chat; errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/update-group-settings
        """
        body = {_SETTINGS.get(name, name): value for name, value in (options or {}).items()}
        if group_name is not None:
            body["name"] = group_name
        return self._read_as(
            Chat, self._call("POST", f"{_path(chat_id)}/settings", json=body, repeatable=True)
        )

    def promote(self, chat_id: str, participants: Iterable[str | int]) -> dict[str, ParticipantResult]:
        """
        Make members of a group its admins. Doing it twice equals doing it once.

        :param chat_id: id of the group.
        :param participants: numbers of members, with country code, in any spelling.
        :return: what the API says of each person, by number; errors as :meth:`remove_participants`.

        .. seealso:: https://docs.periskope.app/api-reference/group/promote-participants
        """
        people = self._group_people(chat_id, participants, change="promoted")
        return self._change_members("promote", people, repeatable=True)

    def demote(self, chat_id: str, participants: Iterable[str | int]) -> dict[str, ParticipantResult]:
        """
        Make admins of a group ordinary members. Doing it twice equals doing it once.

        :param chat_id: id of the group.
        :param participants: numbers of admins, with country code, in any spelling.
        :return: what the API says of each person, by number; errors as :meth:`remove_participants`.

        .. seealso:: https://docs.periskope.app/api-reference/group/demote-participants
        """
        people = self._group_people(chat_id, participants, change="demoted")
        return self._change_members("demote", people, repeatable=True)

    def reset_invite_link(self, chat_id: str, *, before_sending: Callable[[], None] | None = None) -> str:
        """
        Replace the invite link of a group. The old link is of no use from then on; two calls replace it twice.

        :param chat_id: id of the group.
        :param before_sending: called right before each request that is sent. Default ``None``.
        :return: the new link.
        :raises PeriskopeOutcomeUnknownError: if it is unknown whether the link was replaced; other errors as
            :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/get-group-invite
        """
        call = self._call("POST", f"{_path(chat_id)}/invite")
        return self._read_as(InviteLink, call, before_sending=before_sending).invite_link

    def leave_group(self, chat_id: str) -> None:
        """
        Leave a group. If the phone is its only admin, WhatsApp makes a random member admin.

        :param chat_id: id of the group.
        :raises PeriskopeNotFoundError: if the phone is not in the group, also because a request whose response was lost
            has been carried out; other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/leave-group
        """
        self._client.send(self._call("POST", f"{_path(chat_id)}/leave", repeatable=True))

    def set_labels(self, chat_ids: Iterable[str], labels: Iterable[str]) -> None:
        """
        Replace all labels of some chats.

        :param chat_ids: ids of the chats.
        :param labels: names of all labels that they have afterwards; errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/update-chat-labels
        """
        body = {"labels": ",".join(labels), "chat_ids": list(chat_ids)}
        self._client.send(self._call("PATCH", "/chats/labels", json=body, repeatable=True))

    def update_chat(
        self,
        chat_id: str,
        *,
        assigned_to: str | None = None,
        custom_properties: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Change what Periskope keeps of a chat for its own inbox. Doing it twice equals doing it once.

        :param chat_id: id of the chat.
        :param assigned_to: e-mail address of the person that it is assigned to. Default ``None``: it stays.
        :param custom_properties: all custom properties that it has afterwards. Default ``None``: they stay; errors as
            :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/chats/update-chat
        """
        given = {"assigned_to": assigned_to, "custom_properties": custom_properties}
        body = {name: value for name, value in given.items() if value is not None}
        self._client.send(self._call("PATCH", _path(chat_id), json=body, repeatable=True))

    def remove_participants(
        self, chat_id: str | GroupPeople, participants: Iterable[str | int] = ()
    ) -> dict[str, ParticipantResult]:
        """
        Remove people from a group. Doing it twice equals doing it once, so it is sent again after a lost response.

        :param chat_id: id of the group; or people that were checked before.
        :param participants: numbers of the people, with country code, in any spelling; 1 to 1,023.
        :return: what the API says of each person, by number.
        :raises PeriskopeInputError: if the input is refused before anything is sent; other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/group/remove-participants
        """
        people = self._group_people(chat_id, participants, change="removed")
        return self._change_members("remove", people, repeatable=True)

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

        :param chat_type: ``group``, ``user`` or ``business``; ``None`` for all.
        :return: pages of rows, each with a ``chat_id``.
        """

        def fetch(offset: int, limit: int) -> list[dict[str, Any]]:
            params = {"offset": offset, "limit": limit, **({"chat_type": chat_type} if chat_type else {})}
            return self._read_rows(self._call("GET", "/chats", params=params), "chats", "chat_id")

        return chat_list.pages(fetch)

    def send_message(
        self,
        chat_id: str | NewMessage,
        message: str | None = None,
        *,
        media: Mapping[str, Any] | None = None,
        poll: Mapping[str, Any] | None = None,
        reply_to: str | None = None,
        hide_url_preview: bool | None = None,
        before_sending: Callable[[], None] | None = None,
    ) -> QueuedMessage:
        """
        Queue a message for the phone to send. One call queues one message or none; two calls queue two.

        That the API has accepted a message does not mean that it is out: see :meth:`get_message_status`.

        :param chat_id: id of a group (``…@g.us``) or of a person (``…@c.us``), or a person's number with country code
            in any spelling; or a message that was checked before.
        :param message: the text, or the caption of ``media``. Default ``None``.
        :param media: a file, with the fields of :class:`~airflow_provider_periskope.models.Media`. Default ``None``.
        :param poll: a poll, with the fields of :class:`~airflow_provider_periskope.models.Poll`. Default ``None``.
        :param reply_to: id of the message that this one replies to. Default ``None``.
        :param hide_url_preview: whether a link in the text is shown without a preview. Default ``None``: Periskope
            decides.
        :param before_sending: called right before each request that is sent: more than one where a connection failed or
            a rate limit was waited out. Default ``None``.
        :return: what the API says of the message in the queue.
        :raises PeriskopeInputError: if the input is refused before anything is sent.
        :raises PeriskopeOutcomeUnknownError: if it is unknown whether the message was queued.

        Other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/message/send-message
        """
        if isinstance(chat_id, NewMessage):
            checked = chat_id
        else:
            checked, warnings = check_message(
                chat_id,
                message,
                media=media,
                poll=poll,
                reply_to=reply_to,
                hide_url_preview=hide_url_preview,
            )
            for warning in warnings:
                self.log.warning("Message to %s: %s", mask_chat(checked.chat_id), warning)
        call = self._call("POST", "/message/send", json=checked.body())
        return self._read_as(QueuedMessage, call, before_sending=before_sending)

    def get_message_status(self, unique_id: str) -> MessageStatus:
        """
        Return how far a message has come.

        :param unique_id: id of the message, as :meth:`send_message` returns it.
        :raises PeriskopeNotFoundError: if the phone has no such message; other errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/message/get-message-status
        """
        return self._read_as(MessageStatus, self._call("GET", f"/message/{quote(unique_id, safe='')}/status"))

    def get_message(self, message_id: str) -> Message:
        """
        Return a message that was sent or received.

        :param message_id: its ``message_id``, or the ``queue_id`` of its send.
        :raises PeriskopeNotFoundError: if the phone has no such message, or it is still in the queue; other errors as
            :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/message/get-message
        """
        return self._read_as(Message, self._call("GET", f"/message/{quote(message_id, safe='@')}"))

    def iter_messages(self, chat_id: str) -> Iterator[Message]:
        """
        Go through the messages of a chat, newest first, holding one page of them at a time.

        Messages that arrive meanwhile can make one come twice.

        :param chat_id: id of the chat, such as ``120363392071406466@g.us``.
        :return: messages; errors as :meth:`request`, and
            :class:`~airflow_provider_periskope.exceptions.PeriskopeNotFoundError` if the phone has no such chat.

        .. seealso:: https://docs.periskope.app/api-reference/chats/get-chat-messages
        """
        offset = 0
        known: set[str] = set()
        while True:
            params = {"offset": offset, "limit": MESSAGES_IN_A_PAGE}
            call = self._call("GET", f"/chats/{quote(chat_id, safe='@')}/messages", params=params)
            rows = self._read_rows(call, "messages", "message_id")
            fresh = [row for row in rows if row["message_id"] not in known]
            if not fresh:
                return
            offset += len(rows)
            known = {row["message_id"] for row in rows}
            del rows  # before the next ones are read
            for row in fresh:
                yield Message.model_validate(row)

    def get_message_queue(self) -> list[QueueJob]:
        """
        Return the messages that wait in the queue of the phone.

        :return: the jobs of the queue, of all chats; errors as :meth:`request`.

        .. seealso:: https://docs.periskope.app/api-reference/message/get-message-queues
        """
        # It only reads, though it is a POST. Whether the list is the whole response or a part of it is not known.
        call = self._call("POST", "/message/queues", json={}, repeatable=True)
        body, response = self._client.send(call)
        lists = (
            [part for part in body.values() if isinstance(part, list)] if isinstance(body, dict) else [body]
        )
        if len(lists) != 1 or not isinstance(lists[0], list):
            raise no_response(call, f"HTTP {response.status_code} without a list of messages", response)
        return [QueueJob.model_validate(job) for job in lists[0] if isinstance(job, dict)]

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
        if not phone.can_send:
            return False, (
                f"The API key is right, but phone {name}({masked(number)}) is not connected to WhatsApp "
                f"(state {state}): connect it in the Periskope console."
            )
        return True, f"Phone {name}({masked(number)}) answered; its state is {state}."

    @property
    def knows_own_number(self) -> bool:
        """Whether the number of the phone that acts is known, so that it can be told from other members."""
        return bool(self._own_numbers)

    @cached_property
    def _own_numbers(self) -> set[str]:
        return {self.own_digits} if self.own_digits else set()

    def _group_people(
        self,
        chat_id: str | GroupPeople,
        participants: Iterable[str | int],
        *,
        change: Literal["added", "removed", "promoted", "demoted"],
        force_add_participants: bool = False,
    ) -> GroupPeople:
        if isinstance(chat_id, GroupPeople):
            return chat_id
        people, warnings = check_group_people(
            chat_id,
            participants,
            own_digits=self.own_digits,
            change=change,
            force_add_participants=force_add_participants,
        )
        for warning in warnings:
            self.log.warning("Group %s: %s", mask_creator(people.chat_id), warning)
        return people

    def _change_members(
        self,
        change: str,
        people: GroupPeople,
        *,
        before_sending: Callable[[], None] | None = None,
        repeatable: bool = False,
    ) -> dict[str, ParticipantResult]:
        if not people.participants:
            return {}
        path = f"/chats/{quote(people.chat_id, safe='@')}/{change}"
        call = self._call("POST", path, json=people.body(), repeatable=repeatable)
        results = self._read_as(ParticipantResults, call, before_sending=before_sending)
        return results.by_number(people.participants)

    def _call(self, method: str, path: str, **details: Any) -> Call:
        return Call(method.upper(), f"/{path.lstrip('/')}", self.periskope_conn_id, self.phone, **details)

    def _read_rows(self, call: Call, name: str, row_id: str) -> list[dict[str, Any]]:
        """Return the rows of a list that have an id."""
        body, response = self._client.send(call)
        rows = body.get(name) if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise no_response(call, f"HTTP {response.status_code} without a list of {name}", response)
        return [
            row for row in rows if isinstance(row, dict) and isinstance(row.get(row_id), str) and row[row_id]
        ]

    def _read_as(
        self, model: type[Model], call: Call, *, before_sending: Callable[[], None] | None = None
    ) -> Model:
        body, response = self._client.send(call, before_sending=before_sending)
        try:
            return model.model_validate(body)
        except ValidationError:
            what = f"HTTP {response.status_code}, JSON that is not a {model.__name__.lower()}"
            raise no_response(call, what, response) from None


def _path(chat_id: str) -> str:
    return f"/chats/{quote(chat_id, safe='@')}"


def _user_agent() -> str:
    from airflow import __version__ as airflow_version

    return (
        f"airflow-provider-periskope/{__version__} apache-airflow/{airflow_version} "
        f"requests/{requests.__version__} python/{platform.python_version()}"
    )
