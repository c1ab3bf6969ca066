"""An arm whose answers sound as sure as the AI is: the phrase is chosen from a declared table by its probability."""

from __future__ import annotations

from typing import Any

import pytest

from study.evidence import verify
from study.protocol import Protocol, ProtocolError, document, from_canonical, lint, stimulus
from tests.study.protocol.small import small

TABLE = [
    {"least": 90, "text": "Almost certainly,"},
    {"least": 65, "text": "Probably,"},
    {"least": 50, "text": "It is close, but rather so than not:"},
]
SURE = {"one": 95.0, "two": 90.0, "three": 65.5, "four": 50.0}
SAYS = {"one": 0, "two": 0, "three": 1, "four": 2}


def calibrated(table: Any = None, sure: dict[str, float | None] | None = None) -> Protocol:
    """The small protocol with a third arm that says how sure the AI is."""
    content = document(small())
    phrasing = content["phrasings"][0] | {"id": "calibrated", "text": ""} | {"by_probability": table or TABLE}
    content["phrasings"].append(phrasing)
    arm = {"id": "calibrated", "label": "Calibrated", "phrasing": "calibrated"}
    content["arms"].append(arm | {"hedged": {"count": "all", "balance": []}})
    for item in content["items"]:
        item["advice"]["probability"] = (sure or SURE)[item["id"]]
    return from_canonical(content)


@pytest.mark.parametrize("item", SURE)
def test_each_item_carries_the_phrase_of_the_highest_step_it_reaches(item: str) -> None:
    protocol = calibrated()
    arm, asked = protocol.arms_by_id["calibrated"], protocol.items_by_id[item]
    shown = stimulus(protocol, asked, arm, hedged=True)
    assert shown.phrase == TABLE[SAYS[item]]["text"]
    assert asked.advice is not None
    assert shown.text == f"{shown.phrase} {asked.advice.body}"
    frozen = document(protocol)
    raw = {part["id"]: part for part in [*frozen["items"], *frozen["arms"]]}
    assert verify.stimulus(frozen, raw[item], raw["calibrated"], True, "en") == ("calibrated", shown.text)


@pytest.mark.parametrize(
    ("table", "sure", "message"),
    [
        (None, SURE | {"four": 49.9}, "no step is low enough"),
        (None, SURE | {"four": None}, "no step is low enough"),
        ([*TABLE, {"least": 65, "text": "Likely,"}], None, "'65' is used twice"),
    ],
)
def test_a_table_that_leaves_an_item_without_one_phrase_is_refused(
    table: Any, sure: Any, message: str
) -> None:
    with pytest.raises(ProtocolError, match=message):
        calibrated(table, sure)


def test_words_without_an_agreed_number_get_none() -> None:
    table = [TABLE[0], TABLE[1], {"least": 50, "text": "I'm not sure, but"}]
    assert "hedge-with-number" in {finding.code for finding in lint(calibrated(table))}
    assert "hedge-with-number" not in {finding.code for finding in lint(calibrated())}


def test_a_document_without_a_table_is_frozen_without_the_field() -> None:
    assert "by_probability" not in document(small())["phrasings"][0]
