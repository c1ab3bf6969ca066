"""A proxy that spoils the answers of an independent server where that server has no switch for the fault."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx
import uvicorn

Bend = Callable[[bytes], bytes]


def cut(body: bytes) -> bytes:
    """The first half: of an event stream whole events, of a JSON body whatever it is."""
    events = body.split(b"\n\n")
    return b"\n\n".join(events[: len(events) // 2]) + b"\n\n" if len(events) > 2 else body[: len(body) // 2]


def garble(body: bytes) -> bytes:
    """No JSON any more: in the second event of a stream, or in the body."""
    events = body.split(b"\n\n")
    if len(events) <= 2:
        return body[: len(body) // 2]
    events[1] = events[1][: len(events[1]) // 2]
    return b"\n\n".join(events)


def repeat(body: bytes) -> bytes:
    """The third event of a stream twice; a whole body is as it was."""
    events = body.split(b"\n\n")
    return b"\n\n".join([*events[:3], *events[2:]]) if len(events) > 3 else body


def rename(body: bytes) -> bytes:
    return body.replace(b'"model":"gpt-4o-mini"', b'"model":"another-model-7b"')


class BendingProxy:
    """`with BendingProxy(root) as proxy:` forwards to `root`; `proxy.bend` spoils the next `proxy.times` answers."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.bend: Bend | None = None
        self.times: int | None = None
        self.first_byte = 0.0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        config = uvicorn.Config(
            self._app, interface="asgi3", log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> BendingProxy:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def set(self, bend: Bend | None = None, *, times: int | None = None, first_byte: float = 0.0) -> None:
        self.bend, self.times, self.first_byte = bend, times, first_byte

    def _active(self) -> bool:
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {"authorization": "Bearer x", "content-type": "application/json"}
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(self.root + scope["path"], content=body, headers=headers)
        content, active = answer.content, self._active()
        kept = [(b"content-type", answer.headers["content-type"].encode())]
        if "retry-after" in answer.headers:
            kept.append((b"retry-after", answer.headers["retry-after"].encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        if active and self.first_byte:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await asyncio.sleep(self.first_byte)
        if active and self.bend and answer.status_code == 200:
            content = self.bend(content)
        await send({"type": "http.response.body", "body": content})
