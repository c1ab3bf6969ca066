"""A prompt and a reply as values. Nothing here talks to a network or a database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import rfc8785

Role = Literal["system", "user", "assistant", "tool"]
UNSENDABLE = re.compile(
    "[\x00\ud800-\udfff]"
)  # PostgreSQL and UTF-8 refuse these; `sanitise.clean` removes them
CHARACTERS_PER_TOKEN = 3.5  # a cautious estimate for budgets and history limits; the bill comes from the API


@dataclass(frozen=True)
class ToolCall:
    """The model's wish to use a tool. `arguments` is the JSON text as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One turn. A `tool` message answers the ToolCall whose id is `tool_call_id`."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    def __post_init__(self) -> None:
        if UNSENDABLE.search(self.content):
            raise ValueError(f"a {self.role} message contains NUL or half a surrogate pair: clean it first")

    def as_api(self) -> dict[str, Any]:
        """The message in the form of the chat completions API."""
        wire: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            wire["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self.tool_calls
            ]
        if self.tool_call_id:
            wire["tool_call_id"] = self.tool_call_id
        return wire


@dataclass(frozen=True)
class Tool:
    """A function that the model may ask for; `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    def as_api(self) -> dict[str, Any]:
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }


@dataclass(frozen=True)
class Schema:
    """The JSON schema that a reply must satisfy. `name`: letters, digits, _ and - (the API's rule)."""

    name: str
    body: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ValueError(f"schema name {self.name!r}: 1 to 64 letters, digits, _ or -")


@dataclass(frozen=True)
class Sampling:
    """How the model chooses its words. None leaves a setting to the service and is recorded as such."""

    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int = 800
    logprobs: bool = False


@dataclass(frozen=True)
class Prompt:
    """Everything that is said to the model. `template` and `version` name the text it was built from.

    The system message begins with the line `Task: <template>`: the rehearsal model finds its script by it.
    """

    messages: tuple[Message, ...]
    template: str
    version: str = "1"
    schema: Schema | None = None
    tools: tuple[Tool, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    model: str = ""  # empty: the configured model

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("a prompt needs a message")

    def as_json(self) -> dict[str, Any]:
        """What is stored and hashed: messages, schema and tools in the API's form, and the sampling."""
        return {
            "messages": [message.as_api() for message in self.messages],
            "schema": {"name": self.schema.name, "body": dict(self.schema.body)} if self.schema else None,
            "tools": [tool.as_api() for tool in self.tools],
            "sampling": asdict(self.sampling),
        }

    def with_turns(self, *messages: Message) -> Prompt:
        """The same prompt with further messages at its end."""
        return replace(self, messages=(*self.messages, *messages))


@dataclass(frozen=True)
class Usage:
    """Tokens as billed; None where the service did not say."""

    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True)
class Reply:
    """What a model said. `text` is safe to show as text; `raw` is what came; `data` satisfies the schema.

    first_token_ms and latency_ms: milliseconds from sending the request. logprobs: one (token, ln p) a token.
    """

    text: str
    raw: str
    model: str
    fingerprint: str = ""
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    data: Any = None
    usage: Usage = field(default_factory=Usage)
    first_token_ms: float | None = None
    latency_ms: float = 0.0
    logprobs: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    call_id: str = ""

    @property
    def rehearsal(self) -> bool:
        return self.fingerprint == "rehearsal"


def prompt_from_json(stored: Mapping[str, Any], *, template: str, version: str, model: str) -> Prompt:
    """The Prompt whose `as_json` gave `stored`."""
    schema, tools = stored["schema"], stored["tools"]
    return Prompt(
        messages=tuple(_message(wire) for wire in stored["messages"]),
        template=template,
        version=version,
        schema=Schema(schema["name"], schema["body"]) if schema else None,
        tools=tuple(Tool(**tool["function"]) for tool in tools),
        sampling=Sampling(**stored["sampling"]),
        model=model,
    )


def _message(wire: Mapping[str, Any]) -> Message:
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in wire.get("tool_calls", ())
    )
    return Message(wire["role"], wire["content"], calls, wire.get("tool_call_id", ""))


def prompt_hash(prompt: Prompt, model: str) -> str:
    """sha256 (hex) of the RFC 8785 form of the whole request: the model asked for, and Prompt.as_json."""
    return hashlib.sha256(rfc8785.dumps({"model": model, **prompt.as_json()})).hexdigest()


def estimate_tokens(texts: Sequence[str]) -> int:
    """A cautious guess: one token per 3.5 characters and four for each message's frame.

    >>> estimate_tokens(["abcdefg", ""])
    10
    """
    return sum(int(-(-len(text) // CHARACTERS_PER_TOKEN)) + 4 for text in texts)
