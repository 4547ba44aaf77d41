"""The command `periskope-sandbox`."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading

from airflow_provider_periskope.sandbox.rate_limit import rate_limit
from airflow_provider_periskope.sandbox.server import Sandbox


def phone_number(text: str) -> str:
    """
    Read the number of a phone.

    :raises argparse.ArgumentTypeError: when it is not one.
    """
    if not re.fullmatch("[0-9]{7,15}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 7 to 15 digits, such as 919876543210")
    return text


def main(arguments: list[str] | None = None) -> int:
    """
    Run a sandbox until SIGTERM or Ctrl+C.

    :return: the exit status.
    """
    parser = argparse.ArgumentParser(
        prog="periskope-sandbox", description="A local Periskope: no phone, no people."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 for a free port (default: %(default)s)")
    parser.add_argument("--api-key", default="sandbox-key", help="API key to accept (default: %(default)s)")
    parser.add_argument(
        "--phone",
        type=phone_number,
        default="919876543210",
        help="number of the phone, digits only, with country code (default: %(default)s)",
    )
    parser.add_argument(
        "--rate-limit",
        type=rate_limit,
        default="10/1s",
        help="CALLS/PERIOD, for example 10/1s, or off (default: %(default)s)",
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=0.0,
        help="delay before the response to a create, in seconds (default: 0)",
    )
    options = parser.parse_args(arguments)
    sandbox = Sandbox(**vars(options))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        sandbox.start()
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        sys.stderr.write(f"periskope-sandbox cannot listen on {options.host}:{options.port}: {reason}\n")
        return 1
    page = sandbox.url.removesuffix("v1")
    sys.stdout.write(f"Periskope sandbox: API at {sandbox.url}, page at {page} (Ctrl+C stops it)\n")
    sys.stdout.flush()
    stopping.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
