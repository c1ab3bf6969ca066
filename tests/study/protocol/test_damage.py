"""Any damage to a text ends in a protocol that can be judged and frozen, or in named problems: never in a crash."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml as pyyaml

from study.protocol import Problem, ProtocolError, canonical, lint, read
from study.protocol.yaml import parse
from tests.study.protocol.small import TEXT

BITS = [
    ":", "- ", "[", "]", "{", "}", "'", '"', "\n", "  ", "#", "&a", "*a", "!x", "|", ">", "%", "@", "`", "?", "null",
    "true", "1e999", "-", "\t", "\x00", "é", "\u2028", ", ", "<<: ", "\ud83d", "---\n",
]  # fmt: skip


def _damaged(rng: random.Random) -> str:
    """The text with one to three passages cut, put in, or repeated elsewhere."""
    text = TEXT
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(text))
        other = rng.randrange(len(text))
        text = rng.choice(
            [
                text[:place] + text[place + rng.randint(1, 12) :],
                text[:place] + rng.choice(BITS) + text[place:],
                text[:place] + text[other : other + rng.randint(1, 80)] + text[place:],
            ]
        )
    return text


def _problems(text: str) -> list[Problem]:
    """What reading says; [] for a protocol, which is then judged and frozen."""
    try:
        protocol = read(text)
    except ProtocolError as error:
        return error.problems
    lint(protocol)
    canonical(protocol)
    return []


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_named_and_never_crashes(seed: int) -> None:
    rng = random.Random(seed)
    outcomes = [_problems(_damaged(rng)) for _ in range(30)]
    assert any(outcomes), "thirty damaged texts and not one problem"
    for problems in outcomes:
        for problem in problems:
            assert problem.message
            assert problem.line >= 1, problem


def _value(text: str) -> tuple[Any, Any] | None:
    try:
        return parse(text)
    except ProtocolError:
        return None


def test_the_quick_parser_reads_what_the_plain_one_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are equal wherever both accept, and what PyYAML accepts is never refused."""
    rng = random.Random(3)
    texts = [_damaged(rng) for _ in range(150)]
    found = [_value(text) for text in texts]
    monkeypatch.setattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
    plain = [_value(text) for text in texts]
    assert sum(one is not None for one in plain) > 20
    assert [repr(one[0]) if one else None for one in plain] == [
        repr(one[0]) if one and other else None for one, other in zip(found, plain, strict=True)
    ]
    lines = [(one[1], other[1]) for one, other in zip(found, plain, strict=True) if one and other]
    assert all(one == other for one, other in lines)
