"""HTTP connections that tell whether they were ever made, for only then can something have been sent."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from typing import Any

from requests.adapters import HTTPAdapter

_connecting: ContextVar[bool] = ContextVar("_connecting", default=False)


class WatchedAdapter(HTTPAdapter):
    """The adapter of requests, on connections that are watched while they are made."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections; called by requests."""
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy; called by requests."""
        return _watch(super().proxy_manager_for(proxy, **kwargs))


def _watch(manager: Any) -> Any:
    # Those of a SOCKS proxy are classes of their own.
    manager.pool_classes_by_scheme = {
        scheme: _watched(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


@cache
def _watched(pool: Any) -> Any:
    connection = pool.ConnectionCls
    if hasattr(connection, "is_watched"):
        return pool

    def connect(self: Any) -> None:
        # The way through a proxy and the handshake of TLS are part of this.
        _connecting.set(True)
        connection.connect(self)
        _connecting.set(False)

    watched = type(connection.__name__, (connection,), {"connect": connect, "is_watched": True})
    return type(pool.__name__, (pool,), {"ConnectionCls": watched})


def forget_connections() -> None:
    """Begin anew, before a request is sent."""
    _connecting.set(False)


def connection_failed() -> bool:
    """Return whether the last thing that was tried since then was to connect, and failed: nothing was sent."""
    return _connecting.get()
