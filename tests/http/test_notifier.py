"""What an alert does on the wire: one request, and an end in time."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.notifications import periskope
from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier, send_periskope_notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox
    from tests.http.conftest import Connect, Serve

GROUP = "120363392071406466@g.us"
TEXT = "the words that nobody may see"
BASE = next(base for base in PeriskopeNotifier.__mro__ if base.__name__ == "BaseNotifier")
IS_ASYNC = hasattr(BASE, "__await__")
"""Whether this Airflow awaits notifiers: 3.1 and newer."""


def context(**more: Any) -> dict[str, Any]:
    ti = SimpleNamespace(
        dag_id="sales", task_id="load", run_id="run", map_index=-1, state="failed", try_number=1, max_tries=0
    )
    return {"ti": ti, "dag": None, "run_id": "run", "ds": "2026-11-25", **more}


def call(notifier: PeriskopeNotifier, made: dict[str, Any]) -> None:
    """Call a notifier as Airflow does for a state change."""
    notifier(made)


def awaited(notifier: PeriskopeNotifier, made: dict[str, Any]) -> None:
    """Await a notifier as Airflow's triggerer does for a missed deadline."""

    async def run() -> None:
        kwargs = {name: getattr(notifier, name) for name in notifier.template_fields}
        assert (
            await PeriskopeNotifier(**kwargs, context=made) is None
        )  # Airflow puts the result into metric tags.

    asyncio.run(run())


Send = "Callable[[PeriskopeNotifier, dict[str, Any]], None]"


@pytest.fixture(params=[call, awaited] if IS_ASYNC else [call], ids=lambda way: way.__name__)
def send(request: pytest.FixtureRequest) -> Send:
    """Give each way in which Airflow sends an alert."""
    return request.param


@pytest.fixture
def sandbox(periskope_sandbox: Sandbox) -> Sandbox:
    periskope_sandbox.add_group("Alerts", chat_id=GROUP)
    return periskope_sandbox


def texts(sandbox: Sandbox) -> list[str | None]:
    return [message.text for message in sandbox.messages_in(GROUP)]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name.startswith("airflow_provider_periskope.")]
    return [record.getMessage() for record in ours if record.levelno >= logging.ERROR]


class TestWhileTheDagIsParsed:
    @pytest.mark.parametrize("chat_id", ["Sales", "", "123456"])
    def test_what_is_no_chat_is_refused(self, chat_id: str) -> None:
        with pytest.raises(ValueError, match=f"chat_id is '{chat_id}': expected the id of a chat"):
            PeriskopeNotifier(chat_id=chat_id)

    def test_the_output_of_a_task_is_refused(self) -> None:
        with pytest.raises(TypeError, match="chat_id is a list: expected a text"):
            PeriskopeNotifier(chat_id=[GROUP])  # type: ignore[arg-type]

    def test_an_empty_message_is_refused(self) -> None:
        with pytest.raises(ValueError, match="message is empty: expected a text; leave it out"):
            PeriskopeNotifier(chat_id=GROUP, message=" ")


class TestMessage:
    def test_is_the_default_text(self, sandbox: Sandbox, send: Send) -> None:
        send(PeriskopeNotifier(chat_id=GROUP), context())
        assert texts(sandbox) == ["🔴 *Task failed: load*\nDAG sales\nRun run"]

    def test_can_be_written_by_the_author(self, sandbox: Sandbox, send: Send) -> None:
        message = "{{ ti.task_id }} failed on {{ ds }}, {{ '2026-11-25' }}"
        send(PeriskopeNotifier(chat_id="{{ group }}", message=message), context(group=GROUP))
        assert texts(sandbox) == ["load failed on 2026-11-25, 2026-11-25"]

    @pytest.mark.parametrize(
        "lacking",
        [
            "{{ task_group.name }}",
            "{{ var.value.x }}",
            "{{ data_interval_end | ds }}",
            "{{ macros.ds_add(day, 5) }}",
            "{{ people[0].name + 1 }}",
            "{% for one in people %}{{ one }}{% endfor %}",
            "{{ nothing }}",
        ],
    )
    def test_renders_what_the_context_lacks_as_nothing(self, sandbox: Sandbox, lacking: str) -> None:
        """On Airflow's own notifier, some of these raise."""
        deadline = {"dag_run": {"dag_id": "sales"}, "deadline": {}, "nothing": None}
        PeriskopeNotifier(chat_id=GROUP, message=f"<{lacking}>")(deadline)
        assert texts(sandbox) == ["<>"]

    def test_that_looks_like_a_number_stays_as_it_is_where_dags_render_native_objects(
        self, sandbox: Sandbox
    ) -> None:
        native = _dag(render_template_as_native_obj=True)
        PeriskopeNotifier(chat_id=GROUP, message="{{ '007' }}")(context(dag=native))
        assert texts(sandbox) == ["007"]

    def test_is_the_default_text_where_its_template_is_broken(
        self, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        PeriskopeNotifier(chat_id=GROUP, message="{{ broken")(context())
        assert texts(sandbox) == ["🔴 *Task failed: load*\nDAG sales\nRun run"]
        (error,) = errors(caplog)
        assert "The message of the alert could not be rendered (TemplateSyntaxError)" in error

    def test_is_rendered_anew_at_each_call(self, sandbox: Sandbox) -> None:
        notifier = PeriskopeNotifier(chat_id=GROUP, message="{{ ds }}")
        notifier(context(ds="one"))
        notifier(context(ds="two"))
        assert texts(sandbox) == ["one", "two"]

    def test_of_a_dag_that_has_no_environment(self, sandbox: Sandbox) -> None:
        """`airflow dags test` hands over a SerializedDAG (Airflow's issue 64649)."""
        PeriskopeNotifier(chat_id=GROUP, message="{{ dag.dag_id }}")(
            context(dag=SimpleNamespace(dag_id="sales"))
        )
        assert texts(sandbox) == ["sales"]

    def test_holds_no_secret_that_airflow_knows(self, sandbox: Sandbox) -> None:
        from airflow_provider_periskope.compat import mask_secret

        mask_secret("correct horse")
        PeriskopeNotifier(chat_id=GROUP)(context(exception=ValueError("login correct horse failed")))
        assert texts(sandbox)[0].endswith("ValueError: login *** failed")

    def test_comes_from_the_connection_and_phone_that_are_named(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sandbox.add_phone("918527184400")
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", sandbox.connection_json())
        send_periskope_notification(
            chat_id=GROUP, message="x", periskope_conn_id="{{ which }}", phone="{{ other }}"
        )(context(which="other", other="918527184400"))
        assert sandbox.requests[-1].headers["x-phone"] == "918527184400"


class TestOneAlert:
    @pytest.mark.parametrize(
        "fault", ["drop_after", "error_500_after", "html_502_after", "truncated", "not_json"]
    )
    def test_is_one_request_also_when_the_response_is_lost(
        self, sandbox: Sandbox, send: Send, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.fault(fault, route="POST /message/send", times=None)
        send(PeriskopeNotifier(chat_id=GROUP, message=TEXT), context())
        assert texts(sandbox) == [TEXT]
        assert len(sandbox.requests) == 1
        (error,) = errors(caplog)
        assert error.startswith(
            "The alert of DAG 'sales' may or may not have been sent. The outcome of POST /message/send is unknown"
        )
        assert "What to do: " in error
        assert "\n" not in error

    def test_waits_out_a_short_rate_limit(self, sandbox: Sandbox) -> None:
        sandbox.fault("rate_limit", route="POST /message/send", header="Retry-After", value="1")
        PeriskopeNotifier(chat_id=GROUP, message=TEXT)(context())
        assert texts(sandbox) == [TEXT]
        assert [request.status for request in sandbox.requests] == [429, 200]

    def test_gives_up_at_a_long_rate_limit(self, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
        sandbox.fault("rate_limit", route="POST /message/send", times=None, header="Retry-After", value="60")
        PeriskopeNotifier(chat_id=GROUP, message=TEXT)(context())
        assert [request.status for request in sandbox.requests] == [429]
        assert "The alert of DAG 'sales' was not sent. Too many requests" in errors(caplog)[0]

    def test_is_tried_again_after_a_failed_connection(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from airflow_provider_periskope.api import client

        sandbox.stop()
        waited: list[float] = []

        def come_back(seconds: float) -> None:
            waited.append(seconds)
            sandbox.start()

        monkeypatch.setattr(client, "time", SimpleNamespace(sleep=come_back, monotonic=time.monotonic))
        PeriskopeNotifier(chat_id=GROUP, message=TEXT)(context())
        assert texts(sandbox) == [TEXT]
        assert len(waited) == 1


class TestAnAlertThatCannotBeSent:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(periskope, "TIME_LIMIT", 2.0)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda sandbox, _: sandbox.stop(), "was not sent. Could not connect to 127.0.0.1"),
            (
                lambda sandbox, _: sandbox.fault("wrong_key", route="*"),
                "was not sent. The API key of connection 'periskope_default' is wrong.",
            ),
            (lambda _, patch: patch.delenv("AIRFLOW_CONN_PERISKOPE_DEFAULT"), "was not sent. Connection "),
            (
                lambda _, patch: patch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", '{"conn_type": "periskope"}'),
                "was not sent. Connection 'periskope_default' cannot be used.",
            ),
        ],
        ids=["down", "wrong key", "no connection", "empty connection"],
    )
    def test_is_one_line_in_the_log(
        self,
        sandbox: Sandbox,
        send: Send,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        spoil: Callable[[Any, Any], None],
        said: str,
    ) -> None:
        spoil(sandbox, monkeypatch)
        send(PeriskopeNotifier(chat_id=GROUP, message=TEXT), context())
        (error,) = errors(caplog)
        assert error.startswith(f"The alert of DAG 'sales' {said}")
        assert "What to do: " in error
        assert "\n" not in error

    def test_says_so_where_its_group_cannot_be_rendered(
        self, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        PeriskopeNotifier(chat_id="{{ broken", message=TEXT)(context())
        PeriskopeNotifier(chat_id="{{ lacking }}", message=TEXT)(context())
        first, second = errors(caplog)
        assert "was not sent: TemplateSyntaxError: " in first
        assert "was not sent. The message was refused" in second
        assert not sandbox.requests

    def test_shows_no_text_no_number_and_no_key(
        self, sandbox: Sandbox, send: Send, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for fault in ("drop_after", "wrong_key", "invalid"):
            sandbox.fault(fault, route="POST /message/send")
            send(PeriskopeNotifier(chat_id="919537851844@c.us", message=TEXT), context())
        log = "\n".join(record.getMessage() for record in caplog.records)
        for secret in (TEXT, "919537851844", sandbox.api_key, sandbox.phone):
            assert secret not in log

    @pytest.mark.parametrize("hang", ["silent", "dripping", "unresolved"])
    def test_ends_in_time_whatever_hangs(
        self,
        hang: str,
        serve: Serve,
        connect: Connect,
        send: Send,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        never = threading.Event()
        if hang == "silent":
            connect(serve(silent=True).url)
        elif hang == "dripping":
            connect(dripping(never))
        else:
            connect("https://api.periskope.test")
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(30) or [])
        begun = time.monotonic()
        send(PeriskopeNotifier(chat_id=GROUP, message=TEXT), context())
        took = time.monotonic() - begun
        never.set()
        assert took < 10  # without a limit it is 30 and more
        (error,) = errors(caplog)
        assert "may or may not have been sent" in error

    @pytest.mark.skipif(not IS_ASYNC, reason="This Airflow does not await notifiers.")
    def test_holds_up_nothing_else_in_the_triggerer(
        self, serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        connect(serve(silent=True).url)
        order: list[str] = []

        async def alert() -> None:
            await PeriskopeNotifier(chat_id=GROUP, message=TEXT, context=context())
            order.append("alert")

        async def others() -> None:
            # What other triggers do: sleep, and use the threads of the event loop.
            await asyncio.sleep(0.1)
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(8)))
            order.append("others")

        async def run() -> None:
            await asyncio.gather(*(alert() for _ in range(40)), others())

        asyncio.run(run())
        assert order == ["others", *["alert"] * 40]
        assert len(errors(caplog)) == 40


def dripping(enough: threading.Event) -> str:
    """Start a server that sends a byte each tenth of a second, and return its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not enough.wait(0.1):
                connection.sendall(b"x")

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def _dag(**options: Any) -> Any:
    try:
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2.11
        from airflow.models.dag import DAG
    return DAG("sales", schedule=None, **options)


class TestWhatAirflowStores:
    @pytest.mark.skipif(not IS_ASYNC, reason="This Airflow has no deadlines.")
    def test_is_only_what_the_author_wrote(self) -> None:
        try:
            from airflow.sdk import AsyncCallback
        except ImportError:  # Airflow 3.1
            from airflow.sdk.definitions.deadline import AsyncCallback
        callback = AsyncCallback(PeriskopeNotifier, {"chat_id": GROUP})
        stored = json.dumps(callback.serialize())
        assert json.loads(stored)["kwargs"] == {"chat_id": GROUP}
        assert (
            json.loads(stored)["path"]
            == "airflow_provider_periskope.notifications.periskope.PeriskopeNotifier"
        )
