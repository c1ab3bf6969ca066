"""What a script is given and what it gives back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

TASK_LINE = re.compile(r"\A\s*Task:\s*([\w.-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A script's answer: text, or JSON `data`, or a tool call (name, arguments).

    `token_probabilities`: the probability of each word of the text, in order, where a script has an opinion.
    """

    text: str = ""
    data: Any = None
    tool: tuple[str, Mapping[str, Any]] | None = None
    token_probabilities: Sequence[float] = ()

    @property
    def content(self) -> str:
        return self.text if self.data is None else json.dumps(self.data, ensure_ascii=False)


@dataclass(frozen=True)
class Request:
    """One chat request, read leniently."""

    model: str
    messages: tuple[Mapping[str, Any], ...]
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    temperature: float = 1.0
    seed: int | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Request:
        """The request in `body`; raises ValueError where it is no chat request."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
            raise ValueError("'messages' must be a list of at least one message")
        form = body.get("response_format") or {}
        shape = form.get("json_schema") or {} if form.get("type") == "json_schema" else {}
        temperature = body.get("temperature")
        return cls(
            model=str(body.get("model", "")),
            messages=tuple(messages),
            schema_name=str(shape.get("name", "")),
            schema=shape.get("schema"),
            tools=tuple(tool["function"] for tool in body.get("tools") or ()),
            temperature=1.0 if temperature is None else float(temperature),
            seed=body.get("seed"),
        )

    @property
    def task(self) -> str:
        """The template named in the system message's first line, else the schema's name, else nothing."""
        found = TASK_LINE.match(self.system)
        return found[1] if found else self.schema_name

    @property
    def system(self) -> str:
        return "\n".join(self._said_by("system"))

    @property
    def user_turns(self) -> list[str]:
        """What the user said, oldest first."""
        return list(self._said_by("user"))

    @property
    def last(self) -> str:
        return self.user_turns[-1] if self.user_turns else ""

    def _said_by(self, role: str) -> Iterator[str]:
        for message in self.messages:
            if message.get("role") == role:
                yield content_of(message)

    def rng(self, salt: str = "") -> Random:
        """Randomness from the prompt's words; at a temperature above 0 from the request's seed as well."""
        seed = self.seed if self.temperature > 0 else None
        said = json.dumps([self.model, self.messages, seed, salt], sort_keys=True, default=str)
        return Random(hashlib.sha256(said.encode(errors="replace")).digest())

    def objects(self) -> list[dict[str, Any]]:
        """Every JSON object written in the last user message, outermost ones only."""
        return list(json_objects(self.last))

    def field(self, *names: str) -> str:
        """The first text under one of `names` in the last message's JSON, or after `Name:` in its lines."""
        for item in self.objects():
            for name in names:
                if isinstance(item.get(name), str | int | float):
                    return str(item[name])
        for name in names:
            if found := re.search(rf"^{name}:[ \t]*(.+)$", self.last, re.IGNORECASE | re.MULTILINE):
                return found[1].strip()
        return ""


def content_of(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in `text`, left to right, skipping what is not JSON."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(value, dict):
            yield value
