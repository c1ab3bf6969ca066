"""How a persona talks with the interviewer: its answers are drawn from the value it holds, its ways are seeded.

Most go through the interview; a known few take the form from the start, meet a model that is away, or never find the
words and reach the hard end. The interviewer knows only what is said to it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import numpy as np

from elicitation.stages.card import TO_CARD, TO_FORM
from elicitation.values.cards import Card

TALKS, FORM, AWAY, WORDLESS = "talks", "form", "away", "wordless"
SHARES = {TALKS: 0.90, FORM: 0.05, AWAY: 0.02, WORDLESS: 0.03}
VAGUE, VAIN = 0.3, 0.15  # who says a thing less well than they hold it; who names a mere means at first
BAD_LINE = "(The line to this page is bad tonight.)"  # those who say this are answered by nobody
FLATTERY = "compliments that I get afterwards"
TURN = re.compile(r'<li class="model-turn">(.*?)</li>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
OFFER, CRITICISM, UNANSWERED = 'id="offer"', "A second reader asks:", 'data-outcome="fallback"'
MOST_UNANSWERED = 2


@dataclass
class Talker:
    """One persona in conversation. `card` is the value it holds; `seed` fixes its way and its wording."""

    card: Card
    seed: list[int]
    pieces: list[str] = field(init=False)
    way: str = field(init=False)
    looked: bool = False
    yielded: bool = False

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.way = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        self.pieces = [lower(policy) for policy in self.card.policies]
        if rng.random() < VAGUE:
            self.pieces[-1] = " ".join(self.pieces[-1].split()[:4])
        if rng.random() < VAIN:
            self.pieces.append(f"{FLATTERY}, in order to be liked")

    def answer(self, page: str, *, may_speak: bool) -> dict[str, str]:
        """The fields `message` and `leave` for the conversation as the page shows it."""
        offered = OFFER in page
        if self.way == FORM or not may_speak or page.count(UNANSWERED) >= MOST_UNANSWERED:
            return {"message": "", "leave": TO_CARD if offered else TO_FORM}
        if offered and (CRITICISM not in page or (self.yielded and self.resolved(page))):
            return {"message": "", "leave": TO_CARD}
        return {"message": self.say(page), "leave": ""}

    def resolved(self, page: str) -> bool:
        """Is the card on the page free of what this person let go of?"""
        return FLATTERY.casefold() not in html.unescape(page).partition(OFFER)[2].casefold()

    def looks_again(self, page: str) -> bool:
        """Once after an offer: whoever takes a moment to read it sees what the second reader asks."""
        again = OFFER in page and CRITICISM not in page and not self.looked
        self.looked = again or self.looked
        return again

    def say(self, page: str) -> str:
        """An answer to the last thing that the interviewer said."""
        if self.way == WORDLESS:
            return "I find it hard to put into words. It depends."
        turns = TURN.findall(page)
        asked = html.unescape(TAG.sub(" ", turns[-1])).casefold() if turns else ""
        if CRITICISM in page and not self.yielded:
            self.yielded = True
            return f"That is fair. I would let go of {FLATTERY}."
        return self._said(asked)

    def _said(self, asked: str) -> str:
        if "what happened" in asked:
            line = f" {BAD_LINE}" if self.way == AWAY else ""
            return f"Years ago somebody came to me with something like this, and I stayed with it.{line}"
        if "another way" in asked or "means to" in asked:
            return "Yes. The rest I would still attend to for its own sake, whatever came of it."
        if "would you call" in asked:
            return f"I would call it “{self.card.title}”."
        if "one sentence" in asked:
            return f"I care about this: {self.card.description}"
        if not self.pieces:
            return "No, that is all of it, and I would miss any of these."
        now, self.pieces = self.pieces[:2], self.pieces[2:]
        return f"I look for {'; and for '.join(now)}."


def lower(policy: str) -> str:
    """A policy as one says it.

    >>> lower("SILENCES that should not be filled")
    'silences that should not be filled'
    """
    first, _, rest = policy.partition(" ")
    return f"{first.lower()} {rest}".strip()
