"""Periskope's own endpoints, as far as the sandbox has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StringConstraints
from starlette.exceptions import HTTPException

from airflow_provider_periskope.sandbox import errors
from airflow_provider_periskope.sandbox.errors import ApiError, json_bytes
from airflow_provider_periskope.sandbox.traffic import PREFIX
from airflow_provider_periskope.sandbox.whatsapp import (
    GROUP_SIZE,
    NAME_LENGTH,
    Chat,
    Phone,
    WhatsApp,
    contact_id,
    invite_link,
    refusal,
)

router = APIRouter(prefix=PREFIX)

# The vendor's own example sends "" for options that are not wanted.
Flag = Annotated[StrictBool, BeforeValidator(lambda value: False if value == "" else value)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}(@c\.us)?$")]
Numbers = Annotated[list[Number], Field(min_length=1, max_length=GROUP_SIZE - 1)]


class GroupOptions(BaseModel):
    """What a new group may bring along."""

    description: str | None = None
    image: str | None = None
    messagesAdminsOnly: Flag = False  # noqa: N815 (the API's names)
    infoAdminsOnly: Flag = False  # noqa: N815
    addMembersAdminsOnly: Flag = False  # noqa: N815
    force_add_participants: Flag = False


class NewGroup(BaseModel):
    """The body of a create."""

    group_name: Name
    participants: Numbers
    options: GroupOptions = GroupOptions()


class Participants(BaseModel):
    """The body of add, remove, promote and demote."""

    participants: Numbers
    force_add_participants: Flag = False


class Settings(BaseModel):
    """What can be changed in a group; what is not given stays."""

    name: Name | None = None
    description: str | None = None
    image: str | None = None
    messagesAdminsOnly: Flag | None = None  # noqa: N815
    infoAdminsOnly: Flag | None = None  # noqa: N815
    memberAddMode: Flag | None = None  # noqa: N815


class Media(BaseModel):
    """A file, by its address or in base64."""

    type: Literal["document", "image", "video", "audio"]
    url: str | None = None
    filedata: str | None = None
    filename: str | None = None
    mimetype: str | None = None


class NewMessage(BaseModel):
    """The body of a send."""

    chat_id: str
    message: str | None = None
    media: Media | None = None
    poll: dict[str, Any] | None = None
    reply_to: str | None = None
    options: dict[str, Any] | None = None


def world_of(request: Request) -> WhatsApp:
    """Get the state that this application serves."""
    world: WhatsApp = request.app.state.world
    return world


World = Annotated[WhatsApp, Depends(world_of)]


def named_phone(request: Request, world: World) -> Phone:
    """Get the phone that the header names."""
    name = request.headers.get("x-phone")
    if not name:
        text = "Name the phone of this call: its number with country code, digits only, or its phone id"
        raise errors.invalid("Missing Header: {x-phone}", {"x-phone": text})
    phone = world.phone(name)
    if phone is None:
        raise errors.not_found("Phone not found")
    return phone


def working_phone(phone: Annotated[Phone, Depends(named_phone)]) -> Phone:
    """Get the phone that the header names, which has to be switched on."""
    if phone.is_off:
        raise errors.PHONE_OFF
    return phone


AnyPhone = Annotated[Phone, Depends(named_phone)]
WorkingPhone = Annotated[Phone, Depends(working_phone)]


def existing_chat(chat_id: str, world: World, _phone: WorkingPhone) -> Chat:
    """Get the chat that the path names; `@c.us` may be left out."""
    chat = world.chats.get(chat_id) or world.chats.get(contact_id(chat_id))
    if chat is None:
        raise errors.not_found()
    return chat


def own_group(chat: Annotated[Chat, Depends(existing_chat)]) -> Chat:
    """Get the group that the path names, in which the organisation still is."""
    if chat.chat_type != "group" or chat.exited:
        raise errors.invalid("The phone is not in this group" if chat.exited else "The chat is not a group")
    return chat


AnyChat = Annotated[Chat, Depends(existing_chat)]
Group = Annotated[Chat, Depends(own_group)]


def ok(content: Any) -> Response:
    """Answer 200 with JSON."""
    return Response(json_bytes(content), media_type="application/json; charset=utf-8")


@router.post("/chats/create")
async def create_group(body: NewGroup, phone: WorkingPhone, world: World, request: Request) -> Response:
    """Make a group; who is not in the contacts is invited to it."""
    options = body.options
    group = world.add_chat(
        body.group_name,
        phone.digits,
        description=options.description or None,
        image=options.image or None,
        messages_admins_only=options.messagesAdminsOnly,
        info_admins_only=options.infoAdminsOnly,
        add_members_admins_only=options.addMembersAdminsOnly,
        listed_from=request.state.listed_from,
    )
    answer = group.row()  # before anybody has joined: the vendor's example counts one member, too
    for number in body.participants:
        world.add_person(group, number, force=options.force_add_participants)
    return ok(answer)


@router.get("/chats")
async def list_chats(
    world: World,
    _phone: WorkingPhone,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=2000)] = 2000,
    chat_type: Literal["group", "user", "business"] | None = None,
    label: str | None = None,
) -> Response:
    """List the chats of the whole organisation, newest update first."""
    chats = world.listed(chat_type, label)
    page = chats[offset : offset + limit]
    rows = [chat.row() for chat in page]
    return ok({"from": offset, "to": offset + len(page), "count": len(chats), "chats": rows})


@router.get("/chats/{chat_id}")
async def get_chat(chat: AnyChat) -> Response:
    """Show one chat with its members."""
    return ok({**chat.row(), "members": chat.member_rows()})


@router.post("/chats/{chat_id}/add")
async def add(body: Participants, group: Group, world: World) -> Response:
    """Add people to a group, or invite them."""
    people = {
        contact_id(number): world.add_person(group, number, force=body.force_add_participants)
        for number in body.participants
    }
    world.touch(group)
    return ok(people)


@router.post("/chats/{chat_id}/{change}")
async def change_member(
    change: Literal["remove", "promote", "demote"], body: Participants, group: Group, world: World
) -> Response:
    """Remove people from a group, or make them admins, or no longer."""
    people: dict[str, Any] = {}
    for person in map(contact_id, body.participants):
        member = group.members.get(person)
        if member is None:
            people[person] = refusal(404, "Participant is not in the group")
        elif member.is_super_admin:
            people[person] = refusal(403, "The creator of the group can't be changed")
        else:
            member.is_admin = change == "promote"
            if change == "remove":
                del group.members[person]
            people[person] = {"is_success": True, "code": 200}
    world.touch(group)
    return ok(people)


@router.post("/chats/{chat_id}/settings")
async def change_settings(body: Settings, group: Group, world: World) -> Response:
    """Change what is given."""
    attributes = {
        "name": body.name,
        "description": body.description,
        "image": body.image,
        "messages_admins_only": body.messagesAdminsOnly,
        "info_admins_only": body.infoAdminsOnly,
        "add_members_admins_only": body.memberAddMode,
    }
    for attribute, value in attributes.items():
        if value is not None:
            setattr(group, attribute, value)
    world.touch(group)
    return ok(group.row())


@router.post("/chats/{chat_id}/invite")
async def new_invite(group: Group, world: World) -> Response:
    """Make a new link."""
    group.invite_link = invite_link()
    world.touch(group)
    return ok({"invite_link": group.invite_link})


@router.post("/chats/{chat_id}/leave")
async def leave(group: Group, world: World) -> Response:
    """Leave the group, which stays in the list as an exited one."""
    group.exited = True
    group.members.pop(contact_id(group.phone), None)
    world.touch(group)
    return ok({})


@router.get("/phones")
async def get_phone(phone: AnyPhone) -> Response:
    """Show the phone of the header, off or on."""
    return ok(phone.row())


@router.get("/phones/all")
async def list_phones(world: World) -> Response:
    """Show all phones in a bare array."""
    return ok([phone.row() for phone in world.phones.values()])


@router.post("/phones/restart")
async def restart_phone(phone: AnyPhone) -> Response:
    """Switch the phone on."""
    phone.is_off = False
    return Response(status_code=204)


@router.post("/message/send")
async def send_message(body: NewMessage, phone: WorkingPhone, world: World) -> Response:
    """Queue a message; a first one to a person makes the chat."""
    content = body.model_dump(exclude={"chat_id"}, exclude_none=True)
    if not content.keys() & {"message", "media", "poll"}:
        raise errors.invalid("Invalid body. A message, media or a poll is required")
    chat = world.chats.get(body.chat_id) or world.chats.get(contact_id(body.chat_id))
    number = body.chat_id.removesuffix("@c.us")
    if chat is None and number.isascii() and number.isdigit():
        chat = world.add_chat(
            world.contact_names.get(number), phone.digits, chat_id=contact_id(number), chat_type="user"
        )
    if chat is None:
        raise errors.not_found()
    if chat.exited:
        raise errors.invalid("The phone is not in this group")
    message = world.send(chat, phone, content)
    return ok({"queue_id": message.queue_id, "unique_id": message.unique_id, "queue_position": "1"})


@router.get("/message/{unique_id}/status")
async def message_status(unique_id: str, world: World, _phone: WorkingPhone) -> Response:
    """Tell how far a message has come."""
    message = world.messages.get(unique_id)
    if message is None:
        raise errors.not_found("Message not found")
    progress = message.progress()
    status, ack, _ = progress[-1]
    timeline = [{"status": stage, "timestamp": at.isoformat()} for stage, _, at in progress]
    known = {"unique_id": unique_id, "queue_id": message.queue_id, "chat_id": message.chat_id}
    return ok({**known, "status": status, "ack": ack, "timeline": timeline})


def invalid_input(error: RequestValidationError) -> ApiError:
    """Say in the API's words what is wrong with query or body."""
    fields: dict[str, str] = {}
    missing = []
    for problem in error.errors():
        place, *path = problem["loc"]
        name = ".".join(map(str, path)) or str(place)
        if problem["type"] == "missing":
            missing.append(name)
        if name == "limit" and problem["type"] == "less_than_equal":
            problem["msg"] = "Limit should be less than 2000"
        fields[name] = problem["msg"]
    message = f"Invalid {place}. " + next(iter(fields.values()))
    if missing:
        message = f"Invalid body. All of the following keys are required: {', '.join(missing)}"
    elif "limit" in fields:
        message = fields["limit"]
    return errors.invalid(message, fields)


def answer_of(error: ApiError) -> Response:
    """Turn a refusal into a response."""
    answer = error.answer()
    return Response(answer.body, answer.status, media_type=answer.content_type)


def create_app(world: WhatsApp) -> FastAPI:
    """Build the application that answers; nothing of it loads from another host."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.world = world
    app.include_router(router)

    @app.exception_handler(ApiError)
    async def _refused(_: Request, error: ApiError) -> Response:
        return answer_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return answer_of(invalid_input(error))

    @app.exception_handler(HTTPException)
    async def _unknown(_: Request, error: HTTPException) -> Response:
        code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND_ERROR"
        response = answer_of(ApiError(error.status_code, code, error.detail))
        response.headers.update(error.headers or {})
        return response

    return app
