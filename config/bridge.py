"""Pages of synchronous Django inside an ASGI server: a few threads that stay, instead of a new one per request.

Django's own ASGI handler moves every synchronous middleware and view to a thread made for that request: 4 ms of
processor time for a page that costs 0.5 ms here (docs/decisions/0012). Event streams stay asynchronous.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Message = Mapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class BodyTooLarge(Exception):
    """The request's body is longer than this server accepts."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def wants_stream(scope: Scope) -> bool:
    """Browsers' EventSource always asks for `text/event-stream`; nothing else does."""
    return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; raises BodyTooLarge past `limit` bytes and ClientGone for a broken request."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise BodyTooLarge
        if not message.get("more_body"):
            return b"".join(parts)


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 wants it."""
    host, port = scope.get("server") or ("localhost", 80)
    values: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:  # `X_Real` would become the same key as `X-Real`
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        values[key] = (
            f"{values[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in values else value
        )
    values["CONTENT_LENGTH"] = str(len(body))
    return values


class ThreadedPages:
    """An ASGI application: event streams go to `streams`, every other request to `pages` in a thread that stays."""

    def __init__(self, pages: WSGIApplication, streams: Application, *, threads: int, max_body: int) -> None:
        self.pages, self.streams, self.max_body = pages, streams, max_body
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or wants_stream(scope):
            await self.streams(scope, receive, send)
            return
        try:
            body = await read_body(receive, self.max_body)
        except BodyTooLarge:
            await refuse(send, 413, b"This is more than one page can take. Nothing was stored.")
            return
        except ClientGone:
            return
        loop = asyncio.get_running_loop()
        head, whole = await loop.run_in_executor(self.threads, self._answer, environ(scope, body), send, loop)
        if head is not None:
            await send(head)
            await send({"type": "http.response.body", "body": whole})

    def _answer(
        self, request: dict[str, Any], send: Send, loop: asyncio.AbstractEventLoop
    ) -> tuple[Message | None, bytes]:
        """In a thread: a whole page is handed back to be sent at once, a long download is sent piece by piece."""
        head: dict[str, Any] = {"type": "http.response.start"}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            head["status"] = int(status.split(" ", 1)[0])
            head["headers"] = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]

        response = self.pages(request, start_response)
        try:
            if not getattr(response, "streaming", False):
                return head, b"".join(response)

            def send_now(message: Message) -> None:
                asyncio.run_coroutine_threadsafe(send(message), loop).result()  # type: ignore[arg-type]

            send_now(head)
            for piece in response:
                send_now({"type": "http.response.body", "body": piece, "more_body": True})
            send_now({"type": "http.response.body", "body": b""})
            return None, b""
        finally:
            if hasattr(response, "close"):
                response.close()


async def refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]}
    )
    await send({"type": "http.response.body", "body": text})
