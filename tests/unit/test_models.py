from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_periskope.models import Chat, Phone

# The answer of the vendor's own page, shortened by what is of no interest here.
EXAMPLE: dict[str, Any] = {
    "assigned_to": None,
    "chat_access": {"somebody@example.com": True},
    "chat_id": "120363392071406466@g.us",
    "chat_name": "Test New 1040",
    "chat_type": "group",
    "created_at": "2025-01-27T11:07:52+00:00",
    "group_description": None,
    "invite_link": "https://chat.whatsapp.com/invite/DsDQQZB3AhpLPhBTx0w6SO",
    "is_exited": False,
    "member_count": 1,
    "org_phone": "918527184400@c.us",
    "updated_at": "2025-01-27T11:07:56.025233+00:00",
}
TEXTS = (
    "chat_name",
    "chat_type",
    "group_description",
    "invite_link",
    "org_phone",
    "chat_image",
    "assigned_to",
)
EVERYTHING_BUT_THE_ID = sorted(set(Chat.model_fields) - {"chat_id"})


class TestChat:
    def test_of_the_vendors_example(self) -> None:
        chat = Chat.model_validate(EXAMPLE)
        assert chat.chat_id == "120363392071406466@g.us"
        assert chat.created_at == datetime(2025, 1, 27, 11, 7, 52, tzinfo=UTC)
        assert chat.updated_at == datetime(2025, 1, 27, 11, 7, 56, 25233, tzinfo=UTC)
        assert chat.invite_link == "https://chat.whatsapp.com/invite/DsDQQZB3AhpLPhBTx0w6SO"
        assert (chat.member_count, chat.is_exited, chat.members) == (1, False, None)

    def test_keeps_nobodys_address(self) -> None:
        assert "example.com" not in Chat.model_validate(EXAMPLE).model_dump_json()

    @pytest.mark.parametrize("field", EVERYTHING_BUT_THE_ID)
    @pytest.mark.parametrize("value", [None, [[]], {"a": 1}, "no such thing"], ids=repr)
    def test_a_field_that_cannot_be_read_counts_as_missing(self, field: str, value: object) -> None:
        chat = Chat.model_validate({**EXAMPLE, field: value})
        readable = isinstance(value, str if field in TEXTS else dict if field == "custom_properties" else ())
        assert getattr(chat, field) == (value if readable else None)
        assert chat.chat_id == EXAMPLE["chat_id"]

    @pytest.mark.parametrize("value", [0, 1737976072, "2025-01-27", "1737976072"], ids=repr)
    def test_a_date_without_a_time_is_not_a_moment(self, value: object) -> None:
        assert Chat.model_validate({**EXAMPLE, "created_at": value}).created_at is None

    def test_needs_only_its_id(self) -> None:
        chat = Chat.model_validate({"chat_id": "1@g.us"})
        assert all(getattr(chat, field) is None for field in EVERYTHING_BUT_THE_ID)

    @pytest.mark.parametrize("value", [None, "", 120363392071406466, ["1@g.us"]])
    def test_without_an_id_it_is_none(self, value: object) -> None:
        with pytest.raises(ValidationError):
            Chat.model_validate({**EXAMPLE, "chat_id": value})

    def test_a_moment_without_an_offset_is_utc(self) -> None:
        chat = Chat.model_validate({**EXAMPLE, "created_at": "2025-01-27T11:07:52"})
        assert chat.created_at == datetime(2025, 1, 27, 11, 7, 52, tzinfo=UTC)

    def test_members_are_tolerant_too(self) -> None:
        chat = Chat.model_validate(
            {
                **EXAMPLE,
                "members": {
                    "919537851844@c.us": {"is_admin": True, "contact_name": "Asha", "more": 1},
                    "919874532456@c.us": {"is_admin": None, "is_super_admin": "so-so"},
                },
            }
        )
        assert chat.members is not None
        assert chat.members["919537851844@c.us"].is_admin is True
        assert chat.members["919874532456@c.us"].is_super_admin is None


class TestPhone:
    @pytest.mark.parametrize("answer", [{}, {"wa_state": None, "is_ready": "so-so", "more": {}}])
    def test_everything_may_be_missing(self, answer: dict[str, Any]) -> None:
        phone = Phone.model_validate(answer)
        assert set(phone.model_dump().values()) == {None}
