"""Any JSON schema gets a value that satisfies it, so that an unknown task is rehearsed too."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

SENTENCE = "a rehearsal answer stands here where a model would have written one of its own"
WORDS = SENTENCE.split()
DEEPEST = 12


def fill(
    schema: Mapping[str, Any], rng: Random, *, depth: int = 0, root: Mapping[str, Any] | None = None
) -> Any:
    """A value of `schema`: the subset that structured output allows (types, enum, anyOf, $ref, bounds)."""
    root = schema if root is None else root
    schema = resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(list(schema["enum"]))
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return fill(schema[union][0], rng, depth=depth + 1, root=root)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    return _of_kind(kind, schema, rng, depth, root)


def conform(value: Mapping[str, Any], schema: Mapping[str, Any] | None, rng: Random) -> dict[str, Any]:
    """`value` cut to the schema's properties, its missing required ones filled in."""
    if not schema or not schema.get("properties"):
        return dict(value)
    properties = schema["properties"]
    wanted = schema.get("required", list(properties))
    kept = {name: value[name] for name in properties if name in value}
    missing = {name: fill(properties[name], rng, root=schema) for name in wanted if name not in kept}
    return {name: (kept | missing)[name] for name in properties if name in kept or name in missing}


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with its local $ref followed."""
    for _ in range(DEEPEST):
        reference = schema.get("$ref", "")
        if not reference.startswith("#/"):
            return schema
        target: Any = root
        for step in reference[2:].split("/"):
            target = target[step]
        schema = target
    return schema


def _of_kind(kind: str, schema: Mapping[str, Any], rng: Random, depth: int, root: Mapping[str, Any]) -> Any:
    if kind == "object":
        names = schema.get("required", list(schema.get("properties", {})))
        if depth > DEEPEST:
            return {}
        return {name: fill(schema["properties"][name], rng, depth=depth + 1, root=root) for name in names}
    if kind == "array":
        least, most = schema.get("minItems", 1), schema.get("maxItems", 3)
        count = least if depth > DEEPEST else rng.randint(least, max(least, min(most, least + 2)))
        return [fill(schema.get("items", {}), rng, depth=depth + 1, root=root) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(schema, rng, whole=kind == "integer")
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "null":
        return None
    return _text(schema, rng)


def _number(schema: Mapping[str, Any], rng: Random, *, whole: bool) -> float | int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 101) - 1)
    return rng.randint(int(low), int(high)) if whole else round(rng.uniform(low, max(low, high)), 3)


def _text(schema: Mapping[str, Any], rng: Random) -> str:
    start = rng.randrange(len(WORDS))
    text = " ".join((WORDS[start:] + WORDS)[: rng.randint(4, 9)]).capitalize()
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema.get("maxLength", len(text))]
