"""The published JSON Schema: valid, current, and of one mind with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from study.protocol import ProtocolError, document, from_canonical, read, shipped
from study.protocol.schema import schema
from study.protocol.yaml import parse
from tests.study.protocol.small import TEXT, small

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "protocol.schema.json"
CHECK = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_published_schema_is_current() -> None:
    current = json.loads(json.dumps(schema()))
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == current, (
        "run: manage.py protocol schema --output docs/reference/protocol.schema.json"
    )


@pytest.mark.parametrize("name", shipped())
def test_shipped_protocols_fit_the_schema_as_written_and_as_frozen(name: str) -> None:
    path = shipped()[name]
    written, _places = parse(path.read_text(encoding="utf-8"))
    assert [error.message for error in CHECK.iter_errors(written)] == []
    assert [error.message for error in CHECK.iter_errors(document(read(path)))] == []


def test_every_field_says_what_it_holds_and_no_other_is_allowed() -> None:
    for name, part in schema()["$defs"].items():
        if part.get("type") == "object" and "properties" in part and name != "Options":
            assert part["additionalProperties"] is False, name


def _put(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    here: Any = content
    *above, last = path.split("/")
    for part in above:
        here = here[int(part)] if isinstance(here, list) else here[part]
    here[int(last) if isinstance(here, list) else last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("heed", 2), ("version", 1.0), ("title", 7), ("title", {"EN": "A"}), ("arms", []), ("arms/0/weight", 0),
        ("arms/0/advice", "yes"), ("paradigm", "three-stage"), ("items/0/id", "No Id"), ("items/0/kind", "open"),
        ("items/0/truth", None), ("items/0/unknown", 1), ("flow/2/kind", "trails"), ("flow/0/unknown", 1),
        ("flow/2/questions/0/points", 99), ("sample/target", 1), ("plan/models/0/family", "gamma"),
        ("items/0/options", {"No Id": "A", "b": "B"}), ("scales/0/items", []),
    ],
)  # fmt: skip
def test_what_the_schema_refuses_the_reader_refuses(path: str, value: Any) -> None:
    content = _put(document(small()), path, value)
    assert list(CHECK.iter_errors(content))
    with pytest.raises(ProtocolError):
        from_canonical(content)


def test_items_of_a_file_of_their_own_fit_the_schema() -> None:
    written, _places = parse(TEXT)
    assert not list(CHECK.iter_errors(written | {"items": {"file": "items.csv"}}))
    assert list(CHECK.iter_errors(written | {"items": {"file": "../items.csv"}}))
