"""Checking that a webhook comes from Periskope."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "x-periskope-signature"


def verify_signature(body: bytes, header: str | None, key: str) -> bool:
    """
    Return whether Periskope has signed a webhook.

    A signature has no time in it, so a delivery can be sent again by whoever has seen it: act on the event's id once.

    :param body: the request's body as it was received, before it is parsed.
    :param header: value of the header ``x-periskope-signature``: the HMAC-SHA256 of the body as hexadecimal digits.
        ``None`` if the request has none.
    :param key: the signing key of the webhook, from the Periskope console.
    :return: ``False`` for whatever is not signed with this key, and whenever ``key`` is empty.
    """
    if not key or not header:
        return False
    expected = hmac.new(key.encode(errors="surrogatepass"), body, hashlib.sha256).hexdigest()
    # As bytes: texts that are not ASCII cannot be compared in constant time.
    return hmac.compare_digest(expected.encode(), header.strip().lower().encode(errors="replace"))
