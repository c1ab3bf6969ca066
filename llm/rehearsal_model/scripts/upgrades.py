"""Upgrades: which value deepens which in a context, and the story of someone who moved."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script

REASONS = ("only part of the problem", "impure motive", "a more skilful thing to attend to")
STORY = (
    "When {context}, I used to go by {old}. I looked for {old_policy}, and for a while that seemed enough."
    " But I grew uneasy: what I did helped less than I hoped, and I could not say why. Then I began to"
    " notice {new_policy}. That was what I had been trying to do all along. Now I live by {new}, and what"
    " {old} asked of me happens on the way, without my having to hold on to it."
)


@script("elicitation.upgrade_pairs", "upgrade_pairs")
def pairs(request: Request) -> Answer:
    """Pairs among the cards in the last message: each card to another, by a seeded shuffle."""
    cards = [item for item in _cards(request) if "title" in item]
    order = list(range(len(cards)))
    request.rng("pairs").shuffle(order)
    found = [
        {
            "from": cards[a].get("id", cards[a]["title"]),
            "to": cards[b].get("id", cards[b]["title"]),
            "mapping": [
                {"old": old, "new": new, "reason": REASONS[at % len(REASONS)]}
                for at, (old, new) in enumerate(
                    zip(_policies(cards[a]), cycle(_policies(cards[b])), strict=False)
                )
            ],
        }
        for a, b in zip(order[::2], order[1::2], strict=False)
    ]
    return Answer(data={"pairs": found})


@script("elicitation.upgrade_story", "upgrade_story")
def story(request: Request) -> Answer:
    """A first-person story of about 85 words from the first card to the second."""
    cards = [item for item in _cards(request) if "title" in item]
    if len(cards) < 2:
        return Answer(data={"story": STORY.format(**_blank())})
    old, new = cards[0], cards[1]
    text = STORY.format(
        context=_clause(request.field("context")),
        old=_lower(old["title"]),
        new=_lower(new["title"]),
        old_policy=_lower(next(iter(_policies(old)), "the old signs")),
        new_policy=_lower(next(iter(_policies(new)), "something else")),
    )
    return Answer(data={"story": text})


PROBLEMS = {
    "clear": "The story should have 30 to 200 words.",
    "gain": "The story tells of a loss.",
    "fits": "The story does not play in the context.",
    "respectful": "The story talks down to those who hold the first value.",
}
DOWN = ("obviously", "stupid", "any fool", "naive people")
LOSSES = ("i lost", "i gave up on", "i had to do without")


@script("elicitation.story_check", "story_check")
def check_story(request: Request) -> Answer:
    """Clear, a gain, fitting, respectful: judged by length, by a few words, and by a word of the context."""
    text = request.field("story") or request.last
    said = text.lower()
    about = [word for word in _clause(request.field("context")).lower().split() if len(word) > 3]
    answers = {
        "clear": 30 <= len(text.split()) <= 200,
        "gain": not any(word in said for word in LOSSES),
        "fits": not request.field("context") or any(word in said for word in about),
        "respectful": not any(word in said for word in DOWN),
    }
    problems = [PROBLEMS[name] for name, holds in answers.items() if not holds]
    verdict = {"ok": not problems, "passed": not problems, "problems": problems, "criticism": problems}
    return Answer(data={**answers, **verdict, "reason": " ".join(problems)})


def _cards(request: Request) -> list[dict[str, Any]]:
    """The objects of the last message, and those one level inside them (`{"old": {…}, "cards": [{…}]}`)."""
    found: list[dict[str, Any]] = []
    for item in request.objects():
        found.append(item)
        for inner in item.values():
            found += [inner] if isinstance(inner, dict) else []
            found += [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []
    return found


def _policies(card: Mapping[str, Any]) -> list[str]:
    return [str(policy) for policy in card.get("policies") or ()]


def _clause(context: str) -> str:
    context = context.strip().rstrip(".") or "someone asked me for advice"
    return context[5:] if context.lower().startswith("when ") else context


def _lower(text: object) -> str:
    words = str(text).rstrip(".").split()
    return " ".join([words[0].lower(), *words[1:]]) if words else ""


def _blank() -> dict[str, str]:
    return dict.fromkeys(("old", "new", "old_policy", "new_policy", "context"), "something")
