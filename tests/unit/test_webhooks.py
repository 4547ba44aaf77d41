from __future__ import annotations

import hashlib
import hmac

import pytest

from airflow_provider_periskope.webhooks import verify_signature

BODY = '{"event": "message.created", "data": {"body": "नमस्ते"}}'.encode()
KEY = "a signing key"
SIGNED = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("header", [SIGNED, SIGNED.upper(), f" {SIGNED}\r\n"])
def test_accepts_what_is_signed(header: str) -> None:
    assert verify_signature(BODY, header, KEY)


@pytest.mark.parametrize(
    ("body", "header", "key"),
    [
        pytest.param(BODY + b" ", SIGNED, KEY, id="changed body"),
        pytest.param(BODY, SIGNED, KEY + "x", id="another key"),
        pytest.param(BODY, SIGNED[:-1], KEY, id="cut off"),
        pytest.param(BODY, None, KEY, id="no header"),
        pytest.param(BODY, "", KEY, id="empty header"),
        pytest.param(BODY, "ü\ud800\x00 नमस्ते" * 9, KEY, id="garbage"),
        pytest.param(b"", hmac.new(b"", b"", hashlib.sha256).hexdigest(), "", id="signed with an empty key"),
        pytest.param(BODY, hmac.new(b"", BODY, hashlib.sha256).hexdigest(), "", id="an empty key"),
    ],
)
def test_refuses_anything_else(body: bytes, header: str | None, key: str) -> None:
    assert verify_signature(body, header, key) is False
