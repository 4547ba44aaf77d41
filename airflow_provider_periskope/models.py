"""What goes into a call and what comes out of it, as pydantic models. They know nothing of Airflow or HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictStr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from airflow_provider_periskope.phone_numbers import digits_of

if TYPE_CHECKING:
    from collections.abc import Collection


def _bool_from_template(value: object) -> object:
    # A template renders True to the text "True"; no other text is meant as a switch.
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _is_http_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class _Model(BaseModel):
    # A task uses a few of these, and building all of them takes longer than its request.
    model_config = ConfigDict(defer_build=True)


class GroupOptions(_Model):
    """
    Options of a group. What is not set is not sent, and Periskope's default applies.

    :param add_members_admins_only: only admins may add people.
    :param description: description of the group.
    :param image: public http(s) URL of the group's picture.
    :param info_admins_only: only admins may change name, picture and description.
    :param messages_admins_only: only admins may send messages.
    :param force_add_participants: try to add everybody directly. People who do not know the phone may report it, and
        WhatsApp blocks phones that are reported.
    """

    model_config = ConfigDict(extra="forbid")

    add_members_admins_only: StrictBool | None = Field(None, alias="addMembersAdminsOnly")
    description: StrictStr | None = None
    image: StrictStr | None = None
    info_admins_only: StrictBool | None = Field(None, alias="infoAdminsOnly")
    messages_admins_only: StrictBool | None = Field(None, alias="messagesAdminsOnly")
    force_add_participants: StrictBool | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_none(cls, value: object) -> object:
        if value is None or value == "None":
            raise ValueError(
                "is None, so a template found no value; leave the option out if it is not wanted"
            )
        return value

    @field_validator(
        "add_members_admins_only",
        "info_admins_only",
        "messages_admins_only",
        "force_add_participants",
        mode="before",
    )
    @classmethod
    def _switch(cls, value: object) -> object:
        return _bool_from_template(value)

    @field_validator("image")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if not _is_http_url(value):
            raise ValueError(
                "is not a valid http(s) URL; Periskope fetches the picture from there, so it must be public"
            )
        return value


class NewGroup(_Model):
    """
    A group to be created, checked.

    :param group_name: name of the group, trimmed.
    :param participants: people to add: digits with country code, each once.
    :param options: options; ``None`` sends none.
    """

    group_name: str
    participants: list[str]
    options: GroupOptions | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON body of ``POST /chats/create``, with only what was set."""
        return self.model_dump(by_alias=True, exclude_unset=True)


_Switch = Annotated[StrictBool, BeforeValidator(_bool_from_template)]


class Media(_Model):
    """
    A file in a message, by exactly one of ``url`` and ``filedata``.

    :param type: ``document``, ``image``, ``video`` or ``audio``.
    :param url: public http(s) URL. Periskope fetches the file from there when it sends the message, which can be much
        later than now.
    :param filedata: content of the file, in base64.
    :param filename: name that is shown.
    :param mimetype: type of the content, such as ``application/pdf``.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["document", "image", "video", "audio"]
    url: StrictStr | None = None
    filedata: StrictStr | None = None
    filename: StrictStr | None = None
    mimetype: StrictStr | None = None

    @field_validator("url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_http_url(value):
            raise ValueError(
                "is not a valid http(s) URL; Periskope fetches the file from there, so it must be public"
            )
        return value


class PollSettings(_Model):
    """
    Settings of a poll.

    :param allow_multiple_answers: whether people may choose several options (``allowMultipleAnswers``).
    :param poll_id: an id of the poll (``pollId``). The operator derives one.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    allow_multiple_answers: _Switch | None = Field(None, alias="allowMultipleAnswers")
    poll_id: StrictStr | None = Field(None, alias="pollId")


class Poll(_Model):
    """
    A poll in a message.

    :param poll_name: the question (``pollName``).
    :param poll_options: 2 to 12 different answers to choose from (``pollOptions``).
    :param options: settings.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    poll_name: StrictStr = Field(alias="pollName")
    poll_options: list[StrictStr] = Field(alias="pollOptions")
    options: PollSettings | None = None


class MessageOptions(_Model):
    """
    Options of a message.

    :param hide_url_preview: whether a link in the text is shown without a preview.
    """

    hide_url_preview: bool


class NewMessage(_Model):
    """
    A message to be sent, checked.

    :param chat_id: the chat: ``…@g.us`` for a group, ``<digits>@c.us`` for a person.
    :param message: the text, or the caption of ``media``.
    :param media: a file.
    :param poll: a poll.
    :param reply_to: id of the message that this one replies to.
    :param options: options; ``None`` sends none.
    """

    chat_id: str
    message: str | None = None
    media: Media | None = None
    poll: Poll | None = None
    reply_to: str | None = None
    options: MessageOptions | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON body of ``POST /message/send``, with only what was set."""
        return self.model_dump(by_alias=True, exclude_none=True)


class GroupPeople(_Model):
    """
    People to add to a group or to remove from it, checked.

    :param chat_id: id of the group.
    :param participants: digits with country code, each once.
    :param force_add_participants: whether to try to add everybody directly; ``None`` does not say.
    """

    chat_id: str
    participants: list[str]
    force_add_participants: bool | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the request, with only what was set."""
        return self.model_dump(exclude={"chat_id"}, exclude_none=True)


class GroupChanges(_Model):
    """
    The state that a group is to be brought to, checked. ``None`` and an empty list leave things as they are.

    :param chat_id: id of the group.
    :param group_name: its name.
    :param options: its options.
    :param admins: digits of members who are to be admins.
    :param add_labels: labels to add.
    :param remove_labels: labels to remove.
    :param assigned_to: e-mail address of the person in Periskope that the chat is assigned to.
    :param custom_properties: custom properties of the chat to set; others stay.
    """

    chat_id: str
    group_name: str | None = None
    options: GroupOptions | None = None
    admins: list[str] = []
    add_labels: list[str] = []
    remove_labels: list[str] = []
    assigned_to: str | None = None
    custom_properties: dict[str, Any] = {}


class GroupClosing(_Model):
    """
    How a group is closed, checked.

    :param chat_id: id of the group.
    :param farewell: text of a last message; ``None`` for none.
    :param labels: labels to add.
    :param hand_over_to: digits of the person who becomes admin before the phone leaves; ``None`` for nobody.
    :param reset_invite_link: whether to replace the invite link.
    :param only_admins_write: whether to let only admins send messages.
    :param dissolve: whether to remove everybody else and leave.
    """

    chat_id: str
    farewell: str | None = None
    labels: list[str] = []
    hand_over_to: str | None = None
    reset_invite_link: bool = True
    only_admins_write: bool = True
    dissolve: bool = False


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    # Only the id in a response is promised, so whatever else cannot be read counts as missing.
    try:
        return handler(value)
    except ValueError:
        return None


def _with_offset(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _is_moment(value: Any) -> Any:
    # A date alone, or a number, would be taken for a moment at which nothing was created.
    if isinstance(value, datetime) or (isinstance(value, str) and ":" in value):
        return value
    raise ValueError("not a moment")


_Tolerant = WrapValidator(_or_none)
_Text = Annotated[str | None, _Tolerant]
_Flag = Annotated[bool | None, _Tolerant]
_Count = Annotated[int | None, _Tolerant]
_Moment = Annotated[datetime | None, BeforeValidator(_is_moment), AfterValidator(_with_offset), _Tolerant]


class Member(_Model):
    """A member of a group, as far as the response says."""

    contact_name: _Text = None
    is_admin: _Flag = None
    is_super_admin: _Flag = None


class Chat(_Model):
    """
    A chat of the phone. Everything but the id may be missing.

    :param chat_id: ``…@g.us`` for a group, ``<digits>@c.us`` for a person.
    :param chat_name: name of the group.
    :param chat_type: ``group``, ``user`` or ``business``.
    :param created_at: when it was created.
    :param updated_at: when anything about it changed last.
    :param group_description: description of the group.
    :param invite_link: link with which whoever has it can join.
    :param is_exited: whether the phone has left the group.
    :param member_count: people in the group; who was only invited is not counted.
    :param members: members by contact id (``<digits>@c.us``); only
        :meth:`~airflow_provider_periskope.hooks.periskope.PeriskopeHook.get_chat` has them.
    :param org_phone: phone the chat belongs to, ``<digits>@c.us``.
    :param chat_org_phones: all phones of the organisation that are in it, where the response says.
    :param chat_image: URL of its picture.
    :param messages_admins_only: whether only admins may send messages.
    :param info_admins_only: whether only admins may change name, picture and description.
    :param add_members_admins_only: whether only admins may add people.
    :param labels: names of its labels in Periskope.
    :param assigned_to: e-mail address of the person in Periskope that it is assigned to.
    :param custom_properties: its custom properties in Periskope.
    """

    chat_id: str = Field(min_length=1)
    chat_name: _Text = None
    chat_type: _Text = None
    created_at: _Moment = None
    updated_at: _Moment = None
    group_description: _Text = None
    invite_link: _Text = None
    is_exited: _Flag = None
    member_count: _Count = None
    members: Annotated[dict[str, Member] | None, _Tolerant] = None
    org_phone: _Text = None
    chat_org_phones: Annotated[list[str] | None, _Tolerant] = None
    chat_image: _Text = None
    messages_admins_only: _Flag = None
    info_admins_only: _Flag = None
    add_members_admins_only: _Flag = None
    labels: Annotated[list[str] | None, _Tolerant] = None
    assigned_to: _Text = None
    custom_properties: Annotated[dict[str, Any] | None, _Tolerant] = None


class InviteLink(_Model):
    """
    The invite link of a group.

    :param invite_link: the link.
    """

    invite_link: str = Field(min_length=1)


class Phone(_Model):
    """
    A phone of the organisation. Everything may be missing.

    :param org_phone: its number, ``<digits>@c.us``.
    :param phone_id: its id, ``phone-…``.
    :param phone_name: name given to it in Periskope.
    :param wa_state: ``CONNECTED`` when it can be used.
    :param is_ready: whether it can be used.
    """

    org_phone: _Text = None
    phone_id: _Text = None
    phone_name: _Text = None
    wa_state: _Text = None
    is_ready: _Flag = None

    @property
    def can_send(self) -> bool:
        """Whether it is connected to WhatsApp, as far as the response says."""
        return self.is_ready is not False and self.wa_state in (None, "CONNECTED")

    @property
    def is_known_to_be_connected(self) -> bool:
        """Whether the response says so."""
        return self.can_send and (self.is_ready is True or self.wa_state == "CONNECTED")


class QueuedMessage(_Model):
    """
    What the API says of a message that it has accepted: it is in the queue of the phone, and not sent yet.

    :param unique_id: its id, for :meth:`~airflow_provider_periskope.hooks.periskope.PeriskopeHook.get_message_status`.
    :param queue_id: id of its job in the queue.
    :param queue_position: its place in the queue.
    :param status: ``queued``.
    """

    unique_id: str = Field(min_length=1)
    queue_id: _Text = None
    queue_position: _Count = None
    status: _Text = None


class Timeline(_Model):
    """
    When a message was queued and sent, as far as the response says.

    :param queued_at: when the API accepted it.
    :param sent_at: when the phone sent it.
    """

    queued_at: _Moment = None
    sent_at: _Moment = None


class MessageStatus(_Model):
    """
    How far a message has come. Everything may be missing.

    :param status: ``queued``, ``sent``, ``delivered`` or ``read``.
    :param ack: WhatsApp's number for that: -1 failed, 0 pending, 1 sent, 2 on WhatsApp's server, 3 delivered, 4 and
        5 read.
    :param timeline: when it was queued and sent.
    :param attempts: how often Periskope has tried to send it.
    """

    status: _Text = None
    ack: _Count = None
    timeline: Annotated[Timeline | None, _Tolerant] = None
    attempts: _Count = None

    @property
    def is_sent(self) -> bool:
        """Whether the phone has sent it."""
        return (self.ack or 0) >= 1 or self.status in ("sent", "delivered", "read")

    @property
    def is_delivered(self) -> bool:
        """Whether it has reached its receiver."""
        return (self.ack or 0) >= 3 or self.status in ("delivered", "read")

    @property
    def has_failed(self) -> bool:
        """Whether the last attempt to send it has failed. Periskope can still try again by itself."""
        return self.ack == -1 or (self.status == "failed" and not self.is_sent)


class Message(_Model):
    """
    A message in a chat. Everything but the id may be missing.

    :param message_id: its id in WhatsApp.
    :param unique_id: its id in Periskope.
    :param org_phone: phone whose chat it is in, ``<digits>@c.us``.
    :param chat_id: the chat.
    :param body: the text, the caption, or the question of a poll.
    :param prev_body: the text before it was edited.
    :param message_type: ``chat`` for a text, ``image``, ``video``, ``document``, ``audio``, ``poll_creation``, ….
    :param timestamp: when it was sent.
    :param from_me: whether the phone has sent it.
    :param ack: see :class:`MessageStatus`.
    :param performed_by: who has sent it; ``api`` for a message of the API.
    :param sender_phone: who has sent it, ``<digits>@c.us``.
    :param quoted_message_id: id of the message that it replies to.
    :param is_deleted: whether it was deleted.
    :param media: its file, as the API describes it.
    :param poll_info: its poll, as the API describes it.
    :param sent_message_id: for a message of the API, the ``queue_id`` of its send.
    """

    message_id: str = Field(min_length=1)
    unique_id: _Text = None
    org_phone: _Text = None
    chat_id: _Text = None
    body: _Text = None
    prev_body: _Text = None
    message_type: _Text = None
    timestamp: _Moment = None
    from_me: _Flag = None
    ack: _Count = None
    performed_by: _Text = None
    sender_phone: _Text = None
    quoted_message_id: _Text = None
    is_deleted: _Flag = None
    media: Annotated[dict[str, Any] | None, _Tolerant] = None
    poll_info: Annotated[dict[str, Any] | None, _Tolerant] = None
    sent_message_id: _Text = None


class QueueContent(_Model):
    """
    What a message in the queue says, as far as the response says.

    :param body: the text, the caption, or the question of a poll.
    :param type: its type, as in :class:`Message`.
    """

    body: _Text = None
    type: _Text = None


class QueueJob(_Model):
    """
    A message in the queue of a phone. Everything may be missing.

    :param queue_id: id of the job.
    :param unique_id: id of the message.
    :param chat_id: chat that it is for.
    :param status: state of the job.
    :param message: what it says.
    :param timeline: when it was queued.
    :param attempts: how often Periskope has tried to send it.
    """

    queue_id: _Text = None
    unique_id: _Text = None
    chat_id: _Text = None
    status: _Text = None
    message: Annotated[QueueContent | None, _Tolerant] = None
    timeline: Annotated[Timeline | None, _Tolerant] = None
    attempts: _Count = None


class Group(Chat):
    """A group that was read with its members."""

    members: dict[str, Member]


class Outcome(StrEnum):
    """What came of adding or removing one person; the documentation has a table under "Participants"."""

    ADDED = "added"
    ALREADY_IN = "already_in"
    INVITED = "invited"
    LEFT_RECENTLY = "left_recently"
    NOT_ON_WHATSAPP = "not_on_whatsapp"
    GROUP_FULL = "group_full"
    REMOVED = "removed"
    NOT_IN = "not_in"
    REFUSED = "refused"
    UNKNOWN = "unknown"


_CODES = {
    200: Outcome.ADDED,
    404: Outcome.NOT_ON_WHATSAPP,
    408: Outcome.LEFT_RECENTLY,
    409: Outcome.ALREADY_IN,
    419: Outcome.GROUP_FULL,
}
_WORDS = {
    "invite sent": Outcome.INVITED,
    "already": Outcome.ALREADY_IN,
    "recently": Outcome.LEFT_RECENTLY,
    "not on whatsapp": Outcome.NOT_ON_WHATSAPP,
    "not registered": Outcome.NOT_ON_WHATSAPP,
    "full": Outcome.GROUP_FULL,
}


class ParticipantResult(_Model):
    """
    What the API says of one person who was to be added or removed. Everything may be missing.

    :param is_success: whether it worked; a person who was only invited counts as a success.
    :param code: WhatsApp's code.
    :param message: the API's words.
    :param is_invite_sent: whether the person was sent a private invitation.
    """

    is_success: _Flag = None
    code: _Count = None
    message: _Text = None
    is_invite_sent: _Flag = Field(None, alias="isInviteV4Sent")

    @property
    def of_adding(self) -> Outcome:
        """What came of adding the person: the code decides, and where it does not, the other fields."""
        if self.code in (200, 409):
            return _CODES[self.code]
        # An invitation that was sent counts for more than the reason for it.
        if self.is_invite_sent:
            return Outcome.INVITED
        if self.code in _CODES:
            return _CODES[self.code]
        words = (self.message or "").lower()
        for phrase, outcome in _WORDS.items():
            if phrase in words:
                return outcome
        if self.is_success is False:
            return Outcome.REFUSED
        if self.is_success and self.code == 403 and self.is_invite_sent is None:
            return Outcome.INVITED
        return Outcome.ADDED if self.is_success and self.code is None else Outcome.UNKNOWN

    @property
    def of_removing(self) -> Outcome:
        """What came of removing the person."""
        if self.code == 404:
            return Outcome.NOT_IN
        if self.is_success is None and self.code is None:
            return Outcome.UNKNOWN
        return Outcome.REMOVED if self.is_success or self.code == 200 else Outcome.REFUSED


class ParticipantResults(RootModel[dict[str, ParticipantResult]], defer_build=True):
    """What the API says of several people, by their contact ids."""

    @model_validator(mode="before")
    @classmethod
    def _only_people(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        people = {key: result for key, result in body.items() if isinstance(result, dict)}
        if not people:
            raise ValueError("it says nothing of anybody")
        return people

    def by_number(self, numbers: Collection[str]) -> dict[str, ParticipantResult]:
        """
        Return the result of each person.

        :param numbers: who was asked about. WhatsApp may know a person by an older form of the number, or name them by
            an id without a number: then only what holds for all such people alike is used.
        :return: by number; a person of whom nothing is known has a result without any content.
        """
        by_digits = {digits_of(key): result for key, result in self.root.items()}
        unmatched = [number for number in numbers if number not in by_digits]
        others = [result for key, result in self.root.items() if digits_of(key) not in numbers]
        kinds = {(other.of_adding, other.of_removing) for other in others}
        same = (
            others[0]
            if len(kinds) == 1 and len(others) == len(unmatched)
            else ParticipantResult.model_validate({})
        )
        return {number: same if number in unmatched else by_digits[number] for number in numbers}
