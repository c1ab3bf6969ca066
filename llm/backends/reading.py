"""Reading the API's answers leniently in form and strictly in what matters: an end, a model, some content."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llm.conf import Conf
from llm.errors import BadReply, LLMError, Rejected, Unavailable
from llm.prompts import Reply, ToolCall, Usage
from llm.sanitise import clean

SNAPSHOT = re.compile(r"-(\d{3,8}|\d{4}-\d{2}-\d{2})")  # what a service adds to the name of a dated version
LONGEST_NAME = 200  # characters of a model's name or fingerprint


class Reader:
    """Puts the chunks of a stream together. Times are `time.monotonic()` seconds."""

    def __init__(self, *, asked: str, conf: Conf, start: float) -> None:
        self._asked, self._conf, self._start = asked, conf, start
        self._texts: list[str] = []
        self._length = 0
        self._tools: dict[int, dict[str, str]] = {}
        self._logprobs: list[tuple[str, float]] = []
        self._usage = Usage()
        self._finish: str | None = None
        self._model = self._fingerprint = self._refusal = ""
        self._nonces: set[str] = set()
        self._duplicates = 0
        self._first: float | None = None

    def take(self, chunk: Any) -> str:
        """Read one chunk (the client's object); the text that it adds. Raises BadReply when there is too much."""
        if self._seen_before(chunk):
            return ""
        self._model = str(getattr(chunk, "model", None) or self._model)
        self._fingerprint = str(getattr(chunk, "system_fingerprint", None) or self._fingerprint)
        if getattr(chunk, "usage", None):
            self._usage = usage_of({"usage": chunk.usage.model_dump()})
        text = "".join(self._take_choice(choice) for choice in getattr(chunk, "choices", None) or ())
        if text and self._first is None:
            self._first = time.monotonic()
        self._length += len(text)
        self._texts.append(text)
        if self._length > self._conf.max_reply_chars:
            raise BadReply("huge", f"more than {self._conf.max_reply_chars} characters")
        return text

    def finish(self) -> Reply:
        """The whole reply. Raises Unavailable where the stream stopped without saying that it was done."""
        return checked(self.so_far(), refusal=self._refusal, asked=self._asked, conf=self._conf)

    def so_far(self) -> Reply:
        """What has come, finished or not; `finish_reason` is empty while it is not."""
        tools = tuple(_tool_call(part) for _, part in sorted(self._tools.items()))
        raw = "".join(self._texts)
        return Reply(
            text=clean(raw),
            raw=raw,
            model=clean(self._model, LONGEST_NAME),
            fingerprint=clean(self._fingerprint, LONGEST_NAME),
            finish_reason=clean(self._finish or "", 40),
            tool_calls=tools,
            usage=self._usage,
            first_token_ms=None if self._first is None else 1000 * (self._first - self._start),
            latency_ms=1000 * (time.monotonic() - self._start),
            logprobs=tuple(self._logprobs),
            warnings=(f"duplicate_chunks:{self._duplicates}",) if self._duplicates else (),
        )

    def _seen_before(self, chunk: Any) -> bool:
        """A chunk that came twice. Only a nonce can tell that from a word that is really repeated."""
        nonce = getattr(chunk, "obfuscation", None)
        if not nonce:
            return False
        if nonce in self._nonces:
            self._duplicates += 1
            return True
        self._nonces.add(nonce)
        return False

    def _take_choice(self, choice: Any) -> str:
        delta = choice.delta
        self._finish = choice.finish_reason or self._finish
        self._refusal += getattr(delta, "refusal", None) or ""
        if getattr(choice, "logprobs", None):
            self._logprobs += _logprobs({"logprobs": choice.logprobs.model_dump()})
        for call in getattr(delta, "tool_calls", None) or ():
            self._take_tool(call)
        return delta.content or ""

    def _take_tool(self, call: Any) -> None:
        part = self._tools.setdefault(call.index or 0, {"id": "", "name": "", "arguments": ""})
        part["id"] = call.id or part["id"]
        if call.function:
            part["name"] = call.function.name or part["name"]
            part["arguments"] += call.function.arguments or ""
            self._length += len(call.function.arguments or "")


def read_whole(body: Mapping[str, Any], *, asked: str, conf: Conf, start: float) -> Reply:
    """The reply in the JSON body of an answer that was not streamed."""
    choice = body["choices"][0]
    message = choice["message"]
    calls = message.get("tool_calls") or ()
    text = message.get("content") or ""
    reply = Reply(
        text=clean(text, conf.max_reply_chars),
        raw=text,
        model=clean(str(body.get("model") or ""), LONGEST_NAME),
        fingerprint=clean(str(body.get("system_fingerprint") or ""), LONGEST_NAME),
        finish_reason=clean(str(choice.get("finish_reason") or ""), 40),
        tool_calls=tuple(_tool_call({"id": call["id"], **call["function"]}) for call in calls),
        usage=usage_of(body),
        latency_ms=1000 * (time.monotonic() - start),
        logprobs=tuple(_logprobs(choice)),
    )
    return checked(reply, refusal=message.get("refusal") or "", asked=asked, conf=conf)


def checked(reply: Reply, *, refusal: str, asked: str, conf: Conf) -> Reply:
    """`reply`, if it can be used; otherwise the error, with the reply as its `received`."""
    problem = _problem(reply, refusal, asked, conf)
    if problem is not None:
        problem.received = reply
        raise problem
    if reply.finish_reason == "length":
        return replace(reply, warnings=(*reply.warnings, "stopped_at_max_tokens"))
    return reply


def _problem(reply: Reply, refusal: str, asked: str, conf: Conf) -> LLMError | None:
    if not reply.finish_reason:
        return Unavailable("cut", "the answer ended without a finish reason")
    if refusal or reply.finish_reason == "content_filter":
        return Rejected("content_filter", clean(refusal, 300) or "the service's filter stopped the answer")
    if not answers_for(reply.model, asked, conf):
        return BadReply(
            "wrong_model", f"{reply.model[:100] or 'an unnamed model'} answered instead of {asked}"
        )
    if len(reply.raw) > conf.max_reply_chars:
        return BadReply("huge", f"more than {conf.max_reply_chars} characters")
    if not reply.text.strip() and not reply.tool_calls:
        return BadReply("empty", "the answer has no text")
    return None


def answers_for(answered: str, asked: str, conf: Conf) -> bool:
    """May `answered` stand for `asked`: the same name, a dated snapshot of it, or a declared alias."""
    return (
        answered == asked or answered.startswith(f"{asked}-") or answered in conf.model_aliases.get(asked, ())
    )


def usage_of(body: Mapping[str, Any]) -> Usage:
    usage = body.get("usage") or {}
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _tool_call(part: Mapping[str, str]) -> ToolCall:
    return ToolCall(clean(part["id"]), clean(part["name"]), clean(part["arguments"]))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _logprobs(choice: Mapping[str, Any]) -> list[tuple[str, float]]:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return [(clean(str(item["token"])), float(item["logprob"])) for item in content]
