"""The sandbox from outside: its page, and its Python API over HTTP for another process or a DAG."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from datetime import datetime  # noqa: TC003 (FastAPI reads annotations)
from heapq import nlargest
from ipaddress import ip_address
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel

from airflow_provider_periskope.sandbox.answers import FOREIGN, invalid, not_found
from airflow_provider_periskope.sandbox.api import ok
from airflow_provider_periskope.sandbox.faults import Fault  # noqa: TC001
from airflow_provider_periskope.sandbox.state import State

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from airflow_provider_periskope.sandbox.chats import Chat
    from airflow_provider_periskope.sandbox.messages import Message

PAGE = Path(__file__).with_name("page.html")
# The page shows what anybody puts into a group: it runs no script but its own, and loads from nowhere else.
OWN = "default-src 'none'; connect-src 'self'; img-src data:; "
POLICY = {"Content-Security-Policy": OWN + "style-src 'unsafe-inline'; script-src 'unsafe-inline'"}

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def refuse_foreign(request: Request) -> None:
    """
    Refuse a web page of elsewhere that is open in a browser on this machine.

    Its requests either carry its own `Origin`, or, where its name was made to lead here, that name as `Host`.
    """
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", f"http://{host}")
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    if name.lower() not in LOOPBACK | {request.state.host} or origin != f"http://{host}":
        raise FOREIGN


router = APIRouter(dependencies=[Depends(refuse_foreign)])


def state_of(request: Request) -> State:
    """Get the state that this request is about."""
    state: State = request.state.sandbox
    return state


Control = Annotated[State, Depends(state_of)]
Most = Annotated[int, Query(ge=1)]


class NewGroup(BaseModel, extra="forbid"):
    """A group from before."""

    name: str
    phone: str | None = None
    chat_id: str = ""
    creator: str | None = None
    admins: list[str] = []
    people: list[str] = []
    created_at: datetime | None = None
    exited: bool = False
    labels: list[str] = []
    without: list[str] = []
    shown: dict[str, Any] = {}


class NewMessage(BaseModel, extra="forbid"):
    """A message that was not sent through the API."""

    chat_id: str
    text: str | None = None
    sender: str | None = None
    at: datetime | None = None
    content: dict[str, Any] = {}


class PhoneSettings(BaseModel, extra="forbid"):
    """In what way a phone can work; what is not given stays."""

    is_off: bool | None = None
    is_connected: bool | None = None
    queue_is_stuck: bool | None = None


class Settings(BaseModel, extra="forbid"):
    """What can be set; what is not given stays. Phones that are not known yet are added."""

    rate_limit: str | None = None
    latency: float | None = None
    sent_after: float | None = None
    delivered_after: float | None = None
    read_after: float | None = None
    phones: dict[str, PhoneSettings] = {}
    not_in_contacts: set[str] | None = None
    not_on_whatsapp: set[str] | None = None
    left_recently: set[str] | None = None
    refusing: set[str] | None = None
    hidden_numbers: set[str] | None = None
    contact_names: dict[str, str] | None = None
    rows_without: dict[str, set[str]] | None = None
    rows_per_phone: bool | None = None


SHOWN = ("phones", "rate_limit")  # of the settings, what is shown in another form


def chat_view(chat: Chat) -> dict[str, Any]:
    """Show a chat with all that is known of it."""
    known = {field.name: getattr(chat, field.name) for field in fields(chat)}
    known |= {
        "without": sorted(chat.without),
        "members": [asdict(member) for member in chat.members.values()],
    }
    return known | {"messages": [message_view(message) for message in chat.messages]}


def message_view(message: Message) -> dict[str, Any]:
    """Show a message with all that is known of it, but no file."""
    media = {name: value for name, value in message.content.get("media", {}).items() if name != "filedata"}
    names = (
        "chat_id",
        "sender",
        "performed_by",
        "queued_at",
        "unique_id",
        "queue_id",
        "prev_body",
        "is_deleted",
    )
    known = {name: getattr(message, name) for name in names}
    known |= {"phone": message.phone.digits, "content": {**message.content, "media": media or None}}
    status, ack = message.progress
    about = {"message_id": message.message_id, "text": message.text, "kind": message.kind}
    return {**known, **about, "sent_at": message.sent_at, "status": status, "ack": ack}


def call_view(call: Call, whole: bool) -> dict[str, Any]:
    """Show a request, whole or without headers and body; who may look need not learn the key."""
    about = {name: getattr(call, name) for name in ("group_name", "chat_id", "text")}
    view = {**vars(call), **about, "headers": None}
    if whole:
        headers = {name: value if name != "authorization" else "…" for name, value in call.headers.items()}
        return view | {"headers": headers}
    return view | {"body": None, "response": None}


@router.get("/")
async def page() -> Response:
    """Show the groups and the requests."""
    return Response(PAGE.read_bytes(), media_type="text/html", headers=POLICY)


@router.get("/sandbox/groups")
async def groups(
    sandbox: Control, name: str | None = None, chat_type: str = "group", limit: Most = 100
) -> Response:
    """List groups (or `all` chats), newest update first, hidden ones included."""
    chats = [
        c
        for c in list(sandbox.chats.values())
        if name in (None, c.name) and chat_type in ("all", c.chat_type)
    ]
    newest = nlargest(limit, chats, key=attrgetter("updated_at"))
    return ok({"count": len(chats), "groups": [chat_view(chat) for chat in newest]})


@router.post("/sandbox/groups")
async def add_group(group: NewGroup, sandbox: Control) -> Response:
    """Put a group there from before."""
    return ok(chat_view(sandbox.add_group(**group.model_dump())))


@router.post("/sandbox/messages")
async def add_message(message: NewMessage, sandbox: Control) -> Response:
    """Put a message into a chat that was not sent through the API."""
    try:
        return ok(message_view(sandbox.add_message(**message.model_dump())))
    except KeyError:
        raise not_found() from None


@router.get("/sandbox/messages")
async def messages(sandbox: Control, chat_id: str) -> Response:
    """List the messages of a chat, oldest first, those included that are still in the queue."""
    known = [message_view(message) for message in sandbox.messages_in(chat_id)]
    return ok({"count": len(known), "messages": known})


@router.get("/sandbox/invitations")
async def invitations(sandbox: Control, number: str | None = None) -> Response:
    """List the private invitations that people were sent, or one person."""
    sent = sandbox.invitations_to(number) if number else sandbox.invitations
    return ok({"count": len(sent), "invitations": [asdict(invitation) for invitation in list(sent)]})


@router.get("/sandbox/requests")
async def requests(
    sandbox: Control,
    group_name: str | None = None,
    chat_id: str | None = None,
    text: str | None = None,
    limit: Most = 10_000,
    whole: bool = True,
) -> Response:
    """List the last requests as they came in."""
    wanted = {"group_name": group_name, "chat_id": chat_id, "text": text}
    calls = [
        call
        for call in list(sandbox.requests)
        if all(value in (None, getattr(call, name)) for name, value in wanted.items())
    ]
    return ok({"count": len(calls), "requests": [call_view(call, whole) for call in calls[-limit:]]})


@router.get("/sandbox/requests/{trace_id}")
async def one_request(trace_id: str, request: Request, sandbox: Control) -> Response:
    """Show one request, with its bodies only to a client on this machine."""
    call = next((call for call in list(sandbox.requests) if call.trace_id == trace_id), None)
    if call is None:
        raise not_found("Request not found")
    is_local = request.client is not None and ip_address(request.client.host).is_loopback
    return ok(call_view(call, whole=is_local))


@router.post("/sandbox/faults")
async def add_fault(fault: Fault, sandbox: Control) -> Response:
    """Let calls fail."""
    sandbox.faults.append(fault)
    return ok(asdict(fault))


@router.delete("/sandbox/faults")
async def clear_faults(sandbox: Control) -> Response:
    """Let nothing fail any more."""
    sandbox.faults.clear()
    return Response(status_code=204)


@router.post("/sandbox/seed")
async def seed(count: Annotated[int, Body(embed=True, ge=0, le=1_000_000)], sandbox: Control) -> Response:
    """Fill the list with groups."""
    sandbox.seed(count)
    return ok({"count": len(sandbox.chats)})


@router.post("/sandbox/reset")
async def reset(sandbox: Control) -> Response:
    """Forget chats, requests, faults and added phones."""
    sandbox.reset()
    return Response(status_code=204)


@router.get("/sandbox/state")
async def state(sandbox: Control) -> Response:
    """Show what is set, and the faults that still wait for calls."""
    known: dict[str, Any] = {
        name: getattr(sandbox, name) for name in Settings.model_fields if name not in SHOWN
    }
    known |= {"rate_limit": str(sandbox.rate_limit or "off")}
    phones = [phone.row() | asdict(phone) for phone in sandbox.phones.values()]
    faults = [asdict(fault) for fault in sandbox.faults if not fault.is_spent]
    return ok({**known, "phones": phones, "faults": faults})


@router.patch("/sandbox/state")
async def change_state(settings: Settings, sandbox: Control) -> Response:
    """Set what is given, of phones by their digits."""
    given = settings.model_dump(exclude_none=True)
    for number, attributes in given.pop("phones", {}).items():
        phone = sandbox.add_phone(number)
        for name, value in attributes.items():
            setattr(phone, name, value)
    for name, value in given.items():
        try:
            setattr(sandbox, name, value)
        except ValueError as error:
            raise invalid(str(error)) from None
    return await state(sandbox)
