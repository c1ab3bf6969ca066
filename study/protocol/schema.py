"""The published JSON Schema of a protocol: what an editor checks while one is being written."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from study.protocol.flow import configurations
from study.protocol.item_table import ItemTable
from study.protocol.types import Protocol

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a protocol as it is written and as it is frozen, with every known stage kind."""
    stages = configurations()
    models: list[type[BaseModel]] = [Protocol, ItemTable, *stages.values()]
    names, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    parts = definitions["$defs"]
    body = parts.pop("Protocol")
    refs = {kind: names[config, "validation"]["$ref"] for kind, config in stages.items()}
    for kind, ref in refs.items():
        stage = parts[ref.rsplit("/", 1)[1]]
        stage["required"] = sorted({*stage.get("required", []), "kind"})
        stage["properties"]["kind"] = {"const": kind}
    body["properties"]["flow"]["items"] = {"oneOf": [{"$ref": ref} for ref in refs.values()]}
    body["properties"]["items"] = _either_table(
        body["properties"]["items"], names[ItemTable, "validation"]["$ref"]
    )
    whole = {"$schema": DIALECT, **body, "title": "Heed protocol", "$defs": parts}
    text = deepcopy(parts["Item"]["properties"]["question"]["oneOf"])
    _tidy(whole, text)
    _tidy(text, [])
    parts["Text"] = {"description": "a text, or one text per language", "oneOf": text}
    parts["Options"] = _options()
    return whole


def _either_table(listed: dict[str, Any], table: str) -> dict[str, Any]:
    """`items` is a list of items or names a CSV that holds them."""
    keep = {key: value for key, value in listed.items() if key in ("default", "title")}
    rest = {key: value for key, value in listed.items() if key not in keep}
    return keep | {"anyOf": [rest, {"$ref": table}]}


def _tidy(node: Any, text: list[Any]) -> None:
    """Name what is repeated (texts, options), and refuse keys that match no pattern, as reading does."""
    if isinstance(node, list):
        for entry in node:
            _tidy(entry, text)
    if not isinstance(node, dict):
        return
    if node.get("title") == "Options" and "patternProperties" in node:
        for key in ("patternProperties", "type", "maxProperties"):
            node.pop(key, None)
        node["$ref"] = "#/$defs/Options"
    if node.get("oneOf") == text:
        node.pop("oneOf")
        node["$ref"] = "#/$defs/Text"
    if "patternProperties" in node:
        node["additionalProperties"] = False
    for entry in node.values():
        _tidy(entry, text)


def _options() -> dict[str, Any]:
    """Options as they are written (a mapping), or as they are frozen (a list, which keeps their order)."""
    name, label = {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$"}, {"$ref": "#/$defs/Text"}
    entry = {"type": "object", "properties": {"id": name, "label": label}, "required": ["id", "label"]}
    written = {"type": "object", "patternProperties": {name["pattern"]: label}, "additionalProperties": False}
    return {
        "description": "answer id to label, in the order shown",
        "anyOf": [written | {"maxProperties": 50}, {"type": "array", "maxItems": 50, "items": entry}],
    }
