"""A change by form touches its own value and nothing else of the text."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from study.protocol import shipped
from study.protocol.splicing import CannotSplice, put, put_all, remove
from study.protocol.yaml import CONTROL, parse
from tests.factories import PROTOCOLS

TINY = (PROTOCOLS / "tiny.yaml").read_text()
REFERENCE = shipped()["uncertainty-reliance"].read_text()
STYLES = """# a head
plain: word   # said beside
single: 'it''s'
double: "a \\"b\\""
folded: >-
  one long line
  that goes on

# before the block
block: |
    first
      second

number: 3
flow: {a: 1, b: [x, "y"], c: {}}   # kept
empty: []
list:
- one   # first
-   two

# between
- key: v
  other: |-
    text
last: end"""
PATHS: list[tuple[Any, ...]] = [
    ("plain",), ("single",), ("double",), ("folded",), ("block",), ("number",), ("flow", "a"), ("flow", "b", 1),
    ("flow", "b", 2), ("flow", "c", "new"), ("list", 0), ("list", 1), ("list", 2, "key"), ("list", 2, "other"),
    ("list", 2, "more"), ("list", 3), ("last",), ("fresh",), ("fresh", "deep"), ("empty", 0),
]  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not CONTROL.search(text)
)


def as_set(text: str, path: tuple[Any, ...], value: Any) -> Any:
    """What the document should be afterwards, by plain assignment."""
    whole = parse(text)[0]
    here = whole
    for part in path[:-1]:
        here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
    if isinstance(here, list) and path[-1] == len(here):
        here.append(value)
    else:
        here[path[-1]] = value
    return whole


@given(path=st.sampled_from(PATHS), value=WORDS | st.integers(-(10**9), 10**9) | st.booleans())
@example(path=("folded",), value="a: b # c")
@example(path=("block",), value="  indented\n\n\n")
@example(path=("flow", "a"), value="- no, [it] {is} not: #")
@example(path=("list", 2, "other"), value="'\"\\ \u2028 \U0001f9ea")
@example(path=("list", 3), value="\x85")
@example(path=("flow", "b", 2), value="\u2029 and \U0001f9ea")
@settings(max_examples=250, deadline=None)
def test_any_value_reads_back_and_comments_stay(path: tuple[Any, ...], value: Any) -> None:
    changed = put(STYLES, path, value)
    assert parse(changed)[0] == as_set(STYLES, path, value)
    for comment in ["# a head", "# before the block", "# kept", "# between"]:
        assert comment in changed


def touched(old: str, new: str) -> list[str]:
    """Lines that went or came."""
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "-+"]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (("sample", "target"), 24, ["-   target: 12", "+   target: 24"]),
        (("title",), "A: new title", ["- title: A tiny study of advice", "+ title: 'A: new title'"]),
        (("items", 1, "correction"), "Whales suckle.", ["-     correction: Whales are mammals.", "+     correction: Whales suckle."]),
        (("sample", "power_target"), 0.9, ["+   power_target: 0.9"]),
    ],
)  # fmt: skip
def test_only_the_lines_of_the_value_change(path: tuple[Any, ...], value: Any, lines: list[str]) -> None:
    assert touched(TINY, put(TINY, path, value)) == lines


def test_entries_are_written_as_their_neighbours_are() -> None:
    arms = parse(TINY)[0]["arms"]
    added = put(TINY, ("arms", len(arms)), {"id": "extra", "label": "One more", "advice": False})
    assert touched(TINY, added) == ["+   - {id: extra, label: One more, advice: false}"]
    assert remove(added, ("arms", len(arms))) == TINY


def test_every_item_of_the_reference_study_can_be_taken_out_and_changed() -> None:
    for number, item in enumerate(parse(REFERENCE)[0]["items"]):
        less = parse(remove(REFERENCE, ("items", number)))[0]["items"]
        assert item["id"] not in [left["id"] for left in less]
    changes = [(("items", n, "question"), f"Question {n}: is it so?") for n in range(4)]
    changed = put_all(REFERENCE, changes)
    assert len(touched(REFERENCE, changed)) >= 8
    assert [i["question"] for i in parse(changed)[0]["items"]][:4] == [value for _, value in changes]


@pytest.mark.parametrize(
    ("path"), [("items", 99, "question"), ("items", -1), ("title", "deeper"), ("items", 0, 3), ("new", 5)]
)
def test_a_place_that_cannot_be_is_refused(path: tuple[Any, ...]) -> None:
    with pytest.raises(CannotSplice):
        put(TINY, path, "x")
    with pytest.raises(CannotSplice):
        remove(TINY, path)
