"""The chat completions API's JSON: whole answers, chunks of a stream, errors."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llm.rehearsal_model import FINGERPRINT
from llm.rehearsal_model.request import Answer, Request, content_of

WORD = re.compile(r"\s*\S+\s*|\s+")
ARGUMENTS_PIECE = 24  # characters of a tool call's arguments in one chunk
ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def pieces(text: str) -> list[str]:
    """Word-sized pieces that join to `text`; very long texts in larger pieces."""
    if len(text) > 50_000:
        return [text[at : at + 8192] for at in range(0, len(text), 8192)]
    return WORD.findall(text)


def count_tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text)) if len(text) < 50_000 else len(text) // 4


@dataclass(frozen=True)
class Completion:
    """An answer with what the API says around it."""

    request: Request
    answer: Answer
    model: str
    with_logprobs: bool = False

    @property
    def id(self) -> str:
        said = repr((self.request.messages, self.answer.content, time.time_ns()))
        return "chatcmpl-rehearsal-" + hashlib.sha256(said.encode(errors="replace")).hexdigest()[:20]

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.answer.tool else "stop"

    def usage(self) -> dict[str, int]:
        asked = sum(count_tokens(content_of(message)) + 4 for message in self.request.messages)
        said = count_tokens(self.answer.content) + (
            count_tokens(self._arguments()) if self.answer.tool else 0
        )
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}

    def whole(self) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.answer.content or None,
            "refusal": None,
        }
        if self.answer.tool:
            message["tool_calls"] = [self._tool_call(self._arguments())]
        logprobs = self._logprobs(pieces(self.answer.content)) if self.with_logprobs else None
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": self.finish_reason}
        return {**self._frame("chat.completion"), "choices": [choice], "usage": self.usage()}

    def chunks(self, *, with_usage: bool) -> Iterator[dict[str, Any]]:
        """The chunks of a stream; each carries a nonce (`obfuscation`), as the original API's do."""
        frame = self._frame("chat.completion.chunk")
        for number, (delta, logprobs, finish) in enumerate(self._deltas()):
            choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            yield {**frame, "choices": [choice], "obfuscation": f"{number:06x}{frame['id'][-6:]}"}
        if with_usage:
            yield {**frame, "choices": [], "usage": self.usage()}

    def _deltas(self) -> Iterator[tuple[dict[str, Any], Any, str | None]]:
        yield {"role": "assistant", "content": "" if not self.answer.tool else None}, None, None
        words = pieces(self.answer.content)
        logprobs = self._logprobs(words)["content"]
        for at, word in enumerate(words):
            yield {"content": word}, {"content": [logprobs[at]]} if self.with_logprobs else None, None
        if self.answer.tool:
            yield {"tool_calls": [{"index": 0, **self._tool_call("")}]}, None, None
            for start in range(0, len(self._arguments()), ARGUMENTS_PIECE):
                part = self._arguments()[start : start + ARGUMENTS_PIECE]
                yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, None, None
        yield {}, None, self.finish_reason

    def _arguments(self) -> str:
        return json.dumps(self.answer.tool[1], ensure_ascii=False) if self.answer.tool else ""

    def _tool_call(self, arguments: str) -> dict[str, Any]:
        name = self.answer.tool[0] if self.answer.tool else ""
        return {
            "id": "call_rehearsal_1",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }

    def _logprobs(self, words: list[str]) -> dict[str, Any]:
        known = [*self.answer.token_probabilities, *[0.9] * len(words)]
        return {
            "content": [
                {"token": word, "logprob": math.log(max(p, 1e-9)), "bytes": None, "top_logprobs": []}
                for word, p in zip(words, known, strict=False)
            ]
        }

    def _frame(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }


def error_body(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
