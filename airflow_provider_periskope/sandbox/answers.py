"""What is answered, and how the API refuses: flat JSON of a code, a message and the status."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What goes back to the client; what stands in front of the API answers without the API's headers."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    by_api: bool = True


class ApiError(Exception):
    """A refusal in the API's own form; `fields` says what is wrong, place by place."""

    def __init__(self, status: int, code: str, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.content: dict[str, Any] = {"code": code, "message": message, "status": status}
        if fields is not None:
            self.content["fields"] = {place: {"message": text} for place, text in fields.items()}

    def answer(self, says: dict[str, Any] | None = None, **headers: str) -> Answer:
        """Put it into the bytes that the client gets, with what it says besides."""
        return Answer(self.content["status"], json_bytes(self.content | (says or {})), headers=headers)


def json_bytes(value: Any) -> bytes:
    """Write JSON in ASCII: a lone surrogate in somebody's group name can't be written in UTF-8."""
    return json.dumps(value, separators=(",", ":"), default=as_json).encode("ascii")


def as_json(value: Any) -> Any:
    """Write a moment as ISO 8601, and a set as a list in order."""
    return value.isoformat() if isinstance(value, datetime) else sorted(value)


def invalid(message: str, fields: dict[str, str] | None = None) -> ApiError:
    """Refuse the input."""
    return ApiError(422, "VALIDATION_ERROR", message, fields or {})


def not_found(message: str = "Chat not found") -> ApiError:
    """Say that there is no such thing."""
    return ApiError(404, "NOT_FOUND_ERROR", message)


def too_many(calls: int, period: float = 1) -> ApiError:
    """Refuse a call above the rate limit."""
    per = "second" if period == 1 else f"{period:g} seconds"
    return ApiError(429, "RATE_LIMIT_ERROR", f"You can only make {calls} requests per {per}")


# One code has three meanings: the key, the plan, the phone.
WRONG_KEY = ApiError(401, "UNAUTHORIZED_ERROR", "Invalid bearer auth token")
WRONG_PLAN = ApiError(401, "UNAUTHORIZED_ERROR", "APIs available only for active pro and enterprise plans.")
OFF = "The phone server instance is switched off. Please call the /phone/restart endpoint to switch it on."
PHONE_OFF = ApiError(401, "UNAUTHORIZED_ERROR", OFF)
UNKNOWN = ApiError(500, "UNKNOWN_ERROR", "Internal server error")
FOREIGN = ApiError(
    403, "FORBIDDEN", "Only a page of the sandbox itself may do that, under a name of this machine"
)
TOO_LARGE = ApiError(413, "PAYLOAD_TOO_LARGE", "Request body is too large")
