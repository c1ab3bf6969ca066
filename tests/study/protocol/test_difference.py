"""What an amendment changed is computed, named by id, and complete."""

from __future__ import annotations

import json
from typing import Any

from study.protocol import difference, document, from_canonical
from tests.study.protocol.small import small, with_parts


def _changed(**parts: Any) -> list[Any]:
    return difference(small(), with_parts(**parts))


def test_equal_protocols_do_not_differ() -> None:
    assert difference(small(), small()) == []


def test_a_changed_value_is_named_with_both_sides() -> None:
    assert _changed(version="1.1") == [{"path": "version", "old": "1.0", "new": "1.1", "kind": "changed"}]


def test_an_entry_is_found_by_its_id_and_not_by_its_place() -> None:
    items = document(small())["items"]
    items[2]["correction"] = "It is not."
    assert _changed(items=items) == [
        {"path": "items[three].correction", "old": "It is not so.", "new": "It is not.", "kind": "changed"}
    ]
    assert [(c["path"], c["kind"]) for c in _changed(items=items[1:])] == [
        ("items[one]", "removed"),
        ("items[three].correction", "changed"),
    ]


def test_added_removed_and_moved_entries_are_said_apart() -> None:
    items = document(small())["items"]
    assert [(c["path"], c["kind"]) for c in _changed(items=[*items, items[0] | {"id": "five"}])] == [
        ("items[five]", "added")
    ]
    assert _changed(items=items[::-1])[0] == {
        "path": "items",
        "old": ["one", "two", "three", "four"],
        "new": ["four", "three", "two", "one"],
        "kind": "moved",
    }


def test_options_in_another_order_are_a_difference() -> None:
    items = document(small())["items"]
    items[0]["options"].reverse()
    assert [(c["path"], c["kind"]) for c in _changed(items=items)] == [("items[one].options", "moved")]


def test_true_is_not_one() -> None:
    protocol = with_parts(plan=document(small())["plan"])
    content = document(protocol)
    content["items"][0]["tags"] = {"kind": True}
    other = from_canonical(content)
    content["items"][0]["tags"] = {"kind": 1}
    assert [c["path"] for c in difference(other, from_canonical(content))] == ["items[one].tags.kind"]


def test_a_difference_can_be_stored_as_json() -> None:
    changes = _changed(version="2", sample=document(small())["sample"] | {"target": 44})
    assert json.loads(json.dumps(changes)) == changes
    assert [c["path"] for c in changes] == ["version", "sample.target"]
