"""What each kind of phrasing may change, and the words by which the model is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llm.confidence import PHRASES
from study.phrasing.models import Kind

MARK = "{probability}"
"""Where a numeric phrase holds the item's own number; the number itself is in no prompt."""
FURTHEST = 10.0
"""Percentage points by which a phrase's number may differ from the item's probability."""


@dataclass(frozen=True)
class Style:
    """placement: where the phrase goes; `whole` where the answer is rewritten and only its claims stay."""

    placement: Literal["plain", "prefix", "suffix", "whole"]
    told: str = ""


STYLES: Mapping[str, Style] = {
    Kind.PLAIN: Style("plain"),
    Kind.FIRST: Style(
        "prefix",
        "Put one short phrase in front by which the speaker, as I, is unsure of the answer. No number.",
    ),
    Kind.GENERAL: Style(
        "prefix",
        "Put one short phrase in front by which the answer is uncertain without anybody being named as unsure:"
        " no I, we or my. No number.",
    ),
    Kind.STRENGTHENED: Style(
        "whole",
        "Rewrite the answer so that it sounds completely sure. Claim exactly what it claims: add no fact, drop"
        " none, change no number.",
    ),
    Kind.NUMERIC: Style(
        "suffix",
        f"Put one short sentence behind, in which the speaker, as I, is about {MARK} % sure. Write {MARK} as it"
        " stands here; give no number yourself.",
    ),
    Kind.VERBAL: Style(
        "prefix",
        "Put one short phrase in front that holds exactly the words given as `words`. No number.",
    ),
}
PHRASED = [kind for kind in Kind if kind != Kind.PLAIN]


def phrase_for(probability: float) -> str:
    """The words whose median reading is nearest to a probability in percent; '' where none is near.

    >>> phrase_for(61), phrase_for(20)
    ('better than even', '')
    """
    words, median = min(PHRASES.items(), key=lambda pair: abs(pair[1] - probability))
    return words if abs(median - probability) <= FURTHEST else ""
