# ruff: noqa: N815 (bodies carry the API's own names)
"""Periskope's own endpoints, as far as the sandbox has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StringConstraints
from starlette.exceptions import HTTPException

from airflow_provider_periskope.sandbox import control, errors
from airflow_provider_periskope.sandbox.errors import JSON, ApiError, json_bytes
from airflow_provider_periskope.sandbox.traffic import PREFIX
from airflow_provider_periskope.sandbox.whatsapp import (
    GROUP_SIZE,
    INVITE,
    NAME_LENGTH,
    Chat,
    Phone,
    WhatsApp,
    contact_id,
    letters,
    refusal,
)

router = APIRouter(prefix=PREFIX)

# The vendor's own example sends "" for options that are not wanted.
Flag = Annotated[StrictBool, BeforeValidator(lambda value: False if value == "" else value)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}(@c\.us)?$")]


class GroupOptions(BaseModel):
    """What a new group may bring along."""

    description: str | None = None
    image: str | None = None
    messagesAdminsOnly: Flag = False
    infoAdminsOnly: Flag = False
    addMembersAdminsOnly: Flag = False
    force_add_participants: Flag = False


class Participants(BaseModel):
    """The body of add, remove, promote and demote."""

    participants: Annotated[list[Number], Field(min_length=1, max_length=GROUP_SIZE - 1)]
    force_add_participants: Flag = False


class NewGroup(Participants):
    """The body of a create."""

    group_name: Name
    options: GroupOptions = GroupOptions()


class Settings(BaseModel):
    """What can be changed in a group; what is not given stays."""

    name: Name | None = None
    description: str | None = None
    image: str | None = None
    messagesAdminsOnly: Flag | None = None
    infoAdminsOnly: Flag | None = None
    memberAddMode: Flag | None = None


class NewMessage(BaseModel):
    """The body of a send."""

    chat_id: str
    message: str | None = None
    media: dict[str, Any] | None = None
    poll: dict[str, Any] | None = None
    reply_to: str | None = None
    options: dict[str, Any] | None = None


def world_of(request: Request) -> WhatsApp:
    """Get the state that this application serves."""
    world: WhatsApp = request.app.state.sandbox
    return world


World = Annotated[WhatsApp, Depends(world_of)]


def named_phone(request: Request, world: World) -> Phone:
    """Get the phone that the header names."""
    name = request.headers.get("x-phone")
    if not name:
        text = "Name the phone of this call: its number with country code, digits only, or its phone id"
        raise errors.invalid("Missing Header: {x-phone}", {"x-phone": text})
    if phone := world.find_phone(name):
        return phone
    raise errors.not_found("Phone not found")


AnyPhone = Annotated[Phone, Depends(named_phone)]


def working_phone(phone: AnyPhone) -> Phone:
    """Get the phone that the header names, which has to be switched on."""
    if phone.is_off:
        raise errors.PHONE_OFF
    return phone


WorkingPhone = Annotated[Phone, Depends(working_phone)]


def existing_chat(chat_id: str, world: World, _phone: WorkingPhone) -> Chat:
    """Get the chat that the path names."""
    if chat := world.find_chat(chat_id):
        return chat
    raise errors.not_found()


AnyChat = Annotated[Chat, Depends(existing_chat)]


def own_group(chat: AnyChat) -> Chat:
    """Get the group that the path names, in which the organisation still is."""
    if chat.chat_type != "group" or chat.exited:
        raise errors.invalid("The phone is not in this group" if chat.exited else "The chat is not a group")
    return chat


Group = Annotated[Chat, Depends(own_group)]


def ok(content: Any) -> Response:
    """Answer 200 with JSON."""
    return Response(json_bytes(content), media_type=JSON)


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
    page = [chat.row() for chat in chats[offset : offset + limit]]
    return ok({"from": offset, "to": offset + len(page), "count": len(chats), "chats": page})


@router.get("/chats/{chat_id}")
async def get_chat(chat: AnyChat) -> Response:
    """Show one chat with its members."""
    return ok({**chat.row(), "members": chat.member_rows()})


@router.post("/chats/{chat_id}/add")
async def add(body: Participants, group: Group, world: World) -> Response:
    """Add people to a group, or invite them."""
    force = body.force_add_participants
    people = {
        contact_id(number): world.add_person(group, number, force=force) for number in body.participants
    }
    world.touch(group)
    return ok(people)


@router.post("/chats/{chat_id}/remove")
@router.post("/chats/{chat_id}/promote")
@router.post("/chats/{chat_id}/demote")
async def change_members(request: Request, body: Participants, group: Group, world: World) -> Response:
    """Remove people from a group, or make them admins, or no longer."""
    change = request.url.path.rpartition("/")[2]
    people: dict[str, Any] = {}
    for person in map(contact_id, body.participants):
        member = group.members.get(person)
        if member is None or member.is_super_admin:
            reason = "The creator of the group stays" if member else "Participant is not in the group"
            people[person] = refusal(403 if member else 404, reason)
            continue
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
        "messagesAdminsOnly": "messages_admins_only",
        "infoAdminsOnly": "info_admins_only",
        "memberAddMode": "add_members_admins_only",
    }
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(group, attributes.get(name, name), value)
    world.touch(group)
    return ok(group.row())


@router.post("/chats/{chat_id}/invite")
async def new_invite(group: Group, world: World) -> Response:
    """Make a new link."""
    group.invite_link = f"{INVITE}/{letters(22)}"
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
    chat, number = world.find_chat(body.chat_id), body.chat_id.removesuffix("@c.us")
    if chat is None and number.isascii() and number.isdigit():
        name, person = world.contact_names.get(number), contact_id(number)
        chat = world.add_chat(name, phone.digits, chat_id=person, chat_type="user")
    if chat is None or chat.exited:
        raise errors.invalid("The phone is not in this group") if chat else errors.not_found()
    message = world.send(chat, content)
    return ok({"queue_id": message.queue_id, "unique_id": message.unique_id, "queue_position": "1"})


@router.get("/message/{unique_id}/status")
async def message_status(unique_id: str, world: World, _phone: WorkingPhone) -> Response:
    """Tell how far a message has come."""
    message = world.messages.get(unique_id)
    if message is None:
        raise errors.not_found("Message not found")
    progress = message.progress()
    timeline = [{"status": stage, "timestamp": moment.isoformat()} for stage, _, moment in progress]
    known = {"unique_id": unique_id, "queue_id": message.queue_id, "chat_id": message.chat_id}
    return ok({**known, "status": progress[-1][0], "ack": progress[-1][1], "timeline": timeline})


def invalid_input(error: RequestValidationError) -> ApiError:
    """Say in the API's words what is wrong with query or body."""
    fields, missing = {}, []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"][1:])) or str(problem["loc"][0])
        fields[place] = problem["msg"]
        if problem["type"] == "missing":
            missing.append(place)
        elif place == "limit" and problem["type"] == "less_than_equal":
            fields[place] = "Limit should be less than 2000"
    if missing:
        keys = ", ".join(missing)
        return errors.invalid(f"Invalid body. All of the following keys are required: {keys}", fields)
    return errors.invalid(next(iter(fields.values())), fields)


def create_app(sandbox: WhatsApp) -> FastAPI:
    """Build the application that answers."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)  # no page that loads from another host
    app.state.sandbox = sandbox
    app.include_router(router)
    app.include_router(control.router)

    @app.exception_handler(ApiError)
    @app.exception_handler(RequestValidationError)
    @app.exception_handler(HTTPException)
    async def _refused(_: Request, error: Any) -> Response:
        headers = getattr(error, "headers", None)
        if isinstance(error, HTTPException):
            code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND_ERROR"
            error = ApiError(error.status_code, code, error.detail)
        answer = (invalid_input(error) if isinstance(error, RequestValidationError) else error).answer()
        return Response(answer.body, answer.status, headers, media_type=JSON)

    return app
