"""Whether a connection failed before anything can have been sent, and how to say why."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection to be made."""


class ConnectingAdapter(HTTPAdapter):
    """
    The adapter of requests, with connections that report every failure to connect as such.

    To urllib3, only a socket that could not be opened is a failed connection. A TLS handshake or a proxy that fails
    raises the same errors as a response that was lost, though nothing was sent yet.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections; called by requests."""
        super().init_poolmanager(*args, **kwargs)
        _report_failures(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy; called by requests."""
        return _report_failures(super().proxy_manager_for(proxy, **kwargs))


def _report_failures(manager: Any) -> Any:
    # The manager of a SOCKS proxy has pool classes of its own, so they are derived and not replaced.
    manager.pool_classes_by_scheme = {
        scheme: _reporting(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


@cache
def _reporting(pool: Any) -> Any:
    connection = pool.ConnectionCls
    if hasattr(connection, "reports_failures"):
        return pool

    def connect(self: Any) -> None:
        # This includes the tunnel through a proxy and the TLS handshake.
        try:
            connection.connect(self)
        except ConnectTimeoutError:  # NewConnectionError is a subclass
            raise
        except (OSError, HTTPError, ValueError) as error:
            raise NewConnectionError(self, str(error)) from error

    reporting = type(connection.__name__, (connection,), {"connect": connect, "reports_failures": True})
    return type(pool.__name__, (pool,), {"ConnectionCls": reporting})


def why_not_connected(error: Exception, timeout: float) -> str | None:
    """
    Return why no connection was made, in words that hold no address.

    :param error: what sending a request raised.
    :param timeout: seconds that were waited for the connection to be made.
    :return: the reason; ``None`` if a connection was made, so that the request may have been sent.
    """
    if isinstance(error, (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema)):
        return "the proxy of the environment cannot be used"
    reason = error.args[0] if error.args else None
    if isinstance(reason, LocationValueError):  # the URL of the request itself was checked before
        return "the proxy of the environment cannot be used"
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    through_proxy = isinstance(reason, ProxyError)
    if isinstance(reason, ProxyError):
        reason = reason.original_error
    if not isinstance(reason, ConnectTimeoutError):
        return None
    cause = str(reason.__cause__)
    if isinstance(reason, NameResolutionError):
        return "its name cannot be resolved"
    if not isinstance(reason, NewConnectionError) or isinstance(reason.__cause__, TimeoutError):
        return f"no connection within {timeout:.0f} s"
    # A SOCKS proxy has connections of its own kind, whose errors do not name it.
    through_proxy = through_proxy or "SOCKS" in type(getattr(reason, "conn", None)).__name__
    if through_proxy or "tunnel" in cause.lower() or "proxy" in cause.lower():
        return "the proxy of the environment did not connect"
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        return "its TLS certificate is not trusted"
    if "WRONG_VERSION_NUMBER" in cause or "RECORD_LAYER_FAILURE" in cause:
        return "it does not speak TLS, so it needs http and not https"
    if isinstance(reason.__cause__, (ssl.SSLError, ConnectionResetError, ConnectionAbortedError)):
        return "the TLS handshake failed"
    return "connection refused or host unreachable"
