"""`ENGINE = "config.database"`: a pooled connection is checked without asking the server.

Django's own check (`CONN_HEALTH_CHECKS`) sends a query before every request: a fifth of all round trips of a page turn.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe


def alive(connection: psycopg.Connection[Any]) -> bool:
    """Is the server still there? An idle connection has nothing to read, unless it was closed or has a notice for us.

    Only then the server is asked. A network that vanished without a word is found by the `tcp_user_timeout`.
    """
    if connection.closed:
        return False
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    if not watch.poll(0):
        return True
    try:
        connection.execute("")
    except psycopg.Error:
        return False
    return True


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes a connection from the pool, leaving out those that died there."""

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and not alive(connection):
            connection.close()
            self.pool.putconn(connection)  # the pool replaces a closed connection
            connection = super().get_new_connection(conn_params)
        return connection
