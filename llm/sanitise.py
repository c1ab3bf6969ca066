"""Model and participant text made harmless to show: what could move, hide or break other text is taken out.

HTML is left as it is: escaping belongs to the page, and `<b>` in an answer is part of what was said.
"""

from __future__ import annotations

import re
import unicodedata

MARKS_IN_A_ROW = (
    4  # more combining marks than any orthography stacks; the rest climbs over the neighbouring lines
)
REMOVED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u200b\u2060-\u2064\ufeff"  # invisible: zero-width space, word joiner and operators, byte order mark
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directional marks, embeddings, overrides and isolates
    "\u206a-\u206f\ufff0-\ufffb\ufffe\uffff"  # deprecated format characters, annotations, non-characters
    "\U000e0000-\U000e0fff"  # tags: a hidden second alphabet
    "\ud800-\udfff]"  # halves of surrogate pairs
)


class Cleaner:
    """Cleans a text that arrives in pieces: the joined output is what `clean` gives for the joined input."""

    def __init__(self, limit: int | None = None) -> None:
        self.removed = 0
        self._left = limit
        self._marks = 0

    def feed(self, piece: str) -> str:
        """The part of `piece` that may be shown; what is removed is counted in `removed`."""
        kept = REMOVED.sub("", piece.replace("\u2028", "\n").replace("\u2029", "\n"))
        if not kept.isascii():
            kept = "".join(letter for letter in kept if self._keeps(letter))
        else:
            self._marks = 0 if kept else self._marks
        if self._left is not None:
            kept = kept[: self._left]
            self._left -= len(kept)
        self.removed += len(piece) - len(kept)
        return kept

    def _keeps(self, letter: str) -> bool:
        self._marks = self._marks + 1 if unicodedata.combining(letter) else 0
        return self._marks <= MARKS_IN_A_ROW


def clean(text: str, limit: int | None = None) -> str:
    r"""`text` without what a page must not show, at most `limit` characters.

    >>> clean("fine\x00\u202etxt.exe\r\n<b>")
    'finetxt.exe\n<b>'
    """
    return Cleaner(limit).feed(text)
