from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_periskope.sandbox.__main__ import main
from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "airflow_provider_periskope.sandbox"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    options = [
        "--port",
        "0",
        "--api-key",
        "very-secret-key",
        "--rate-limit",
        "2/60s",
        "--phone",
        "918527184400",
    ]
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        yield running
        running.kill()


def test_it_says_where_it_is_and_stops_cleanly(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    api, page = (word.rstrip(",") for word in line.split() if word.startswith("http://127.0.0.1:"))
    headers = {"Authorization": "Bearer very-secret-key", "x-phone": "918527184400"}
    assert "<title>" in requests.get(page, timeout=5).text
    statuses = [requests.get(f"{api}/phones", headers=headers, timeout=5).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    fault = {"name": "late", "route": "GET *", "seconds": 60}
    requests.post(f"{page}sandbox/faults", json=fault, timeout=5)
    requests.patch(f"{page}sandbox/state", json={"rate_limit": "off"}, timeout=5)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{api}/phones", headers=headers, timeout=0.2)
    started = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert time.perf_counter() - started < 2
    assert process.stdout.read() == ""


def test_a_taken_port_is_one_clear_line() -> None:
    with Sandbox() as sandbox:
        command = [*COMMAND, "--port", str(sandbox.port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == f"periskope-sandbox cannot listen on 127.0.0.1:{sandbox.port}: Address already in use\n"
    )


def test_a_bad_rate_limit_is_refused() -> None:
    ended = subprocess.run(
        [*COMMAND, "--rate-limit", "ten"], capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    assert "'ten'" in ended.stderr


@pytest.mark.parametrize("number", ["abc", "+919876543210", "123", ""])
def test_a_phone_that_is_not_a_number_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--phone", number])
    assert ended.value.code == 2
    assert f"{number!r} is not a number of 7 to 15 digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"x" * 200_000, b"POST / HTTP/1.1\r\n"]
)
def test_garbage_on_the_socket_is_survived(garbage: bytes) -> None:
    with Sandbox() as sandbox:
        with socket.create_connection(("127.0.0.1", sandbox.port), timeout=2) as client:
            try:
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except TimeoutError:
                raise
            except OSError:  # It may hang up at any moment, but it must.
                pass
        assert requests.get(f"http://127.0.0.1:{sandbox.port}/sandbox/state", timeout=5).status_code == 200


def test_it_starts_again_on_the_port_that_it_has_left() -> None:
    with Sandbox() as sandbox:
        port = sandbox.port
    for _ in range(3):
        with Sandbox(port=port) as sandbox:
            assert requests.get(f"http://127.0.0.1:{port}/sandbox/state", timeout=10).ok
