"""Event streams without Django's request machinery: opening one costs a look at one row and nothing else.

Who holds a call's signed token may read its words, so no session, cookie or middleware is needed.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import parse_qs

from django.core import signing
from django.urls import Resolver404, resolve

from llm import calls, streams, tokens
from llm.models import Call

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"referrer-policy", b"same-origin"),
)


class EventStreams:
    """An ASGI application: the words of calls are answered here, everything else by `otherwise`."""

    def __init__(self, otherwise: Application) -> None:
        self.otherwise = otherwise

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        token = token_of(scope)
        if token is None:
            await self.otherwise(scope, receive, send)
            return
        try:
            call_id = tokens.read(token)
            await calls.look(call_id)
        except (signing.BadSignature, Call.DoesNotExist):
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await _stream(call_id, last_position(scope), receive, send)


def token_of(scope: Mapping[str, Any]) -> str | None:
    """The token in the address of a call's events; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].endswith("/events"):
        return None
    try:
        found = resolve(scope["path"])
    except Resolver404:
        return None
    return str(found.kwargs["token"]) if found.view_name == "llm:events" else None


def last_position(scope: Mapping[str, Any]) -> str:
    """Where the reader was: the header that browsers send, or `?after=`."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return str(value.decode("latin-1"))
    return str(parse_qs(scope["query_string"].decode("latin-1")).get("after", [""])[0])


async def _stream(call_id: uuid.UUID, position: str, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
    gone = asyncio.ensure_future(_gone(receive))
    try:
        async with aclosing(streams.events(call_id, calls.look, position)) as pieces:
            async for piece in pieces:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _gone(receive: Receive) -> None:
    """Returns when the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
