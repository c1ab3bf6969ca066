"""Replies that must be JSON of a given shape: reading, checking, and asking once more."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from llm.errors import BadReply
from llm.prompts import Message, Prompt, Schema
from llm.sanitise import clean

FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
QUOTED_BACK = 4000  # characters of a failed reply that are shown to the model again
DEEPEST = 64  # levels of nesting; a registered schema needs fewer than ten


def parse(raw: str, schema: Schema) -> Any:
    """The JSON value in `raw`, checked against `schema`, its texts cleaned for display.

    A code fence around the JSON is allowed. Raises BadReply: `malformed` (no JSON), `schema` (wrong JSON).
    """
    value = _load(raw)
    problem = best_match(Draft202012Validator(dict(schema.body)).iter_errors(value))
    if problem is not None:
        raise BadReply("schema", f"{problem.json_path}: {problem.message}"[:500])
    return _clean(value)


def repair(prompt: Prompt, raw: str, problem: BadReply) -> Prompt:
    """The prompt that shows the model its reply and what is wrong with it, and asks for the JSON again."""
    return prompt.with_turns(
        Message("assistant", clean(raw, QUOTED_BACK) or "(nothing)"),
        Message(
            "user",
            f"This reply cannot be used: {clean(problem.detail, 500)}\n"
            "Answer again with the JSON alone, satisfying the schema, without any other text.",
        ),
    )


def _load(raw: str) -> Any:
    fenced = FENCED.match(raw)
    try:
        value = json.loads(fenced[1] if fenced else raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadReply("malformed", f"not JSON: {error}") from error
    if _depth(value) > DEEPEST:
        raise BadReply("malformed", f"nested deeper than {DEEPEST} levels")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(value: Any, level: int = 0) -> int:
    """How deep `value` is nested, not looking further than one past the limit."""
    if level > DEEPEST or not isinstance(value, dict | list):
        return level
    children = value.values() if isinstance(value, dict) else value
    return max((_depth(child, level + 1) for child in children), default=level)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _clean(item) for key, item in value.items()}
    return value
