"""Any damage to a text ends in a protocol that can be judged and frozen, or in named problems: never in a crash."""

from __future__ import annotations

import random

import pytest

from study.protocol import Problem, ProtocolError, canonical, lint, read
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
