"""A conversation with a model, turn by turn. The history belongs to the caller; the records are the calls.

A turn is a call whose key is conversation and turn number, so that a second click, a reload or a second tab is the
same turn. Past the last allowed turn there is no call.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from llm import calls
from llm.identifiers import mask
from llm.models import Call
from llm.prompts import Message, Prompt, Sampling, Schema, Tool, estimate_tokens
from llm.sanitise import clean


class Ended(Exception):
    """The conversation has had all its turns."""


@dataclass(frozen=True)
class Limits:
    """history_tokens: what is sent of the past; reply_tokens: the longest answer; turns: the hard stop;
    message_chars: the longest message of a person (the rest is cut)."""

    history_tokens: int = 6000
    reply_tokens: int = 400
    turns: int = 12
    message_chars: int = 4000


def say(
    *,
    conversation: str,
    turn: int,
    system: str,
    history: Sequence[Message],
    message: str,
    template: str,
    version: str,
    purpose: str,
    tools: Sequence[Tool] = (),
    schema: Schema | None = None,
    limits: Limits | None = None,
    sampling: Sampling | None = None,
    study: uuid.UUID | None = None,
    participant: str = "",
    streamed: bool = True,
    deadline: float | None = None,
    fallback: str = "",
) -> Call:
    """Ask for the model's turn after `message` (number `turn`, counted from 1). Raises Ended past the last turn."""
    limits = limits or Limits()
    if turn > limits.turns:
        raise Ended(f"conversation {conversation} ended after {limits.turns} turns")
    prompt = build(
        system=system,
        history=history,
        message=message,
        template=template,
        version=version,
        tools=tools,
        schema=schema,
        limits=limits,
        sampling=sampling or Sampling(temperature=0.7, seed=turn),
    )
    return calls.request(
        prompt,
        key=f"chat:{conversation}:{turn}",
        purpose=purpose,
        study=study,
        participant=participant,
        streamed=streamed,
        deadline=deadline,
        fallback=fallback,
    )


def build(
    *,
    system: str,
    history: Sequence[Message],
    message: str,
    template: str,
    version: str,
    limits: Limits,
    sampling: Sampling,
    tools: Sequence[Tool] = (),
    schema: Schema | None = None,
) -> Prompt:
    """The prompt of one turn: the system text, as much of the recent history as fits, and the cleaned message."""
    said = Message("user", prepare(message, limits))
    first = Message("system", system)
    room = limits.history_tokens - estimate_tokens([first.content, said.content])
    return Prompt(
        messages=(first, *recent(history, room), said),
        template=template,
        version=version,
        schema=schema,
        tools=tuple(tools),
        sampling=Sampling(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            max_tokens=limits.reply_tokens,
            logprobs=sampling.logprobs,
        ),
    )


def prepare(message: str, limits: Limits) -> str:
    """A person's message as it enters a prompt: cleaned, cut, identifiers masked, never empty."""
    return mask(clean(message, limits.message_chars)).strip() or "(nothing)"


def recent(history: Sequence[Message], tokens: int) -> tuple[Message, ...]:
    """The longest end of `history` that fits into `tokens` and does not begin with a tool's answer."""
    kept: list[Message] = []
    for message in reversed(history):
        tokens -= estimate_tokens([message.content, *(call.arguments for call in message.tool_calls)])
        if tokens < 0:
            break
        kept.append(message)
    while kept and kept[-1].role == "tool":
        kept.pop()
    return tuple(reversed(kept))
