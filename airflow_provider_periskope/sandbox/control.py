"""The sandbox from outside: its page, and its Python API over HTTP for another process or a DAG."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime  # noqa: TC003 (FastAPI reads annotations)
from heapq import nlargest
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel

from airflow_provider_periskope.sandbox.answers import invalid
from airflow_provider_periskope.sandbox.api import ok
from airflow_provider_periskope.sandbox.faults import Fault  # noqa: TC001
from airflow_provider_periskope.sandbox.state import State

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from airflow_provider_periskope.sandbox.whatsapp import Chat

PAGE = Path(__file__).with_name("page.html")
# The page shows what anybody puts into a group: it runs no script but its own, and loads from nowhere else.
OWN = "default-src 'none'; connect-src 'self'; img-src data:; "
POLICY = {"Content-Security-Policy": OWN + "style-src 'unsafe-inline'; script-src 'unsafe-inline'"}

router = APIRouter()


def state_of(request: Request) -> State:
    """Get the state that this application serves."""
    state: State = request.app.state.sandbox
    return state


Control = Annotated[State, Depends(state_of)]
Most = Annotated[int, Query(ge=1)]


class NewGroup(BaseModel, extra="forbid"):
    """A group from before."""

    name: str
    phone: str | None = None
    created_at: datetime | None = None
    exited: bool = False
    labels: list[str] = []
    without: list[str] = []
    shown: dict[str, Any] = {}


class Settings(BaseModel, extra="forbid"):
    """What can be set; what is not given stays. Phones that are not known yet are added."""

    rate_limit: str | None = None
    latency: float | None = None
    phones: dict[str, bool] = {}
    not_in_contacts: list[str] | None = None
    not_on_whatsapp: list[str] | None = None
    contact_names: dict[str, str] | None = None


def chat_view(chat: Chat) -> dict[str, Any]:
    """Show a chat with all that is known of it."""
    messages: list[dict[str, Any]] = []
    for sent in chat.messages:
        media = {name: value for name, value in sent.content.get("media", {}).items() if name != "filedata"}
        about = {"media": media or None, "at": sent.queued_at, "status": sent.progress()[-1][0]}
        messages.append({**sent.content, **about})
    known = {**asdict(chat), "messages": messages, "without": sorted(chat.without)}
    return known | {"members": [asdict(member) for member in chat.members.values()]}


def call_view(call: Call, whole: bool) -> dict[str, Any]:
    """Show a request, whole or without headers and body; who may look need not learn the key."""
    view = {**vars(call), "group_name": call.group_name, "headers": None}
    if whole:
        headers = {name: value if name != "authorization" else "…" for name, value in call.headers.items()}
        return view | {"headers": headers}
    return view | {"body": None}


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


@router.get("/sandbox/requests")
async def requests(
    sandbox: Control, group_name: str | None = None, limit: Most = 10_000, whole: bool = True
) -> Response:
    """List the last requests as they came in."""
    calls = [call for call in list(sandbox.requests) if group_name in (None, call.group_name)]
    return ok({"count": len(calls), "requests": [call_view(call, whole) for call in calls[-limit:]]})


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
    known: dict[str, Any] = {"latency": sandbox.latency, "contact_names": sandbox.contact_names}
    known |= {"rate_limit": str(sandbox.rate_limit or "off")}
    known |= {name: sorted(getattr(sandbox, name)) for name in ("not_in_contacts", "not_on_whatsapp")}
    phones = [phone.row() for phone in sandbox.phones.values()]
    faults = [asdict(fault) for fault in sandbox.faults if not fault.is_spent]
    return ok({**known, "phones": phones, "faults": faults})


@router.patch("/sandbox/state")
async def change_state(settings: Settings, sandbox: Control) -> Response:
    """Set what is given: `phones` says of each by its digits whether it is on."""
    given = settings.model_dump(exclude_none=True)
    for digits, is_on in given.pop("phones").items():
        sandbox.add_phone(digits).is_off = not is_on
    for name, value in given.items():
        try:
            setattr(sandbox, name, set(value) if isinstance(value, list) else value)
        except ValueError as error:
            raise invalid(str(error)) from None
    return await state(sandbox)
