"""Any service that speaks the OpenAI API, through openai's own client. The only module that imports it.

The client's own retries are off: retrying, with its records and budgets, is the caller's business.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import openai

from llm import conf
from llm.backends.base import Vectors
from llm.backends.failures import translated
from llm.backends.reading import Reader, read_whole, usage_of
from llm.conf import Conf
from llm.errors import BadReply, Unavailable
from llm.prompts import Prompt, Reply

_clients: dict[tuple[str, str], openai.OpenAI] = {}
_lock = threading.Lock()


class OpenAIBackend:
    """A client for `HEED_LLM_BASE_URL`. Cheap to make: the connections are shared by the process."""

    def __init__(self) -> None:
        self.conf = conf.current()
        self.name = httpx2.URL(self.conf.base_url).netloc.decode()
        self._client = _client(self.conf.base_url, self.conf.api_key)

    def chat(
        self, prompt: Prompt, model: str, *, on_text: Callable[[str], None] | None, seconds: float
    ) -> Reply:
        arguments = request_arguments(prompt, model, self.conf)
        if on_text is None:
            with translated():
                return self._whole(arguments, model, seconds)
        reader = Reader(asked=model, conf=self.conf, start=time.monotonic())
        with translated(reader.so_far):
            return self._streamed(arguments, reader, on_text, seconds)

    def embed(self, texts: Sequence[str], model: str, *, seconds: float) -> Vectors:
        start = time.monotonic()
        with translated():
            answer = self._client.embeddings.create(
                model=model, input=list(texts), encoding_format="float", timeout=self._timeout(seconds)
            )
        vectors = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        if len(vectors) != len(texts):
            raise BadReply("malformed", f"{len(vectors)} vectors for {len(texts)} texts")
        elapsed = 1000 * (time.monotonic() - start)
        return Vectors(vectors, answer.model, usage_of({"usage": answer.usage.model_dump()}), elapsed)

    def _whole(self, arguments: dict[str, Any], model: str, seconds: float) -> Reply:
        """Ask and wait. Read piece by piece, so that neither a flood nor a trickle outlasts its limit."""
        start = time.monotonic()
        create = self._client.chat.completions.with_streaming_response.create
        body = bytearray()
        with create(**arguments, timeout=self._timeout(seconds)) as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > self.conf.max_reply_bytes:
                    raise BadReply("huge", f"more than {self.conf.max_reply_bytes} bytes")
                _check_time(start, seconds)
        return read_whole(json.loads(body), asked=model, conf=self.conf, start=start)

    def _streamed(
        self, arguments: dict[str, Any], reader: Reader, on_text: Callable[[str], None], seconds: float
    ) -> Reply:
        start = time.monotonic()
        create = self._client.chat.completions.create
        with create(
            **arguments, stream=True, stream_options={"include_usage": True}, timeout=self._timeout(seconds)
        ) as stream:
            for chunk in stream:
                if text := reader.take(chunk):
                    on_text(text)
                _check_time(start, seconds)
        return reader.finish()

    def _timeout(self, seconds: float) -> httpx2.Timeout:
        silence = max(0.05, min(self.conf.first_byte_seconds, seconds))
        return httpx2.Timeout(silence, connect=min(self.conf.connect_seconds, max(seconds, 0.05)))


def request_arguments(prompt: Prompt, model: str, settings: Conf) -> dict[str, Any]:
    """The arguments of the API's chat request. Settings that are None are left to the service."""
    sampling = prompt.sampling
    optional = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
    arguments: dict[str, Any] = {
        "model": model,
        "messages": [message.as_api() for message in prompt.messages],
        settings.max_tokens_field: sampling.max_tokens,
        **{name: value for name, value in optional.items() if value is not None},
    }
    if sampling.logprobs:
        arguments["logprobs"] = True
    if prompt.tools:
        arguments["tools"] = [tool.as_api() for tool in prompt.tools]
    if prompt.schema:
        shape = {"name": prompt.schema.name, "schema": dict(prompt.schema.body), "strict": True}
        arguments["response_format"] = {"type": "json_schema", "json_schema": shape}
    return arguments


def _check_time(start: float, seconds: float) -> None:
    if time.monotonic() - start > seconds:
        raise Unavailable("timeout", f"not finished after {seconds:.1f} s")


def _client(base_url: str, api_key: str) -> openai.OpenAI:
    """One client for each address: building one loads certificates, which takes tens of milliseconds."""
    with _lock:
        if (base_url, api_key) not in _clients:
            _clients[base_url, api_key] = openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
        return _clients[base_url, api_key]


def close() -> None:
    """Close every connection of this process to a service."""
    with _lock:
        while _clients:
            _clients.popitem()[1].close()
