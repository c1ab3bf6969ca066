"""Judging values cards: the critic of one card, and whether two cards say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llm.rehearsal_model.embeddings import embed
from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script

SAME = 0.62  # cosine of the attention policies above which two cards count as the same
RUBRIC = ("captured", "attention", "serves", "oversight", "granularity")  # all must hold for one value
PERSONAL = ("my name", "@", "i live at", "phone")
MEANS_TO_AN_END = ("in order to", "so that i get", "to win", "to get rich", "to be liked")


@script("elicitation.card_check", "card_check")
def check_card(request: Request) -> Answer:
    """Whether the card in the last message may stand, and what is wrong with it."""
    card = next((item for item in request.objects() if "title" in item), {})
    criticism = list(_criticism(card))
    return Answer(
        data={"ok": not criticism, "passed": not criticism, "criticism": criticism, "problems": criticism}
    )


@script("elicitation.same_value", "same_value")
def same_value(request: Request) -> Answer:
    """Same only if the policies say the same; an equal title alone is a homonym."""
    offered = [
        item for whole in request.objects() for item in (whole, whole.get("first"), whole.get("second"))
    ]
    cards = [item for item in offered if isinstance(item, dict) and ("title" in item or "policies" in item)]
    if len(cards) < 2:
        return Answer(data={"same": False, "reason": "Two cards are needed.", **dict.fromkeys(RUBRIC, False)})
    cosine = float(np.dot(embed(_policies(cards[0])), embed(_policies(cards[1]))))
    same = cosine >= SAME
    reason = "Both attend to the same things." if same else "They attend to different things in practice."
    verdict = "same" if same else "different"
    return Answer(data={"same": same, "verdict": verdict, "reason": reason, **dict.fromkeys(RUBRIC, same)})


def _criticism(card: Mapping[str, Any]) -> list[str]:
    policies = card.get("policies") or []
    text = f"{card.get('title', '')} {card.get('description', '')} {_policies(card)}".lower()
    found = []
    if not 3 <= len(policies) <= 7:
        found.append("A card has three to seven things to attend to.")
    if not 1 <= len(str(card.get("title", "")).split()) <= 6:
        found.append("The title should have two to six words.")
    if any(word in text for word in PERSONAL):
        found.append("The card contains personal details.")
    if any(word in text for word in MEANS_TO_AN_END):
        found.append("This is a means to an end: what would you still attend to if there were another way?")
    return found


def _policies(card: Mapping[str, Any]) -> str:
    policies = card.get("policies") or card.get("attention_policies") or [card.get("description", "")]
    return " ".join(str(policy) for policy in policies)
