"""What one text has that another has not, word by word, for people to see at a glance. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

WORDS = re.compile(r"\s+|\S+")


@dataclass(frozen=True)
class Segment:
    """A stretch of text that both have, or that only the new or only the old one has."""

    kind: Literal["same", "new", "gone"]
    text: str


def segments(old: str, new: str) -> list[Segment]:
    """The way from the old text to the new one. The stretches that are not `gone` make up the new text, those that
    are not `new` the old one, letter for letter.

    >>> [(one.kind, one.text) for one in segments("Yes, it rains.", "I think it rains.")]
    [('gone', 'Yes,'), ('new', 'I think'), ('same', ' it rains.')]
    """
    before, after = WORDS.findall(old), WORDS.findall(new)
    found: list[Segment] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Segment("same", "".join(before[i1:i2])))
            continue
        if i1 < i2:
            found.append(Segment("gone", "".join(before[i1:i2])))
        if j1 < j2:
            found.append(Segment("new", "".join(after[j1:j2])))
    return found
