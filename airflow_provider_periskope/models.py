"""What goes into a call and what comes out of it, as pydantic models. They know nothing of Airflow or HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)


class GroupOptions(BaseModel):
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
    def _bool_from_template(cls, value: object) -> object:
        # A template renders True to the text "True"; no other text is meant as a switch.
        return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value

    @field_validator("image")
    @classmethod
    def _http_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                "is not a valid http(s) URL; Periskope fetches the picture from there, so it must be public"
            )
        return value


class NewGroup(BaseModel):
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


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    # Only the id in a response is promised, so whatever else cannot be read counts as missing.
    try:
        return handler(value)
    except ValueError:
        return None


def _with_offset(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


_Tolerant = WrapValidator(_or_none)
_Text = Annotated[str | None, _Tolerant]
_Flag = Annotated[bool | None, _Tolerant]
_Count = Annotated[int | None, _Tolerant]
_Moment = Annotated[datetime | None, AfterValidator(_with_offset), _Tolerant]


class Member(BaseModel):
    """A member of a group, as far as the response says."""

    contact_name: _Text = None
    is_admin: _Flag = None
    is_super_admin: _Flag = None


class Chat(BaseModel):
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


class Phone(BaseModel):
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
