"""The reference page of the protocol names every field, stage kind and question kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from study.protocol import Protocol
from study.protocol.types import Question
from study.protocol.yaml import MAX_DEPTH, MAX_VALUES
from study.stages import configs

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "protocol.md").read_text(
    encoding="utf-8"
)
NAMED = set(re.findall(r"`([a-z_-]+)`", PAGE))
KINDS = [
    getattr(configs, name).model_fields["kind"].default for name in dir(configs) if name.endswith("Stage")
]


@pytest.mark.parametrize("field", Protocol.model_fields)
def test_every_field_of_a_protocol_has_its_line(field: str) -> None:
    assert field in NAMED


@pytest.mark.parametrize("kind", [kind for kind in KINDS if isinstance(kind, str)])
def test_every_shipped_stage_kind_has_its_line(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE


@pytest.mark.parametrize("kind", get_args(Question.model_fields["kind"].annotation))
def test_every_kind_of_question_is_named(kind: str) -> None:
    assert kind in NAMED


def test_the_limits_are_those_of_the_reader() -> None:
    assert f"{MAX_DEPTH} levels or {MAX_VALUES:,} values" in PAGE
