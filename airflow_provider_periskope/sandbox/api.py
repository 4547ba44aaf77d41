"""Periskope's own endpoints, as far as the sandbox has them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StringConstraints
from starlette.exceptions import HTTPException

from airflow_provider_periskope.sandbox import answers, whatsapp
from airflow_provider_periskope.sandbox.answers import JSON, ApiError, json_bytes
from airflow_provider_periskope.sandbox.calls import PREFIX
from airflow_provider_periskope.sandbox.whatsapp import Chat, Phone, WhatsApp, contact_id, refusal

router = APIRouter(prefix=PREFIX)

# The vendor's own example sends "" for options that are not wanted.
Flag = Annotated[StrictBool, BeforeValidator(lambda value: False if value == "" else value)]
Text = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=whatsapp.NAME_LENGTH)]
NUMBER = r"[0-9]{7,15}(@c\.us)?"
Number = Annotated[str, StringConstraints(pattern=f"^{NUMBER}$")]


class GroupOptions(BaseModel):
    """What a new group may bring along."""

    description: Text = None
    image: Text = None
    messages_admins_only: Flag = Field(default=False, alias="messagesAdminsOnly")
    info_admins_only: Flag = Field(default=False, alias="infoAdminsOnly")
    add_members_admins_only: Flag = Field(default=False, alias="addMembersAdminsOnly")
    force_add_participants: Flag = False


class Participants(BaseModel):
    """The body of add, remove, promote and demote."""

    participants: Annotated[list[Number], Field(min_length=1, max_length=whatsapp.GROUP_SIZE - 1)]
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
    messages_admins_only: Flag | None = Field(default=None, alias="messagesAdminsOnly")
    info_admins_only: Flag | None = Field(default=None, alias="infoAdminsOnly")
    add_members_admins_only: Flag | None = Field(default=None, alias="memberAddMode")


class Media(BaseModel, extra="allow"):
    """A file, by its `url` or as `filedata` in base64."""

    type: Literal["document", "image", "video", "audio"]


class NewMessage(BaseModel):
    """The body of a send."""

    chat_id: str
    message: str | None = None
    media: Media | None = None
    poll: dict[str, Any] | None = None
    reply_to: str | None = None
    options: dict[str, Any] | None = None


def known_world(request: Request) -> WhatsApp:
    """Get the state that this application serves."""
    world: WhatsApp = request.app.state.sandbox
    return world


World = Annotated[WhatsApp, Depends(known_world)]


def named_phone(request: Request, world: World) -> Phone:
    """Get the phone that the header names; one that is off can be read and restarted, and nothing more."""
    name = request.headers.get("x-phone")
    if not name:
        text = "Name the phone of this call: its number with country code, digits only, or its phone id"
        raise answers.invalid("Missing Header: {x-phone}", {"x-phone": text})
    phone = world.find_phone(name)
    if phone is None:
        raise answers.not_found("Phone not found")
    if phone.is_off and not request.url.path.startswith(f"{PREFIX}/phones"):
        raise answers.PHONE_OFF
    return phone


Caller = Annotated[Phone, Depends(named_phone)]


def named_chat(request: Request, chat_id: str, world: World, _phone: Caller) -> Chat:
    """Get the chat that the path names, to change it only if it is a group that was not left."""
    chat = world.find_chat(chat_id)
    if chat is None or (request.method == "POST" and (chat.chat_type != "group" or chat.exited)):
        raise answers.not_found()
    return chat


Named = Annotated[Chat, Depends(named_chat)]


def ok(content: Any) -> Response:
    """Answer 200 with JSON."""
    return Response(json_bytes(content), media_type=JSON)


@router.post("/chats/create")
async def create_group(body: NewGroup, phone: Caller, world: World, request: Request) -> Response:
    """Make a group; who is not in the contacts is invited to it."""
    options = body.options.model_dump(exclude={"force_add_participants"})
    options["listed_from"] = request.state.listed_from
    group = world.add_chat(body.group_name, phone.digits, **options)
    answer = group.row()  # before anybody has joined: the vendor's example counts one member, too
    for number in body.participants:
        world.add_person(group, number, force=body.options.force_add_participants)
    return ok(answer)


@router.get("/chats")
async def list_chats(
    world: World,
    _phone: Caller,
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
async def get_chat(chat: Named) -> Response:
    """Show one chat with its members."""
    return ok({**chat.row(), "members": chat.member_rows()})


@router.post("/chats/{chat_id}/add")
async def add(body: Participants, group: Named, world: World) -> Response:
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
async def change_members(request: Request, body: Participants, group: Named, world: World) -> Response:
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
async def change_settings(body: Settings, group: Named, world: World) -> Response:
    """Change what is given."""
    for name, value in body:
        if value is not None:
            setattr(group, name, value)
    world.touch(group)
    return ok(group.row())


@router.post("/chats/{chat_id}/invite")
async def new_invite(group: Named, world: World) -> Response:
    """Make a new link."""
    group.invite_link = whatsapp.invite_link()
    world.touch(group)
    return ok({"invite_link": group.invite_link})


@router.post("/chats/{chat_id}/leave")
async def leave(group: Named, world: World) -> Response:
    """Leave the group, which stays in the list as an exited one."""
    group.exited = True
    group.members.pop(contact_id(group.phone), None)
    world.touch(group)
    return ok({})


@router.get("/phones")
async def get_phone(phone: Caller) -> Response:
    """Show the phone of the header, off or on."""
    return ok(phone.row())


@router.get("/phones/all")
async def list_phones(world: World) -> Response:
    """Show all phones in a bare array."""
    return ok([phone.row() for phone in world.phones.values()])


@router.post("/phones/restart")
async def restart_phone(phone: Caller) -> Response:
    """Switch the phone on."""
    phone.is_off = False
    return Response(status_code=204)


@router.post("/message/send")
async def send_message(body: NewMessage, phone: Caller, world: World) -> Response:
    """Queue a message; a first one to a person makes the chat."""
    content = body.model_dump(exclude={"chat_id"}, exclude_none=True)
    if not content.keys() & {"message", "media", "poll"}:
        raise answers.invalid("Invalid body. A message, media or a poll is required")
    chat, person = world.find_chat(body.chat_id), contact_id(body.chat_id)
    if chat is None and re.fullmatch(NUMBER, person):
        name = world.contact_names.get(person.removesuffix("@c.us"))
        chat = world.add_chat(name, phone.digits, chat_id=person, chat_type="user")
    if chat is None or chat.exited:
        raise answers.not_found()
    message = world.send(chat, content)
    return ok({"queue_id": message.queue_id, "unique_id": message.unique_id, "queue_position": "1"})


@router.get("/message/{unique_id}/status")
async def message_status(unique_id: str, world: World, _phone: Caller) -> Response:
    """Tell how far a message has come."""
    message = world.messages.get(unique_id)
    if message is None:
        raise answers.not_found("Message not found")
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
        return answers.invalid(f"Invalid body. All of the following keys are required: {keys}", fields)
    return answers.invalid(next(iter(fields.values())), fields)


def create_app(sandbox: WhatsApp) -> FastAPI:
    """Build the application that answers."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)  # no page that loads from another host
    app.state.sandbox = sandbox
    app.include_router(router)

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
