from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_provider_periskope.connection import ConnectionSettings, phone_header, read_settings
from airflow_provider_periskope.exceptions import PeriskopeConfigurationError
from airflow_provider_periskope.hooks.periskope import PeriskopeHook

try:
    from airflow.sdk import Connection
except ImportError:  # Airflow 2.11
    from airflow.models import Connection
try:
    from airflow.sdk._shared.secrets_masker import redact
except ImportError:  # below Airflow 3.2
    try:
        from airflow.sdk.execution_time.secrets_masker import redact
    except ImportError:  # Airflow 2.11
        from airflow.utils.log.secrets_masker import redact

KEY = "eyJhbGciOi.the-api.key_1"
PHONE = "918527184400"


def settings(*, phone: Any = None, **fields: Any) -> ConnectionSettings:
    defaults = {"conn_id": "wa", "conn_type": "periskope", "login": PHONE, "password": KEY}
    return read_settings(Connection(**{**defaults, **fields}), phone=phone)


def refused(**fields: Any) -> str:
    with pytest.raises(PeriskopeConfigurationError) as error:
        settings(**fields)
    assert str(error.value).startswith("Connection 'wa' cannot be used.\nWhat to do: Correct it under Admin")
    assert KEY not in str(error.value)
    assert PHONE not in str(error.value)
    return str(error.value)


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("fields", "url"),
        [
            pytest.param({}, "https://api.periskope.app/v1", id="nothing given"),
            pytest.param({"host": ""}, "https://api.periskope.app/v1", id="empty host"),
            pytest.param({"host": "api.example.com"}, "https://api.example.com/v1", id="bare host"),
            pytest.param({"host": " api.example.com "}, "https://api.example.com/v1", id="spaces"),
            pytest.param({"host": "https://api.example.com"}, "https://api.example.com/v1", id="with https"),
            pytest.param({"host": "HTTPS://API.example.com"}, "https://api.example.com/v1", id="capitals"),
            pytest.param(
                {"host": "https://api.example.com/v2/"}, "https://api.example.com/v2", id="path in the host"
            ),
            pytest.param({"host": "api.example.com/a/b"}, "https://api.example.com/a/b", id="longer path"),
            pytest.param({"schema": "v2"}, "https://api.periskope.app/v2", id="schema is the path"),
            pytest.param({"schema": "/v2/"}, "https://api.periskope.app/v2", id="schema with slashes"),
            pytest.param({"host": "bücher.example"}, "https://bücher.example/v1", id="umlaut"),
            pytest.param({"port": 8443}, "https://api.periskope.app:8443/v1", id="port"),
            pytest.param({"host": "a.example:81"}, "https://a.example:81/v1", id="port in the host"),
            pytest.param(
                {"host": "a.example:81", "port": 82}, "https://a.example:82/v1", id="the port field wins"
            ),
            pytest.param({"host": "http://localhost:8765"}, "http://localhost:8765/v1", id="localhost"),
            pytest.param({"host": "http://127.9.9.9"}, "http://127.9.9.9/v1", id="any 127"),
            pytest.param({"host": "http://[::1]:8765"}, "http://[::1]:8765/v1", id="IPv6 loopback"),
            pytest.param(
                {"host": "http://sandbox_1:8765", "extra": '{"allow_http": true}'},
                "http://sandbox_1:8765/v1",
                id="http allowed by name",
            ),
            pytest.param(
                {"host": "http://sandbox", "extra": '{"allow_http": "true"}'},
                "http://sandbox/v1",
                id="allowed by the text of a URI",
            ),
        ],
    )
    def test_is_read(self, fields: dict[str, Any], url: str) -> None:
        assert settings(**fields).base_url == url

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"host": "http://api.periskope.app"}, id="http"),
            pytest.param({"host": "http://10.0.0.1"}, id="private address"),
            pytest.param({"host": "http://localhost.example.com"}, id="looks like the loopback"),
            pytest.param({"host": "http://127.0.0.1.example.com"}, id="begins like the loopback"),
            pytest.param({"host": "http://a.example", "extra": '{"allow_http": false}'}, id="not allowed"),
            pytest.param({"host": "http://a.example", "extra": '{"allow_http": "no"}'}, id="no"),
        ],
    )
    def test_the_key_never_travels_in_clear(self, fields: dict[str, Any]) -> None:
        assert "API base URL (host) is plain http, which would send the API key unencrypted" in refused(
            **fields
        )

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"host": "ftp://a.example"}, id="protocol"),
            pytest.param({"host": "https://"}, id="no host"),
            pytest.param({"host": "https://user@a.example"}, id="user"),
            pytest.param({"host": "http://127.0.0.1@a.example"}, id="loopback as a user"),
            pytest.param({"host": "https://a.example/v1?x=1"}, id="query"),
            pytest.param({"host": "https://a.example/v1#x"}, id="fragment"),
            pytest.param({"schema": "v1?x=1"}, id="query in the schema"),
            pytest.param({"host": "https://[::1"}, id="half an address"),
            pytest.param({"host": "a b.example"}, id="space"),
            pytest.param({"host": "*.example"}, id="star"),
            pytest.param({"host": "a..example"}, id="empty label"),
            pytest.param({"host": "example.com%"}, id="percent"),
            pytest.param({"host": "🎉.example"}, id="emoji"),
            pytest.param({"host": f"{'a' * 64}.example"}, id="long label"),
            pytest.param({"host": "a.example:99999"}, id="port too high"),
            pytest.param({"host": "a.example:x"}, id="port no number"),
            pytest.param({"host": "a.example", "port": 99999}, id="port field too high"),
        ],
    )
    def test_that_is_none(self, fields: dict[str, Any]) -> None:
        assert "API base URL (host) is not a valid URL" in refused(**fields)

    @pytest.mark.parametrize("schema", ["https", "http"])
    def test_a_protocol_in_the_schema_is_cleared_up(self, schema: str) -> None:
        assert f"has the schema {schema!r}, but schema is the path of the API here" in refused(schema=schema)


class TestKey:
    @pytest.mark.parametrize("written", [KEY, f" {KEY}\n", f"Bearer {KEY}"])
    def test_is_taken_as_people_paste_it(self, written: str) -> None:
        assert settings(password=written).api_key == KEY

    @pytest.mark.parametrize("written", [None, "", "  "])
    def test_is_missing(self, written: str | None) -> None:
        assert "API key (password) is empty: create a key under Settings > API" in refused(password=written)

    @pytest.mark.parametrize("written", ["a\r\nX-Evil: 1", "ключ", "two words", "a\x00b"], ids=ascii)
    def test_cannot_be_one(self, written: str) -> None:
        told = refused(password=written)
        assert "API key (password) contains characters that no key has" in told
        assert written not in told

    @pytest.mark.parametrize("written", [f"Bearer {KEY}", f"{KEY}\n"])
    def test_is_masked_by_airflow_as_it_is_really_used(
        self, monkeypatch: pytest.MonkeyPatch, written: str
    ) -> None:
        """Airflow masks the password as it is stored."""
        key = f"key-{len(written)}-that-no-other-test-has-told-the-masker"
        connection = {"conn_type": "periskope", "login": PHONE, "password": written.replace(KEY, key)}
        monkeypatch.setenv("AIRFLOW_CONN_MASKED", json.dumps(connection))
        assert PeriskopeHook("masked").settings.api_key == key
        assert redact(f"before {key} after") == "before *** after"

    def test_is_not_shown_with_the_settings(self) -> None:
        assert KEY not in repr(settings())
        assert PHONE not in repr(settings())


class TestPhone:
    @pytest.mark.parametrize(
        ("written", "header"),
        [
            pytest.param(PHONE, PHONE, id="digits"),
            pytest.param("+91 85271 84400", PHONE, id="spelling"),
            pytest.param(918527184400, PHONE, id="number, from native rendering"),
            pytest.param("phone-bqzvyibhmwkaergr", "phone-bqzvyibhmwkaergr", id="id"),
            pytest.param(" phone-bqzvyibhmwkaergr\n", "phone-bqzvyibhmwkaergr", id="id with spaces"),
        ],
    )
    def test_becomes_the_header(self, written: object, header: str) -> None:
        assert phone_header(written) == header

    def test_of_the_task_comes_before_that_of_the_connection(self) -> None:
        assert settings(phone="+91 95378 51844").phone == "919537851844"
        assert settings(login=None, phone="919537851844").phone == "919537851844"

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            pytest.param({"login": None}, "Phone (login) is empty: expected the phone's number", id="none"),
            pytest.param({"login": "98"}, "Phone (login) has 2 digits", id="too short"),
            pytest.param({"login": "phone-"}, "Phone (login) has no digits", id="half an id"),
            pytest.param(
                {"login": "phone-x\r\nX-Evil: 1"}, "Phone (login) is not a phone number", id="header"
            ),
            pytest.param({"phone": ""}, "- phone is empty", id="task's is empty"),
            pytest.param({"phone": "None"}, "- phone is the text 'None': a template found", id="text None"),
            pytest.param({"phone": 918527184400.0}, "- phone is a float", id="float"),
        ],
    )
    def test_cannot_be_one(self, fields: dict[str, Any], told: str) -> None:
        assert told in refused(**fields)


class TestExtra:
    @pytest.mark.parametrize(
        ("extra", "seconds"),
        [
            pytest.param(None, 60, id="no extra"),
            pytest.param("{}", 60, id="empty"),
            pytest.param('{"timeout": null}', 60, id="null, from the form"),
            pytest.param('{"timeout": ""}', 60, id="empty text"),
            pytest.param('{"timeout": 5}', 5, id="number"),
            pytest.param('{"timeout": "90.5"}', 90.5, id="text, from a URI"),
        ],
    )
    def test_timeout(self, extra: str | None, seconds: float) -> None:
        assert settings(extra=extra).read_timeout == seconds

    @pytest.mark.parametrize("value", [0, -1, "abc", "inf", "nan", True, [5], 1e300])
    def test_timeout_that_is_none(self, value: object) -> None:
        assert "timeout (extra) is " in refused(extra=json.dumps({"timeout": value}))

    @pytest.mark.parametrize(("extra", "seconds"), [(None, None), ('{"settling_time": 300}', 300)])
    def test_settling_time(self, extra: str | None, seconds: float | None) -> None:
        assert settings(extra=extra).settling_time == seconds

    @pytest.mark.parametrize("value", [0, "soon", 3601])
    def test_settling_time_that_is_none(self, value: object) -> None:
        said = refused(extra=json.dumps({"settling_time": value}))
        assert "settling_time (extra) is " in said
        assert "more than 0 and at most 3,600" in said

    def test_what_is_unknown_is_ignored_with_a_warning_by_name(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        assert settings(extra='{"X-Api-Secret": "hush", "timeout": 5}').read_timeout == 5
        assert (
            "unknown extra 'X-Api-Secret' ignored; supported extras are timeout, settling_time, allow_http"
            in caplog.text
        )
        assert "hush" not in caplog.text

    def test_a_list_is_refused(self) -> None:
        assert "extra is not a JSON object" in refused(extra="[1]")


class TestType:
    @pytest.mark.parametrize("conn_type", ["periskope", None, ""])
    def test_may_be_missing(self, conn_type: str | None) -> None:
        assert settings(conn_type=conn_type).api_key == KEY

    def test_of_another_kind_is_refused(self) -> None:
        assert "its type is 'http', not 'periskope'" in refused(conn_type="http")


def test_all_that_is_wrong_is_said_at_once() -> None:
    told = refused(host="http://a.example", login="", password="", extra='{"timeout": 0}')
    for place in ("API base URL (host)", "API key (password)", "Phone (login)", "timeout (extra)"):
        assert place in told


class TestWaysOfGiving:
    @pytest.mark.parametrize(
        ("definition", "base_url", "timeout"),
        [
            pytest.param(
                f"periskope://{PHONE}:{KEY}@", "https://api.periskope.app/v1", 60, id="URI without a host"
            ),
            pytest.param(
                f"periskope://{PHONE}:{KEY}@a.example:8443/v2?timeout=5",
                "https://a.example:8443/v2",
                5,
                id="URI in full",
            ),
            pytest.param(
                f"periskope://{PHONE}:{KEY}@http%3A%2F%2Fsandbox:8765/v1?allow_http=true",
                "http://sandbox:8765/v1",
                60,
                id="URI with http",
            ),
            pytest.param(
                json.dumps({"conn_type": "periskope", "login": PHONE, "password": KEY}),
                "https://api.periskope.app/v1",
                60,
                id="JSON",
            ),
            pytest.param(
                json.dumps(
                    {
                        "conn_type": "periskope",
                        "login": PHONE,
                        "password": KEY,
                        "host": "http://127.0.0.1",
                        "port": 8765,
                        "schema": "v2",
                        "extra": {"timeout": 5},
                    }
                ),
                "http://127.0.0.1:8765/v2",
                5,
                id="JSON in full",
            ),
        ],
    )
    def test_environment_variable(
        self, monkeypatch: pytest.MonkeyPatch, definition: str, base_url: str, timeout: float
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_WA", definition)
        assert PeriskopeHook("wa").settings == ConnectionSettings(base_url, KEY, PHONE, timeout)

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(
            PeriskopeConfigurationError, match="set AIRFLOW_CONN_NOT_THERE where the task runs"
        ):
            PeriskopeHook("not_there").get_conn()

    def test_making_a_hook_reads_no_connection(self) -> None:
        assert PeriskopeHook("not_there", phone="not one either").periskope_conn_id == "not_there"
