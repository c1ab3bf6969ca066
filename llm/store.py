"""Redis: one client for each process (and event loop), and the names of our keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE = 3.0  # seconds for one command; a page or a worker has better ways to wait than inside Redis
MOST_READERS = 5000  # each open stream keeps a connection; redis-py would stop at 100
READ_BLOCK_MS = 2000  # must stay under PATIENCE

_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()

_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


def client() -> redis.Redis:
    """The process's client; its connections are shared by threads."""
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 1))


def close() -> None:
    """Close the process's connections."""
    client().close()
    _client.cache_clear()


@asynccontextmanager
async def reading() -> AsyncIterator[None]:
    """Around each open stream: when an event loop's last one ends, the loop's connections are closed."""
    loop = asyncio.get_running_loop()
    _readers[loop] = _readers.get(loop, 0) + 1
    try:
        yield
    finally:
        _readers[loop] -= 1
        if not _readers[loop] and loop in _async_clients:
            await asyncio.shield(_async_clients.pop(loop).aclose())


def async_client() -> redis.asyncio.Redis:
    """The running event loop's client, for use inside `reading`."""
    loop = asyncio.get_running_loop()
    if loop not in _async_clients:
        _async_clients[loop] = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=PATIENCE, max_connections=MOST_READERS
        )
    return _async_clients[loop]
