"""Periskope's own endpoints, as far as the sandbox has them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StringConstraints
from starlette.exceptions import HTTPException

from airflow_provider_periskope.sandbox import answers, whatsapp
from airflow_provider_periskope.sandbox.answers import JSON, ApiError, json_bytes
from airflow_provider_periskope.sandbox.calls import PREFIX, Conditions
from airflow_provider_periskope.sandbox.chats import Chat
from airflow_provider_periskope.sandbox.ids import contact_id, digits, invite_link
from airflow_provider_periskope.sandbox.phones import Phone
from airflow_provider_periskope.sandbox.state import State

router = APIRouter(prefix=PREFIX)

# The vendor's own example sends "" for options that are not wanted.
Flag = Annotated[StrictBool, BeforeValidator(lambda value: False if value == "" else value)]
Text = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=whatsapp.NAME_LENGTH)]
NUMBER = r"[0-9]{7,15}(@c\.us)?"
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{7,15}(@c\.us|@lid)?$")]


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


class Labels(BaseModel):
    """The labels that replace those of some chats, with commas between them."""

    labels: str
    chat_ids: list[str]


class ChatChanges(BaseModel):
    """What the organisation notes about a chat; what is not given stays."""

    assigned_to: Annotated[str, StringConstraints(pattern="^[^@ ]+@[^@ ]+$")] | None = None
    custom_properties: dict[str, str] | None = None
    labels: str | None = None


class Media(BaseModel, extra="allow"):
    """A file, by its `url` or as `filedata` in base64."""

    type: Literal["document", "image", "video", "audio"]
    url: str | None = None
    filedata: str | None = None


class Poll(BaseModel, extra="allow"):
    """A question and what can be answered."""

    pollName: str  # noqa: N815
    pollOptions: Annotated[list[str], Field(min_length=1, max_length=12)]  # noqa: N815
    options: dict[str, Any] | None = None


class NewMessage(BaseModel):
    """The body of a send."""

    chat_id: str
    message: str | None = None
    media: Media | None = None
    poll: Poll | None = None
    reply_to: str | None = None
    mentions: list[str] | None = None
    options: dict[str, Any] | None = None


class JobFilter(BaseModel):
    """Which jobs of the queue to list."""

    queue_id: str | None = None
    chat_id: str | None = None


def known_state(request: Request) -> State:
    """Get the state that this request is about."""
    state: State = request.state.sandbox
    return state


def known_conditions(request: Request) -> Conditions:
    """Get the conditions of this call."""
    conditions: Conditions = request.state.conditions
    return conditions


World = Annotated[State, Depends(known_state)]
Under = Annotated[Conditions, Depends(known_conditions)]


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


def connected_phone(phone: Caller) -> Phone:
    """Get the phone for a call that only WhatsApp can carry out."""
    if not phone.is_connected:
        raise answers.UNKNOWN
    return phone


Connected = Annotated[Phone, Depends(connected_phone)]


def named_chat(chat_id: str, world: World, _phone: Caller) -> Chat:
    """Get the chat that the path names."""
    chat = world.find_chat(chat_id)
    if chat is None:
        raise answers.not_found()
    return chat


Named = Annotated[Chat, Depends(named_chat)]


def named_group(chat: Named, _phone: Connected) -> Chat:
    """Get the group that the path names, to change it."""
    if chat.chat_type != "group" or chat.exited:
        raise answers.not_found()
    return chat


Group = Annotated[Chat, Depends(named_group)]
NOT_AN_ADMIN = "The phone is not an admin of this group"
Offset = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=2000)]


def ok(content: Any) -> Response:
    """Answer 200 with JSON."""
    return Response(json_bytes(content), media_type=JSON)


@router.post("/chats/create")
async def create_group(body: NewGroup, phone: Connected, world: World, under: Under) -> Response:
    """Make a group; who is not in the contacts is invited to it."""
    options = body.options.model_dump(exclude={"force_add_participants"})
    group = world.add_chat(body.group_name, phone.digits, listed_from=under.listed_from, **options)
    answer = group.row()  # before anybody has joined: the vendor's example counts one member, too
    for number in body.participants:
        world.add_person(group, number, force=body.options.force_add_participants)
    return ok(answer)


@router.get("/chats")
async def list_chats(
    world: World,
    _phone: Caller,
    offset: Offset = 0,
    limit: Limit = 2000,
    chat_type: Literal["group", "user", "business"] | None = None,
    label: str | None = None,
) -> Response:
    """List the chats of the whole organisation, newest update first."""
    chats = world.listed(chat_type, label)
    if world.rows_per_phone:
        rows = world.chat_rows(chats)
        return ok(page_of("chats", rows[offset : offset + limit], offset, len(rows)))
    return ok(page_of("chats", world.chat_rows(chats[offset : offset + limit]), offset, len(chats)))


def page_of(name: str, rows: list[dict[str, Any]], offset: int, count: int) -> dict[str, Any]:
    """Describe one page of a list."""
    return {"from": offset, "to": offset + len(rows), "count": count, name: rows}


@router.patch("/chats/labels")
async def label_chats(body: Labels, world: World, _phone: Caller) -> Response:
    """Replace all labels of some chats."""
    chats = [world.find_chat(chat_id) for chat_id in body.chat_ids]
    if None in chats:
        raise answers.not_found()
    for chat in filter(None, chats):
        chat.relabel(body.labels)
    return Response(status_code=204)


@router.get("/chats/{chat_id}")
async def get_chat(chat: Named, world: World) -> Response:
    """Show one chat with its members."""
    members = {key: world.without("members", row) for key, row in chat.member_rows().items()}
    return ok({**world.chat_rows([chat])[0], "members": members})


@router.patch("/chats/{chat_id}")
async def change_chat(body: ChatChanges, chat: Named, world: World) -> Response:
    """Change what the organisation notes about a chat."""
    if body.labels is not None:
        chat.relabel(body.labels)
    chat.assigned_to = body.assigned_to or chat.assigned_to
    chat.custom_properties = chat.custom_properties | (body.custom_properties or {})
    world.touch(chat)
    return ok(world.chat_rows([chat])[0])


@router.get("/chats/{chat_id}/messages")
async def list_messages(
    chat: Named, phone: Caller, world: World, offset: Offset = 0, limit: Limit = 2000
) -> Response:
    """List the messages of a chat, newest first; to a phone that is not in it, the list is empty."""
    is_in = phone.digits == chat.phone or phone.contact_id in chat.members
    messages = chat.sent_messages() if is_in else []
    rows = [world.without("messages", m.row(phone)) for m in messages[offset : offset + limit]]
    return ok(page_of("messages", rows, offset, len(messages)))


@router.post("/chats/{chat_id}/add")
async def add(body: Participants, group: Group, phone: Caller, world: World, under: Under) -> Response:
    """Add people to a group, or invite them."""
    if phone.contact_id not in group.members or (group.add_members_admins_only and not group.admits(phone)):
        return ok(not_by_an_admin(body))
    people = {
        contact_id(number): world.add_person(
            group, number, force=body.force_add_participants, listed_from=under.listed_from
        )
        for number in body.participants
    }
    world.touch(group)
    return ok(people)


@router.post("/chats/{chat_id}/remove")
@router.post("/chats/{chat_id}/promote")
@router.post("/chats/{chat_id}/demote")
async def change_members(
    request: Request, body: Participants, group: Group, phone: Caller, world: World
) -> Response:
    """Remove people from a group, or make them admins, or no longer."""
    if not group.admits(phone):
        return ok(not_by_an_admin(body))
    change = request.url.path.rpartition("/")[2]
    people = {contact_id(number): world.change_person(group, number, change) for number in body.participants}
    world.touch(group)
    return ok(people)


def not_by_an_admin(body: Participants) -> dict[str, Any]:
    """Refuse to change anybody."""
    refused = {"is_success": False, "message": NOT_AN_ADMIN}
    return {contact_id(number): refused for number in body.participants}


@router.post("/chats/{chat_id}/settings")
async def change_settings(body: Settings, group: Group, phone: Caller, world: World) -> Response:
    """Change what is given."""
    rules = {"messages_admins_only", "info_admins_only", "add_members_admins_only"}
    if not group.admits(phone) and (
        group.info_admins_only or rules & body.model_dump(exclude_none=True).keys()
    ):
        raise answers.invalid(NOT_AN_ADMIN)
    for name, value in body:
        if value is not None:
            setattr(group, name, value)
    world.touch(group)
    return ok(world.chat_rows([group])[0])


@router.post("/chats/{chat_id}/invite")
async def new_invite(group: Group, phone: Caller, world: World) -> Response:
    """Make a new link."""
    if not group.admits(phone):
        raise answers.invalid(NOT_AN_ADMIN)
    group.invite_link = invite_link()
    world.touch(group)
    return ok({"invite_link": group.invite_link})


@router.post("/chats/{chat_id}/leave")
async def leave(group: Group, phone: Caller, world: World) -> Response:
    """Leave the group, which stays in the list as an exited one."""
    world.leave(group, phone.digits)
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
async def send_message(body: NewMessage, phone: Caller, world: World, under: Under) -> Response:
    """Queue a message; a first one to a person makes the chat."""
    content = body.model_dump(exclude={"chat_id"}, exclude_none=True)
    if not content.keys() & {"message", "media", "poll"}:
        raise answers.invalid("Invalid body. A message, media or a poll is required")
    if "media" in content and not content["media"].keys() & {"url", "filedata"}:
        raise answers.invalid("Invalid body. media needs a url or filedata", {"media": "No url, no filedata"})
    chat, person = world.find_chat(body.chat_id), contact_id(body.chat_id)
    if chat is None and re.fullmatch(NUMBER, person):
        name = world.contact_names.get(digits(person))
        chat = world.add_chat(name, phone.digits, chat_id=person, chat_type="user")
    if chat is None or chat.exited:
        raise answers.not_found()
    attributes = vars(under) if under.stays_for else {"listed_from": under.listed_from}
    message = world.send(phone, chat, content, **attributes)
    ids = {"queue_id": message.queue_id, "unique_id": message.unique_id, "track_by": "unique_id"}
    return ok({**ids, "queue_position": len(world.queue(phone)), "status": "queued"})


@router.get("/message/{unique_id}/status")
async def message_status(unique_id: str, world: World, _phone: Caller) -> Response:
    """Tell how far a message has come."""
    message = world.messages.get(unique_id)
    if message is None:
        raise answers.not_found("Message not found")
    status, ack = message.progress
    timeline = {"queued_at": message.queued_at, "sent_at": message.sent_at}
    known = {"unique_id": unique_id, "queue_id": message.queue_id, "chat_id": message.chat_id}
    return ok({**known, "status": status, "ack": ack, "timeline": timeline, "attempts": message.attempts})


@router.get("/message/queues/health")
async def queue_health(phone: Caller, world: World) -> Response:
    """Count the messages of the phone."""
    messages = [message for message in list(world.messages.values()) if message.phone is phone]
    waiting = sum(message.is_waiting for message in messages)
    failed = sum(message.progress[1] < 0 for message in messages)
    sent = sum(message.sent_at is not None for message in messages)
    counts = {"waiting": waiting, "active": 0, "completed": sent, "failed": failed, "delayed": 0}
    return ok({**counts, "paused": 0})


@router.post("/message/queues")
async def list_queue(phone: Caller, world: World, wanted: JobFilter | None = None) -> Response:
    """List the messages that wait in the queue of the phone, oldest first."""
    wanted = wanted or JobFilter()
    jobs = [message.job() for message in world.queue(phone)]
    return ok([job for job in jobs if wanted.model_dump(exclude_none=True).items() <= job.items()])


@router.get("/queue/jobs")
async def list_jobs(phone: Caller, world: World, queue_id: str | None = None) -> Response:
    """List the same in the older form."""
    return ok([message.old_job() for message in world.queue(phone) if queue_id in (None, message.queue_id)])


@router.get("/message/{message_id}")
async def get_message(message_id: str, phone: Caller, world: World) -> Response:
    """Show a message by its id or its job's id, once it is sent."""
    message = world.find_message(message_id)
    if message is None or message.sent_at is None:
        raise answers.not_found("Message not found")
    return ok(world.without("messages", message.row(phone)))


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


def methods_of(path: str) -> str:
    """List the methods of a path; the framework itself would name those of its first route only."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    template = next(route.path for route in routes if route.path_regex.match(path))
    return ", ".join(sorted({name for route in routes if route.path == template for name in route.methods}))


def create_app() -> FastAPI:
    """Build the application that answers. Each request brings the state that it is about."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)  # no page that loads from another host
    app.include_router(router)

    @app.exception_handler(ApiError)
    @app.exception_handler(RequestValidationError)
    @app.exception_handler(HTTPException)
    async def _refused(request: Request, error: Any) -> Response:
        headers = getattr(error, "headers", None)
        if isinstance(error, HTTPException):
            headers = {"Allow": methods_of(request.url.path)} if error.status_code == 405 else headers
            code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND_ERROR"
            error = ApiError(error.status_code, code, error.detail)
        answer = (invalid_input(error) if isinstance(error, RequestValidationError) else error).answer()
        return Response(answer.body, answer.status, headers, media_type=JSON)

    return app
