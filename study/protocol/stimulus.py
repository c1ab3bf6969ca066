"""The exact words of the AI that a participant reads on one item.

The arm changes only the phrase; the body is the item's own, byte for byte, in every arm. A phrase put before
the body replaces its lead ('Yes, …' becomes 'I'm not sure, but my guess is …'). Only where a phrasing gives the whole
answer of an item, rewritten (`answers`), that is shown instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from study.protocol.types import UNSURE, Arm, Item, Phrasing, Protocol

MARK = "{phrase}"
"""Where a body holds an inline phrase; taken out where there is none."""


@dataclass(frozen=True)
class Stimulus:
    """Item × arm as shown. `text` is `lead` or `phrase` joined with `body`; unused ones are ''."""

    text: str
    phrase: str
    phrasing_id: str
    body: str
    lead: str

    @property
    def sha256(self) -> str:
        """Hash of the text, stored with every trial."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def stimulus(protocol: Protocol, item: Item, arm: Arm, hedged: bool, language: str = "") -> Stimulus:
    """The AI's answer to `item` as `arm` shows it; `hedged` says whether the item has the role of carrying a
    phrase.

    An answer that is itself 'unsure' carries none, whatever its role: it has nothing to be unsure about.
    Raises ValueError where nothing is shown: the arm has no advice, or the item has none.
    """
    if not arm.advice or item.advice is None:
        raise ValueError(f"arm '{arm.id}' shows no AI answer to item '{item.id}'")
    phrasing = protocol.phrasings_by_id["plain"]
    if hedged and item.advice.answer != UNSURE:
        phrasing = protocol.phrasings_by_id[arm.phrasing]
    if (whole := (phrasing.answers or {}).get(item.id)) is not None:
        words = protocol.say(whole, language)
        return Stimulus(text=words, phrase="", phrasing_id=phrasing.id, body=words, lead="")
    phrase = protocol.say(phrasing.phrase_of(item), language)
    if phrasing.placement == "numeric":
        phrase = phrase.replace("{probability}", _percent(item))
    lead = protocol.say(item.advice.lead, language)
    return _joined(phrasing, phrase, lead, protocol.say(item.advice.body, language))


def _joined(phrasing: Phrasing, phrase: str, lead: str, body: str) -> Stimulus:
    inline = phrasing.placement == "inline" and phrase
    body_shown = body.replace(MARK, phrase) if inline else body.replace(MARK + " ", "").replace(MARK, "")
    if phrase and phrasing.placement == "prefix":
        lead = ""
    before = phrase if phrasing.placement == "prefix" else ""
    after = phrase if phrasing.placement in ("suffix", "numeric") else ""
    text = " ".join(part for part in (before, lead, body_shown, after) if part)
    return Stimulus(text=text, phrase=phrase, phrasing_id=phrasing.id, body=body, lead=lead)


def _percent(item: Item) -> str:
    """The AI's own probability in percent, as the item states it."""
    number = item.advice.probability if item.advice else None
    if number is None:
        raise ValueError(f"item '{item.id}' has no advice.probability for a numeric phrasing")
    return f"{number:g}"
