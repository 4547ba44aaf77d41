"""What is sent how often when something fails, proved at the socket."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import socket
import ssl
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from airflow_provider_periskope.api import client, connecting
from airflow_provider_periskope.api.responses import Call
from airflow_provider_periskope.connection import ConnectionSettings
from airflow_provider_periskope.exceptions import (
    PeriskopeApiError,
    PeriskopeAuthenticationError,
    PeriskopeConfigurationError,
    PeriskopeNoResponseError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopePhoneOffError,
    PeriskopePlanError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
    PeriskopeValidationError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.models import NewGroup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_periskope.sandbox.server import Sandbox

GROUP = {"chat_id": "120363392071406466@g.us", "chat_name": "Test New 1040"}
ASHA = "919537851844"


def create(hook: PeriskopeHook) -> str:
    return hook.create_group("Test New 1040", [ASHA]).chat_id


@pytest.fixture
def hook(connect: Callable[..., PeriskopeHook], periskope_sandbox: Sandbox) -> PeriskopeHook:
    return connect(
        periskope_sandbox.url, key=periskope_sandbox.api_key, login=periskope_sandbox.phone, timeout=10
    )


class TestOutcomeUnknown:
    @pytest.mark.parametrize(
        ("fault", "made", "status", "told"),
        [
            pytest.param({"name": "drop_before"}, 0, None, "the connection was dropped", id="drop before"),
            pytest.param({"name": "drop_after"}, 1, None, "the connection was dropped", id="drop after"),
            pytest.param(
                {"name": "drop_after", "reset": True}, 1, None, "the connection was dropped", id="reset"
            ),
            pytest.param({"name": "truncated"}, 1, None, "the response broke off", id="truncated"),
            pytest.param({"name": "not_json"}, 1, 200, "bytes of text/html", id="HTML 200"),
            pytest.param({"name": "error_500"}, 0, 500, "HTTP 500.", id="500 of the API"),
            pytest.param({"name": "error_500_after"}, 1, 500, "HTTP 500.", id="500 after the create"),
            pytest.param({"name": "empty_500_after"}, 1, 500, "The response has no body", id="empty 500"),
            pytest.param({"name": "html_502_after"}, 1, 502, "bytes of text/html", id="HTML 502"),
            pytest.param({"name": "gateway_504_hidden", "seconds": 1}, 1, 504, "HTTP 504", id="504"),
        ],
    )
    def test_sends_one_post(
        self,
        hook: PeriskopeHook,
        periskope_sandbox: Sandbox,
        waits: list[float],
        fault: dict[str, Any],
        made: int,
        status: int | None,
        told: str,
    ) -> None:
        periskope_sandbox.fault(**fault)
        with pytest.raises(PeriskopeOutcomeUnknownError, match=re.escape(told)) as error:
            create(hook)
        assert len(periskope_sandbox.requests) == 1
        assert len(periskope_sandbox.groups) == made
        assert waits == []
        assert error.value.retryable
        assert error.value.status == status
        assert "It may or may not have been carried out" in str(error.value)

    def test_of_a_late_response_sends_one_post(
        self, connect: Callable[..., PeriskopeHook], periskope_sandbox: Sandbox, waits: list[float]
    ) -> None:
        sandbox = periskope_sandbox
        sandbox.fault("late", seconds=2)
        with pytest.raises(PeriskopeOutcomeUnknownError, match=r"no response within 0.5 s") as error:
            create(connect(sandbox.url, key=sandbox.api_key, login=sandbox.phone, timeout=0.5))
        assert (len(sandbox.requests), len(sandbox.groups), waits) == (1, 1, [])
        assert error.value.status is None

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            pytest.param({"status": 503, "Retry_After": "1"}, b"<p>busy</p>", id="503 with Retry-After"),
            pytest.param({"status": 413 - 5}, b"", id="408"),
            pytest.param({}, b"", id="empty 200"),
            pytest.param({}, "a text", id="JSON text"),
            pytest.param({}, b"null", id="JSON null"),
            pytest.param({}, b'{"chat_id": "1203', id="half JSON"),
            pytest.param({}, b"\xff\xfe", id="no text"),
            pytest.param({}, b"[" * 200_000, id="JSON too deep to read"),
            pytest.param({}, {"chat_name": "Test New 1040"}, id="no chat ID"),
            pytest.param({}, {"chat_id": None}, id="null chat ID"),
            pytest.param({}, [GROUP], id="list"),
            pytest.param({"Content_Length": "9999"}, b"{}", id="less than announced"),
            pytest.param({"Content_Length": "1, 2"}, b"{}", id="two lengths"),
            pytest.param({"Content_Encoding": "gzip"}, b"{}", id="no gzip"),
            pytest.param({"Transfer_Encoding": "chunked"}, b"zz\r\n{}", id="broken chunks"),
            pytest.param({"X_Long": "a" * 70_000}, GROUP, id="header too long"),
            pytest.param({f"X_{number}": "a" for number in range(200)}, GROUP, id="too many headers"),
        ],
    )
    def test_of_a_broken_answer_sends_one_post(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        headers: dict[str, Any],
        body: object,
    ) -> None:
        server = serve(raw_answer(body=body, x_periskope_trace_id="trace-1", **headers))
        with pytest.raises(PeriskopeOutcomeUnknownError) as error:
            create(connect(server.url, timeout=5))
        assert len(server.requests) == 1
        assert waits == []
        if error.value.status is not None:
            assert error.value.trace_id == "trace-1"
            assert "trace-1" in str(error.value)

    @pytest.mark.parametrize("location", ["http://[", "\xff\xfe", "nowhere://x", "/" * 9000], ids=ascii)
    def test_a_redirect_to_nowhere_is_an_error_of_ours(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        location: str,
    ) -> None:
        server = serve(raw_answer(302, b"moved", Location=location))
        with pytest.raises((PeriskopeApiError, PeriskopeOutcomeUnknownError)):
            create(connect(server.url))
        assert len(server.requests) == 1

    @pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
    def test_what_is_no_http(
        self, connect: Callable[..., PeriskopeHook], serve: Callable[..., Any], answer: bytes
    ) -> None:
        server = serve(answer)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            create(connect(server.url))
        assert len(server.requests) == 1

    def test_of_any_other_call_that_changes_something(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.fault("drop_before", "POST /phones/restart")
        with pytest.raises(PeriskopeOutcomeUnknownError):
            hook.request("POST", "/phones/restart")
        assert len(periskope_sandbox.requests) == 1


class TestReading:
    @pytest.mark.parametrize("fault", ["drop_before", "error_500", "html_502", "not_json", "truncated"])
    def test_is_tried_three_times(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, waits: list[float], fault: str
    ) -> None:
        periskope_sandbox.fault(fault, "GET /phones", times=3)
        with pytest.raises(PeriskopeNoResponseError, match="Nothing was changed") as error:
            hook.get_phone()
        assert not isinstance(error.value, PeriskopeOutcomeUnknownError)
        assert len(periskope_sandbox.requests) == 3
        assert [int(wait) for wait in waits] == [1, 2]

    def test_goes_on_when_it_works_again(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, waits: list[float], logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("html_502", "GET /phones", times=2)
        assert hook.get_phone().wa_state == "CONNECTED"
        assert len(periskope_sandbox.requests) == 3
        assert "No usable response to GET /phones: HTTP 502. " in logged()

    @pytest.mark.parametrize("body", [{}, {"chats": None}, {"chats": {}}, []], ids=json.dumps)
    def test_a_list_of_chats_that_is_none_is_no_empty_list(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        body: object,
    ) -> None:
        with pytest.raises(PeriskopeNoResponseError, match="HTTP 200 without a list of chats"):
            list(connect(serve(raw_answer(body=body)).url).iter_chats())


class TestUnreachable:
    @pytest.fixture
    def free_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]

    def test_a_refused_connection_is_tried_four_times(
        self, connect: Callable[..., PeriskopeHook], waits: list[float], free_port: int
    ) -> None:
        with pytest.raises(
            PeriskopeUnreachableError, match=r"(?s)connection refused or host unreachable.*nothing was sent"
        ):
            create(connect(f"http://127.0.0.1:{free_port}"))
        assert [int(wait) for wait in waits] == [1, 2, 3]

    def test_sends_one_post_once_the_api_is_there(
        self,
        monkeypatch: pytest.MonkeyPatch,
        connect: Callable[..., PeriskopeHook],
        periskope_sandbox: Sandbox,
    ) -> None:
        hook = connect(periskope_sandbox.url, key=periskope_sandbox.api_key, login=periskope_sandbox.phone)
        periskope_sandbox.stop()
        comes_back = SimpleNamespace(sleep=lambda _: periskope_sandbox.start(), monotonic=time.monotonic)
        monkeypatch.setattr(client, "time", comes_back)
        assert create(hook) == periskope_sandbox.groups[0].chat_id
        assert len(periskope_sandbox.requests) == 1

    def test_a_name_that_cannot_be_resolved(
        self, connect: Callable[..., PeriskopeHook], waits: list[float]
    ) -> None:
        with pytest.raises(PeriskopeUnreachableError, match="its name cannot be resolved"):
            create(connect("https://nowhere.invalid"))

    def test_a_server_that_never_accepts(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., PeriskopeHook], waits: list[float]
    ) -> None:
        monkeypatch.setattr(client, "CONNECT_TIMEOUT", 0.2)
        monkeypatch.setattr(connecting, "CONNECT_TIMEOUT", 0.2)
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            queue = []
            for _ in range(4):  # fills the queue of connections that wait to be accepted
                queue.append(socket.socket())
                queue[-1].setblocking(False)
                queue[-1].connect_ex(server.getsockname())
            with pytest.raises(PeriskopeUnreachableError, match="no connection within 0 s"):
                create(connect(f"http://127.0.0.1:{server.getsockname()[1]}"))
            for waiting in queue:
                waiting.close()

    def test_a_server_that_does_not_speak_tls(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
    ) -> None:
        server = serve(raw_answer(400, b"no"))
        with pytest.raises(PeriskopeUnreachableError, match="does not speak TLS, so it needs http"):
            create(connect(server.url.replace("http:", "https:")))

    def test_a_certificate_that_nobody_trusts(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        own_certificate: ssl.SSLContext,
        waits: list[float],
    ) -> None:
        server = serve(raw_answer(body=GROUP), tls=own_certificate)
        with pytest.raises(PeriskopeUnreachableError, match="its TLS certificate is not trusted"):
            create(connect(server.url))
        assert server.requests == []

    @pytest.fixture
    def own_certificate(self, tmp_path: Path) -> ssl.SSLContext:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        today = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(today - dt.timedelta(days=1))
            .not_valid_after(today + dt.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        pem = tmp_path / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def test_tls_that_breaks_after_the_request_is_no_failure_to_connect(
        self,
        monkeypatch: pytest.MonkeyPatch,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        own_certificate: ssl.SSLContext,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
        server = serve(raw_answer(504, b"gone"), tls=own_certificate, past_tls=True)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            create(connect(server.url))
        assert len(server.requests) == 1

    def test_a_proxy_that_hangs_up_after_the_request_is_no_failure_to_connect(
        self,
        monkeypatch: pytest.MonkeyPatch,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
    ) -> None:
        proxy = serve(None)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(PeriskopeOutcomeUnknownError):
            create(connect("http://nowhere.invalid", allow_http=True))
        assert len(proxy.requests) == 1

    def test_a_ca_bundle_is_not_asked_for_where_there_is_no_tls(
        self, monkeypatch: pytest.MonkeyPatch, hook: PeriskopeHook, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
        assert create(hook)

    def test_a_ca_bundle_that_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., PeriskopeHook], tmp_path: Path
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
        with pytest.raises(
            PeriskopeConfigurationError, match=r"(?s)CA bundle of the environment does not exist.*nowhere.pem"
        ):
            create(connect("https://127.0.0.1:1"))

    @pytest.mark.parametrize(
        "proxy", ["http://127.0.0.1:1", "socks5://127.0.0.1:1", "http://", "http://127.0.0.1:port"]
    )
    def test_a_proxy_that_cannot_be_used(
        self,
        monkeypatch: pytest.MonkeyPatch,
        connect: Callable[..., PeriskopeHook],
        waits: list[float],
        proxy: str,
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(PeriskopeUnreachableError, match="the proxy of the environment"):
            create(connect("https://nowhere.invalid"))

    def test_a_socks_proxy_is_named_though_its_errors_do_not_name_it(self) -> None:
        # Of a library that is not installed with the tests; with it, the test above is the same for real.
        connection = type("SOCKSHTTPSConnection", (), {})()
        refused = NewConnectionError(connection, "Failed to establish a new connection: Connection refused")
        error = requests.ConnectionError(MaxRetryError(HTTPSConnectionPool("nowhere.invalid"), "/", refused))
        assert connecting.why_not_connected(error, 1) == "the proxy of the environment did not connect"

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_no_proxy_is_shown_the_key_on_the_way_to_this_machine(
        self,
        monkeypatch: pytest.MonkeyPatch,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        periskope_sandbox: Sandbox,
        host: str,
    ) -> None:
        proxy = serve(None)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        url = periskope_sandbox.url.replace("127.0.0.1", host)
        assert create(connect(url, key=periskope_sandbox.api_key, login=periskope_sandbox.phone))
        assert proxy.requests == []


class TestRateLimit:
    NOW = "Mon, 27 Jan 2025 11:07:52 GMT"
    NOW_SECONDS = 1737976072

    @pytest.mark.parametrize(
        ("headers", "least", "most"),
        [
            pytest.param({"Retry_After": "3"}, 3, 4, id="Retry-After in seconds"),
            pytest.param(
                {"Retry_After": "Mon, 27 Jan 2025 11:07:56 GMT", "Date": NOW},
                4,
                5,
                id="Retry-After as a date",
            ),
            pytest.param(
                {"X_RateLimit_Reset": str(NOW_SECONDS + 2), "Date": NOW}, 2, 3, id="Reset less Date"
            ),
            pytest.param(
                {"X_RateLimit_Reset": str(NOW_SECONDS + 5), "Date": NOW, "Retry_After": "2"},
                2,
                3,
                id="Retry-After comes first",
            ),
            pytest.param(
                {"X_RateLimit_Reset": str(NOW_SECONDS - 9), "Date": NOW}, 1, 2, id="a second at least"
            ),
            pytest.param({"Retry_After": "0"}, 1, 2, id="Retry-After 0"),
            pytest.param({}, 2, 3, id="nothing told"),
            pytest.param({"X_RateLimit_Reset": str(NOW_SECONDS)}, 2, 3, id="Reset without a Date"),
            pytest.param({"X_RateLimit_Reset": "soon", "Date": NOW}, 2, 3, id="Reset no number"),
            pytest.param({"X_RateLimit_Reset": "nan", "Date": NOW}, 2, 3, id="Reset nan"),
            pytest.param({"Retry_After": "Mon, 27 Jan 99999999999 1:1:1 GMT"}, 2, 3, id="date of no year"),
            pytest.param({"Retry_After": "9" * 400}, 2, 3, id="more digits than a number has"),
            pytest.param(
                {"X_RateLimit_Reset": str((NOW_SECONDS + 4) * 1000), "Date": NOW}, 4, 5, id="Reset in ms"
            ),
            pytest.param({"Retry_After": "86401"}, 2, 3, id="more than a day"),
            pytest.param({"X_RateLimit_Reset": "1e300", "Date": NOW}, 2, 3, id="in another age"),
        ],
    )
    def test_a_short_one_is_waited_out(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        headers: dict[str, str],
        least: float,
        most: float,
    ) -> None:
        refusal = {
            "code": "RATE_LIMIT_ERROR",
            "message": "You can only make 10 requests per second",
            "status": 429,
        }
        server = serve(raw_answer(429, refusal, **headers), raw_answer(body=GROUP), keep_alive=True)
        assert create(connect(server.url)) == GROUP["chat_id"]
        assert len(server.requests) == 2
        assert server.requests[0] == server.requests[1]
        assert len(waits) == 1
        assert least <= waits[0] <= most

    def test_is_waited_out_in_earnest(self, hook: PeriskopeHook, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.rate_limit = (1, 1.0)
        for _ in range(3):
            create(hook)
        assert [group.name for group in periskope_sandbox.groups] == ["Test New 1040"] * 3
        assert {request.status for request in periskope_sandbox.requests} == {200, 429}

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            pytest.param({"Retry_After": "30"}, 30, id="Retry-After"),
            pytest.param({"X_RateLimit_Reset": str(NOW_SECONDS + 60), "Date": NOW}, 60, id="Reset"),
        ],
    )
    def test_a_long_one_is_an_error_with_the_seconds(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        headers: dict[str, str],
        seconds: float,
    ) -> None:
        server = serve(raw_answer(429, {"message": "slow down", "code": "RATE_LIMIT_ERROR"}, **headers))
        with pytest.raises(PeriskopeRateLimitError, match="slow down") as error:
            create(connect(server.url))
        assert error.value.retry_after == seconds
        assert error.value.retryable
        assert waits == []
        assert len(server.requests) == 1

    @pytest.mark.parametrize("headers", [{}, {"Retry_After": "1"}], ids=["nothing told", "a second each"])
    def test_many_short_ones_are_waited_out_for_ten_seconds_in_all(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        headers: dict[str, str],
    ) -> None:
        server = serve(
            raw_answer(429, {"message": "slow down", "code": "RATE_LIMIT_ERROR"}, **headers), keep_alive=True
        )
        with pytest.raises(PeriskopeRateLimitError) as error:
            create(connect(server.url))
        assert 4 < sum(waits) <= 10
        assert len(server.requests) == len(waits) + 1
        assert error.value.retry_after >= 1

    def test_says_that_it_waits(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, waits: list[float], logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("rate_limit", header="Retry-After", value="2")
        create(hook)
        # Two seconds, and up to a quarter more at random.
        assert re.search(
            r"API rate limit reached: POST /chats/create is sent again in 2\.[0-3] s\.", logged()
        )


class TestRefusal:
    @pytest.mark.parametrize(
        ("fault", "kind", "status", "retryable", "cure"),
        [
            pytest.param(
                "wrong_key",
                PeriskopeAuthenticationError,
                401,
                False,
                "Copy it again from Settings > API",
                id="wrong key",
            ),
            pytest.param(
                "wrong_plan",
                PeriskopePlanError,
                401,
                False,
                "Activate a Pro or Enterprise plan",
                id="plan",
            ),
            pytest.param(
                "phone_off",
                PeriskopePhoneOffError,
                401,
                True,
                "Restart it in the Periskope console, or with POST /phones/restart",
                id="phone off",
            ),
            pytest.param("not_found", PeriskopeNotFoundError, 404, False, "Check the id", id="not found"),
            pytest.param(
                "invalid", PeriskopeValidationError, 422, False, "Correct what is listed below", id="invalid"
            ),
        ],
    )
    def test_is_told_apart_with_its_cure(
        self,
        hook: PeriskopeHook,
        periskope_sandbox: Sandbox,
        waits: list[float],
        fault: str,
        kind: type[PeriskopeApiError],
        status: int,
        retryable: bool,
        cure: str,
    ) -> None:
        periskope_sandbox.fault(fault)
        with pytest.raises(PeriskopeApiError) as raised:
            create(hook)
        error = raised.value
        assert type(error) is kind
        assert (error.status, error.retryable) == (status, retryable)
        assert error.api_message
        assert error.api_message.rstrip(".") in str(error)
        assert error.trace_id is not None
        assert error.trace_id in str(error)
        assert cure in str(error)
        assert "Nothing was changed" in str(error)
        assert len(periskope_sandbox.requests) == 1
        assert waits == []
        assert periskope_sandbox.groups == []

    def test_of_the_input_names_the_fields_and_no_value(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.fault(
            "invalid",
            says={
                "fields": {
                    "participants.0": {"message": f"{ASHA} is not on WhatsApp", "value": ASHA},
                    f"members.{ASHA}": "no object",
                    "options": {},
                }
            },
        )
        with pytest.raises(PeriskopeValidationError) as error:
            create(hook)
        assert error.value.code == "VALIDATION_ERROR"
        assert error.value.api_message == "Invalid body"
        assert error.value.fields == {
            "participants.0": "9195•••••844 is not on WhatsApp",
            "members.9195•••••844": "no object",
            "options": "",
        }
        assert "participants.0: 9195•••••844 is not on WhatsApp" in str(error.value)

    def test_by_the_sandboxs_own_checks(self, periskope_sandbox: Sandbox) -> None:
        with pytest.raises(PeriskopeNotFoundError, match=r"Periskope does not know phone 4915•+789"):
            create(PeriskopeHook(phone="4915123456789"))

    def test_of_a_chat_names_it(self, periskope_sandbox: Sandbox) -> None:
        for call in (
            lambda: PeriskopeHook().get_chat("120363392071406466@g.us"),
            lambda: PeriskopeHook().send_message("120363392071406466@g.us", "Hello"),
        ):
            with pytest.raises(
                PeriskopeNotFoundError, match=r"does not know chat 120363392071406466@g\.us\."
            ):
                call()
        with pytest.raises(PeriskopeNotFoundError, match=r"Periskope does not know chat 9195•+844"):
            PeriskopeHook().get_chat("919537851844@c.us")

    @pytest.mark.parametrize(
        ("status", "body", "kind", "retryable"),
        [
            pytest.param(403, b"<h1>Forbidden</h1>", PeriskopeApiError, True, id="403 of a firewall"),
            pytest.param(407, b"", PeriskopeApiError, True, id="407 of a proxy"),
            pytest.param(401, {}, PeriskopeApiError, True, id="401 without words"),
            pytest.param(429, b"<h1>Slow down</h1>", PeriskopeRateLimitError, True, id="429 of a gateway"),
            pytest.param(401, b"", PeriskopeApiError, True, id="401 of a gateway"),
            pytest.param(404, b"<h1>Not Found</h1>", PeriskopeApiError, True, id="404 of a gateway"),
            pytest.param(422, [1, 2], PeriskopeApiError, True, id="422 with a list"),
            pytest.param(422, {"message": None, "fields": [1]}, PeriskopeApiError, True, id="odd fields"),
            pytest.param(304, b"", PeriskopeApiError, True, id="304"),
        ],
    )
    def test_in_another_form(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        status: int,
        body: object,
        kind: type[PeriskopeApiError],
        retryable: bool,
    ) -> None:
        server = serve(raw_answer(status, body))
        with pytest.raises(PeriskopeApiError) as error:
            create(connect(server.url))
        assert type(error.value) is kind
        assert error.value.retryable is retryable
        assert (error.value.api_message, error.value.code, error.value.fields) == (None, None, {})
        assert error.value.trace_id is None
        assert error.value.in_doubt
        assert "It may or may not have been carried out" in str(error.value)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", [401, 403, 404, 422, 429])
    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            pytest.param({"code": "SOME_ERROR"}, {}, id="code"),
            pytest.param(b"", {"x_periskope_trace_id": "trace-1"}, id="trace id"),
        ],
    )
    def test_in_the_form_of_the_api_is_certain(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        status: int,
        body: object,
        headers: dict[str, str],
    ) -> None:
        server = serve(raw_answer(status, body, **headers), keep_alive=True)
        with pytest.raises(PeriskopeApiError, match="Nothing was changed") as error:
            create(connect(server.url))
        assert not error.value.in_doubt

    def test_of_a_call_that_may_be_repeated_is_never_in_doubt(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
    ) -> None:
        hook = connect(serve(raw_answer(403, b"<h1>Forbidden</h1>")).url)
        for call in (hook.get_phone, lambda: hook.request("POST", "/chats/1@g.us/leave", repeatable=True)):
            with pytest.raises(PeriskopeApiError) as error:
                call()
            assert not error.value.in_doubt


class TestBeforeSending:
    """Called right before each request, for the record of it."""

    def test_each_time(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
    ) -> None:
        limit = raw_answer(429, {"code": "RATE_LIMIT_ERROR"}, Retry_After="1")
        server = serve(limit, limit, raw_answer(body=GROUP), keep_alive=True)
        sent_before: list[int] = []
        group = NewGroup(group_name="Test New 1040", participants=[ASHA])
        connect(server.url).create_group(
            group, before_sending=lambda: sent_before.append(len(server.requests))
        )
        assert sent_before == [0, 1, 2]

    def test_not_for_a_request_that_cannot_be_made(self) -> None:
        settings = ConnectionSettings("https://*.example/v1", "key", "919537851844", 1)
        calls: list[str] = []
        with pytest.raises(PeriskopeConfigurationError, match="A request for POST /x cannot be made"):
            client.Client(settings, user_agent="test").send(
                Call("POST", "/x", "wa", "919537851844"), before_sending=lambda: calls.append("called")
            )
        assert calls == []


class TestRepeatable:
    """A call that may be done twice is sent again as one that reads."""

    def test_is_sent_three_times(
        self, connect: Callable[..., PeriskopeHook], serve: Callable[..., Any], waits: list[float]
    ) -> None:
        server = serve(None)
        with pytest.raises(PeriskopeNoResponseError, match="Sending it again does no harm") as error:
            connect(server.url).request("POST", "/chats/1@g.us/leave", repeatable=True)
        assert not error.value.in_doubt
        assert len(server.requests) == 3


class TestTestConnection:
    def test_says_which_phone_answered_and_its_state(self, periskope_sandbox: Sandbox) -> None:
        assert PeriskopeHook().test_connection() == (
            True,
            "Phone 'Sandbox' (9198•••••210) answered; its state is CONNECTED.",
        )
        (request,) = periskope_sandbox.requests
        assert (request.method, request.target) == ("GET", "/v1/phones")

    def test_a_phone_that_is_off(self, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.phones[periskope_sandbox.phone].is_off = True
        ok, told = PeriskopeHook().test_connection()
        assert not ok
        assert "The API key is right, but phone 'Sandbox' (9198•••••210) is not connected" in told
        assert "(state DISCONNECTED)" in told

    @pytest.mark.parametrize(
        ("answer", "expected", "told"),
        [
            pytest.param({}, True, "Phone (9185•••••400) answered; its state is unknown.", id="nothing told"),
            pytest.param({"is_ready": False}, False, "is not connected", id="not ready"),
            pytest.param({"wa_state": "QR"}, False, "(state QR)", id="not connected"),
            pytest.param({"phone_id": "phone-abc"}, True, "Phone (phone-abc) answered", id="id alone"),
            pytest.param([1], False, "JSON that is not a phone", id="list"),
        ],
    )
    def test_of_a_tolerant_mind(
        self,
        connect: Callable[..., PeriskopeHook],
        serve: Callable[..., Any],
        raw_answer: Callable[..., bytes],
        waits: list[float],
        answer: object,
        expected: bool,
        told: str,
    ) -> None:
        ok, text = connect(serve(raw_answer(body=answer)).url).test_connection()
        assert ok is expected
        assert told in text

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ("wrong_key", "The API key of this connection is wrong."),
            ("html_502", "No usable response to GET /phones: HTTP 502."),
        ],
    )
    def test_never_raises_on_faults(
        self, hook: PeriskopeHook, periskope_sandbox: Sandbox, waits: list[float], fault: str, told: str
    ) -> None:
        periskope_sandbox.fault(fault, "GET /phones", times=None)
        ok, text = hook.test_connection()
        assert not ok
        assert told in text

    def test_never_raises_on_connections(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., PeriskopeHook]
    ) -> None:
        assert not PeriskopeHook("not_there").test_connection()[0]
        assert "Phone (login)" in connect("", login="12").test_connection()[1]

    def test_never_raises_at_all(self, monkeypatch: pytest.MonkeyPatch, periskope_sandbox: Sandbox) -> None:
        def breaks(_: object) -> None:
            raise ZeroDivisionError("with a secret")

        monkeypatch.setattr(client, "responded_at", breaks)
        assert PeriskopeHook().test_connection() == (
            False,
            "The test failed unexpectedly with ZeroDivisionError.",
        )
