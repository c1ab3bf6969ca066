"""Prompts, and a call followed to its end the way a page follows it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llm import calls, streams, worker
from llm.models import Call
from llm.prompts import Message, Prompt, Schema

DRAFT = Schema(
    "drafted_answer",
    {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "claims": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "claims"],
        "additionalProperties": False,
    },
)


def prompt(
    text: str = "Is water wet?", *, schema: Schema | None = None, task: str = "test.question"
) -> Prompt:
    return Prompt((Message("system", f"Task: {task}\nAnswer."), Message("user", text)), task, schema=schema)


def ask(key: str = "k", **options: Any) -> Call:
    """A call as an action asks for it."""
    options = {"purpose": "test.question", "deadline": 30, "fallback": "The registered fallback.", **options}
    return calls.request(options.pop("prompt", None) or prompt(), key=key, **options)


def carried_out(call: Call) -> Call:
    """The call after a worker has done what it can."""
    return worker.drive(call.pk)


def events_of(call: Call, last_id: str = "") -> list[bytes]:
    """Everything that a page receives from now to the end."""

    async def read() -> list[bytes]:
        return [piece async for piece in streams.events(call.pk, calls.look, last_id)]

    def run() -> list[bytes]:
        return asyncio.run(asyncio.wait_for(read(), 30))

    with ThreadPoolExecutor(
        1
    ) as pool:  # a browser test of the same process may have left a loop in this thread
        return pool.submit(run).result()


def shown(events: list[bytes]) -> tuple[str, str]:
    """What a page has on the screen after `events`, and the outcome; the script's rules in Python."""
    text, outcome = "", ""
    for raw in events:
        lines = raw.decode().strip("\n").split("\n")
        name = next((line[7:] for line in lines if line.startswith("event: ")), "")
        data = "\n".join(line[6:] for line in lines if line.startswith("data: "))
        if name == "end":
            outcome = data
        elif name == "restart":
            text = ""
        elif name == "replace":
            text = data
        elif any(line.startswith("data: ") for line in lines):
            text += data
    return text, outcome
