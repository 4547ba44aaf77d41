"""The answers of the API when it refuses: flat JSON of a code, a message and the status."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What goes back to the client.

    :param body: its bytes, as they are sent.
    :param headers: those that this answer alone carries.
    :param by_api: whether Periskope itself answers, with its headers, or something in front of it.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    by_api: bool = True


class ApiError(Exception):
    """A refusal in the API's own form."""

    def __init__(self, status: int, code: str, message: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.content: dict[str, Any] = {"code": code, "message": message, "status": status}
        if fields is not None:
            self.content["fields"] = fields

    def answer(self, **headers: str) -> Answer:
        """Put it into the bytes that the client gets."""
        return Answer(self.status, json_bytes(self.content), headers=headers)


def json_bytes(value: Any) -> bytes:
    """Write JSON in ASCII: a lone surrogate in somebody's group name can't be written in UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def unauthorized(message: str) -> ApiError:
    """Refuse the key, the plan or the phone: the API says 401 to all three."""
    return ApiError(401, "UNAUTHORIZED_ERROR", message)


def not_found(message: str = "Chat not found") -> ApiError:
    """Say that there is no such thing."""
    return ApiError(404, "NOT_FOUND_ERROR", message)


def invalid(message: str, fields: dict[str, str] | None = None) -> ApiError:
    """Refuse the input, field by field."""
    return ApiError(
        422, "VALIDATION_ERROR", message, {path: {"message": text} for path, text in (fields or {}).items()}
    )


WRONG_KEY = unauthorized("Invalid bearer auth token")
WRONG_PLAN = unauthorized("APIs available only for active pro and enterprise plans.")
PHONE_OFF = unauthorized(
    "The phone server instance is switched off. Please call the /phone/restart endpoint to switch it on."
)
UNKNOWN = ApiError(500, "UNKNOWN_ERROR", "Internal server error")
TOO_LARGE = ApiError(413, "PAYLOAD_TOO_LARGE", "Request body is too large")
