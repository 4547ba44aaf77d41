"""HTTP connections that tell whether they were ever made, for only then can something have been sent."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_connecting: ContextVar[bool] = ContextVar("_connecting", default=False)


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        _connecting.set(True)
        super().connect()
        _connecting.set(False)


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        # The way through a proxy and the handshake of TLS are part of this.
        _connecting.set(True)
        super().connect()
        _connecting.set(False)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


POOLS = {"http": _HttpPool, "https": _HttpsPool}


class WatchedAdapter(HTTPAdapter):
    """The adapter of requests, on connections that are watched while they are made."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections; called by requests."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy; called by requests."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.lower().startswith("http"):  # those of SOCKS are classes of their own
            manager.pool_classes_by_scheme = POOLS
        return manager


def forget_connections() -> None:
    """Begin anew, before a request is sent."""
    _connecting.set(False)


def connection_failed() -> bool:
    """Return whether the last thing that was tried since then was to connect, and failed: nothing was sent."""
    return _connecting.get()
