"""Words on their way to a page: a worker writes them to a Redis stream, the page reads them as server-sent events.

The stream is a convenience; the Call row is the truth. A lost stream, a lost Redis or a late reader gets the
finished text from the row, and a call that outlives its deadline is failed by whoever notices first.

Events: plain messages carry words; `restart` says that the words so far were taken back; `replace` carries the
whole text to show; `end` carries `done` or `fallback` and is the last.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import redis

from llm import conf, store
from llm.sanitise import Cleaner

logger = logging.getLogger(__name__)
LONGEST = 20_000  # entries; a reply has a limit in characters that comes first
POLL_SECONDS = 0.5  # how often the row is looked at while Redis is away
Look = Callable[[uuid.UUID], Awaitable[tuple[str, str] | None]]
RETRY_MS = 1000  # how soon a browser comes back after a broken connection


def key(call_id: uuid.UUID | str) -> str:
    return f"heed:stream:{call_id}"


class Writer:
    """The worker's end. Redis being away costs the words on their way, never the call."""

    def __init__(self, call_id: uuid.UUID) -> None:
        self._key = key(call_id)
        self._cleaner = Cleaner()
        self.written = ""
        self._lasting = False

    def text(self, raw: str) -> None:
        """Pass on the showable part of `raw`."""
        shown = self._cleaner.feed(raw)
        if shown:
            self.written += shown
            _add(self._key, {"t": shown}, expire=not self._lasting)
            self._lasting = True

    def restart(self) -> None:
        """Take back what was written: it will be said again."""
        self._cleaner, self.written = Cleaner(), ""
        _add(self._key, {"k": "restart"})


def end(call_id: uuid.UUID) -> None:
    """Say that the row now holds the result."""
    _add(key(call_id), {"k": "end"})


def _add(name: str, entry: Mapping[str, str], *, expire: bool = True) -> None:
    try:
        store.client().xadd(name, dict(entry), maxlen=LONGEST, approximate=True)  # type: ignore[arg-type]
        if expire:
            store.client().expire(name, conf.current().stream_ttl)
    except redis.RedisError as error:
        logger.warning("stream %s: %s", name, error)


async def events(call_id: uuid.UUID, look: Look, last_id: str = "") -> AsyncGenerator[bytes]:
    """Server-sent events of one call, from after `last_id` to its end.

    `look` tells the outcome and the text to show once the call has ended, and None before. It is asked first, at
    the end of the stream, and whenever the stream is quiet for two seconds, so that no reader waits for ever.
    """
    yield b"retry: %d\n\n" % RETRY_MS
    position = last_id if is_stream_id(last_id) else "0"
    async with store.reading():
        while (outcome := await look(call_id)) is None:
            async for entry_id, words in _flow(call_id, position):
                position = entry_id
                yield words
    yield event(outcome[1], name="replace")
    yield event(outcome[0], name="end")


async def _flow(call_id: uuid.UUID, position: str) -> AsyncIterator[tuple[str, bytes]]:
    """Entries with their positions, until the stream ends or is quiet."""
    try:
        while entries := await _read(call_id, position):
            for position, entry in entries:
                if entry.get(b"k") == b"end":
                    return
                yield position, _words(position, entry)
    except (redis.RedisError, OSError) as error:
        logger.warning("stream of %s is away, looking at the row: %s", call_id, error)
        await asyncio.sleep(POLL_SECONDS)
    yield position, b": waiting\n\n"


def _words(entry_id: str, entry: Mapping[bytes, bytes]) -> bytes:
    name = "restart" if entry.get(b"k") == b"restart" else ""
    return event(entry.get(b"t", b"").decode(), name=name, entry_id=entry_id)


def event(text: str, *, name: str = "", entry_id: str = "") -> bytes:
    r"""One server-sent event; each line of `text` is a data line.

    >>> event("a\nb", name="end")
    b'event: end\ndata: a\ndata: b\n\n'
    """
    head = (f"id: {entry_id}\n" if entry_id else "") + (f"event: {name}\n" if name else "")
    return (head + "".join(f"data: {line}\n" for line in text.split("\n")) + "\n").encode()


def is_stream_id(text: str) -> bool:
    """Whether `text` is a position in a stream (digits, a hyphen, digits), as browsers send it back.

    >>> is_stream_id("1690000000000-0"), is_stream_id("$"), is_stream_id("1-1; x")
    (True, False, False)
    """
    first, _, second = text.partition("-")
    return all(part.isascii() and part.isdigit() and len(part) <= 19 for part in (first, second))


async def _read(call_id: uuid.UUID, last_id: str) -> list[tuple[str, dict[bytes, bytes]]]:
    """New entries of the stream, waiting a little for the first."""
    found: Any = await store.async_client().xread(
        {key(call_id): last_id}, block=store.READ_BLOCK_MS, count=200
    )
    return list(_entries(found))


def _entries(found: Any) -> Iterable[tuple[str, dict[bytes, bytes]]]:
    """redis-py answers with a dict of lists of lists (RESP 3) or with lists of pairs (RESP 2)."""
    if not found:
        return
    streams = found.values() if isinstance(found, dict) else [pair[1] for pair in found]
    for stream in streams:
        batches = (
            stream
            if stream and isinstance(stream[0], list) and isinstance(stream[0][0], list | tuple)
            else [stream]
        )
        for batch in batches:
            for entry_id, fields in batch:
                yield entry_id.decode(), fields
