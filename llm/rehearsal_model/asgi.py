"""The HTTP side of the rehearsal model: a plain ASGI application.

Routes: POST /v1/chat/completions, POST /v1/embeddings, GET /v1/models, GET /health, and for tests
GET|POST|DELETE /admin/faults and GET /admin/requests (what was asked since the last DELETE).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from llm.rehearsal_model import EMBEDDING_MODEL, MODEL, faults, scripts, wire
from llm.rehearsal_model.embeddings import embed
from llm.rehearsal_model.faults import Fault, Switchboard
from llm.rehearsal_model.request import Answer, Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
NEVER = 3600.0  # seconds a `timeout` fault waits; the client is gone long before
LONGEST_BODY = 8_000_000  # bytes
REMEMBERED = 5000  # requests kept for /admin/requests


class ConnectionBroken(Exception):
    """Raised on purpose: the server then closes the connection in the middle of the answer."""


class HTTPError(Exception):
    def __init__(self, status: int, message: str, code: str | None = None, retry_after: float | None = None):
        super().__init__(message)
        self.status, self.body = status, wire.error_body(status, message, code)
        self.headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}


class Rehearsal:
    """The application. `pace` is the pause between two words of a stream, in seconds."""

    def __init__(self, *, pace: float = 0.0) -> None:
        self.pace = pace
        self.switchboard = Switchboard()
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        route = (scope["method"], scope["path"])
        try:
            body = await _json_body(receive)
            await self._answer(route, _headers(scope), body, send)
        except HTTPError as error:
            await _send_json(send, error.body, status=error.status, headers=error.headers)

    async def _answer(self, route: tuple[str, str], headers: dict[str, str], body: Any, send: Send) -> None:
        match route:
            case "POST", "/v1/chat/completions":
                await self._chat(headers, body, send)
            case "POST", "/v1/embeddings":
                await self._embeddings(headers, body, send)
            case "GET", "/v1/models":
                models = [
                    {"id": name, "object": "model", "owned_by": "heed"} for name in (MODEL, EMBEDDING_MODEL)
                ]
                await _send_json(send, {"object": "list", "data": models})
            case "GET", "/health":
                await _send_json(send, {"rehearsal": True, "model": MODEL})
            case _, "/admin/faults" | "/admin/requests":
                await self._admin(route, body, send)
            case _:
                raise HTTPError(404, f"no route {route[0]} {route[1]}")

    async def _admin(self, route: tuple[str, str], body: Any, send: Send) -> None:
        if route[0] == "DELETE":
            self.switchboard.clear()
            self.seen.clear()
        elif route[0] == "POST":
            try:
                self.switchboard.set(*(Fault.read(item) for item in body))
            except (TypeError, ValueError, AttributeError) as error:
                raise HTTPError(400, str(error)) from error
        await _send_json(send, self.seen if route[1].endswith("requests") else faults.KINDS)

    async def _embeddings(self, headers: dict[str, str], body: Any, send: Send) -> None:
        model = self._known_model(headers, body)
        texts = body.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise HTTPError(400, "'input' must be a text or a list of texts")
        await self._early_faults(
            faults.asked_for(model, headers.get("x-rehearsal-fault", ""), self.switchboard, "")
        )
        rows = [
            {"object": "embedding", "index": at, "embedding": embed(text).tolist()}
            for at, text in enumerate(texts)
        ]
        spent = sum(wire.count_tokens(text) for text in texts)
        usage = {"prompt_tokens": spent, "total_tokens": spent}
        await _send_json(send, {"object": "list", "data": rows, "model": model, "usage": usage})

    async def _chat(self, headers: dict[str, str], body: Any, send: Send) -> None:
        model = self._known_model(headers, body)
        try:
            request = Request.read(body)
            header = headers.get("x-rehearsal-fault", "")
            active = faults.asked_for(model, header, self.switchboard, json.dumps(body.get("messages")))
        except ValueError as error:
            raise HTTPError(400, str(error)) from error
        self.seen = [
            *self.seen[-REMEMBERED:],
            {"task": request.task, "last": request.last[:200], "model": model},
        ]
        await self._early_faults(active)
        answer = spoil(scripts.answer(request), active)
        name = "another-model-7b" if "wrong_model" in active else model
        completion = wire.Completion(request, answer, name, bool(body.get("logprobs")))
        if body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            await _send_events(send, self._events(completion, active, with_usage=usage), active)
        else:
            await self._send_whole(send, completion, active)

    async def _send_whole(self, send: Send, completion: wire.Completion, active: dict[str, Fault]) -> None:
        body = json.dumps(completion.whole()).encode(errors="surrogatepass")
        broken = active.keys() & {"malformed", "cut", "drop"}
        await _start(send, 200, {"content-type": "application/json"})
        await _first_byte(send, active)
        await send(
            {
                "type": "http.response.body",
                "body": body[: len(body) // 2] if broken else body,
                "more_body": True,
            }
        )
        if "stall" in active:
            await asyncio.sleep(active["stall"].value)
        if "drop" in active or "cut" in active:
            raise ConnectionBroken
        await send({"type": "http.response.body", "body": b""})

    async def _events(
        self, completion: wire.Completion, active: dict[str, Fault], *, with_usage: bool
    ) -> AsyncIterator[bytes]:
        for number, chunk in enumerate(completion.chunks(with_usage=with_usage)):
            event = f"data: {json.dumps(chunk)}\n\n".encode(errors="surrogatepass")
            if "cut" in active and number >= active["cut"].value:
                return
            if "drop" in active and number >= active["drop"].value:
                raise ConnectionBroken
            if number == 2:
                event = event[: len(event) // 2] + b"\n\n" if "malformed" in active else event
                event = event * 2 if "duplicate" in active else event
                if "stall" in active:
                    await asyncio.sleep(active["stall"].value)
            yield event
            if self.pace:
                await asyncio.sleep(self.pace)
        yield b"data: [DONE]\n\n"

    def _known_model(self, headers: dict[str, str], body: Any) -> str:
        if not headers.get("authorization", "").startswith("Bearer "):
            raise HTTPError(401, "no API key", "invalid_api_key")
        model = str(body.get("model", "")) if isinstance(body, dict) else ""
        if model.split("+")[0] not in (MODEL, EMBEDDING_MODEL):
            raise HTTPError(
                404, f"The model `{model}` does not exist: this is a rehearsal", "model_not_found"
            )
        return model

    async def _early_faults(self, active: dict[str, Fault]) -> None:
        if "delay" in active:
            await asyncio.sleep(active["delay"].value)
        if "timeout" in active:
            await asyncio.sleep(NEVER)
        if "status" in active:
            fault = active["status"]
            raise HTTPError(int(fault.value), f"rehearsed fault {int(fault.value)}", None, fault.retry_after)


def spoil(answer: Answer, active: dict[str, Fault]) -> Answer:
    """`answer` as the content faults want it."""
    if "empty" in active:
        return Answer(text="")
    if "huge" in active:
        return Answer(
            text=("much too long " * (int(active["huge"].value) // 14 + 1))[: int(active["huge"].value)]
        )
    if "badjson" in active:
        return Answer(text='{"answer": "never clos')
    if "schema" in active:
        return Answer(data={"unexpected": True})
    for kind, payload in (
        ("html", faults.HTML),
        ("instructions", faults.INSTRUCTIONS),
        ("control", faults.CONTROL),
    ):
        if kind in active:
            return inject(answer, payload)
    return answer


def inject(answer: Answer, payload: str) -> Answer:
    """`answer` with `payload` in its text, or in each text of its data."""
    if answer.data is None:
        return Answer(text=f"{payload} {answer.text}", tool=answer.tool)
    return Answer(
        data={k: f"{v} {payload}" if isinstance(v, str) and " " in v else v for k, v in answer.data.items()}
    )


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _json_body(receive: Receive) -> Any:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            raise HTTPError(413, "the request is too long")
        if not message.get("more_body"):
            break
    try:
        return json.loads(body) if body else {}
    except ValueError as error:
        raise HTTPError(400, f"the body is not JSON: {error}") from error


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _first_byte(send: Send, active: dict[str, Fault]) -> None:
    if "first_byte" in active:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.sleep(active["first_byte"].value)


async def _send_json(
    send: Send, body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    await _start(send, status, {"content-type": "application/json", **(headers or {})})
    await send({"type": "http.response.body", "body": json.dumps(body).encode(errors="surrogatepass")})


async def _send_events(send: Send, events: AsyncIterator[bytes], active: dict[str, Fault]) -> None:
    await _start(send, 200, {"content-type": "text/event-stream", "cache-control": "no-cache"})
    await _first_byte(send, active)
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
