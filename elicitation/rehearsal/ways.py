"""How the cards of a study came about: by the interview, by the form from the start or after it broke off, by hand at
its end; how many turns that took, how many cards their authors changed, and how many calls were made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from django.db.models import Count

from elicitation.interview import prompts
from elicitation.interview.conversation import key_of
from elicitation.models import Card
from elicitation.stages.card import TALK, TO_CARD, in_form
from elicitation.values import cards
from llm.models import Call
from study.registration.models import Study
from study.session.models import Submission

INTERVIEW, FORM, BROKEN_OFF, BY_HAND = (
    "by interview",
    "by form from the start",
    "by form after it broke off",
    "by hand at turn 12",
)


@dataclass(frozen=True)
class Ways:
    """cards: how many of each way. turns: messages of those who took the interviewer's card. changed: how many of
    these say something else than the card that was offered last. criticised: conversations in which the critic found
    something. calls: (purpose, state) and how many."""

    cards: Counter[str]
    turns: list[int]
    changed: int
    criticised: int
    calls: dict[tuple[str, str], int]


def of(study: Study) -> Ways:
    """Four queries."""
    said: dict[tuple[object, str], list[dict[str, object]]] = {}
    rows = Submission.objects.filter(
        session__study=study, page__endswith=f".{TALK}", payload__isnull=False
    ).order_by("session", "number")
    for session, page, payload in rows.values_list("session_id", "page", "payload"):
        said.setdefault((session, page), []).append(payload or {})
    made = {
        call.key: call
        for call in Call.objects.filter(study=study.pk, purpose__in=(prompts.INTERVIEW, prompts.CRITIC)).only(
            "key", "state", "tool_calls", "data"
        )
    }
    counted: Counter[str] = Counter()
    turns, changed, criticised = [], 0, 0
    for card in Card.objects.filter(study=study, session__isnull=False).exclude(title=""):
        page = f"{card.stage}.{TALK}"
        talk = said.get((card.session_id, page), [])
        messages = sum(bool(one.get("message")) for one in talk)
        name = key_of(card.session_id, page) if card.session_id else ""
        criticised += any(
            prompts.criticised(made[key].data)
            for turn in range(1, messages + 1)
            if (key := f"critic:{name}:{turn}") in made
        )
        way = _way(talk, messages)
        counted[way] += 1
        if way == INTERVIEW:
            turns.append(messages)
            offers = (
                made[key].tool_calls for t in range(messages, 0, -1) if (key := f"chat:{name}:{t}") in made
            )
            last = next((one for tools in offers if (one := prompts.offered(tools))), None)
            changed += last is None or _formed(last) != _formed(card.card())
    grouped = Call.objects.filter(study=study.pk).values_list("purpose", "state").annotate(n=Count("pk"))
    calls = {(str(purpose), str(state)): n for purpose, state, n in grouped}
    return Ways(counted, turns, changed, criticised, calls)


def _way(talk: list[dict[str, object]], messages: int) -> str:
    if not messages:
        return FORM
    if talk[-1].get("leave") == TO_CARD:
        return INTERVIEW
    return BY_HAND if messages >= prompts.TURNS else BROKEN_OFF


def _formed(card: cards.Card) -> cards.Card:
    return cards.Card(card.title, card.description, tuple(map(in_form, card.policies)))


def told(ways: Ways) -> str:
    """The figures in lines for a terminal."""
    total = max(sum(ways.cards.values()), 1)
    lines = ["; ".join(f"{n} {way} ({n / total:.1%})" for way, n in ways.cards.most_common())]
    if ways.turns:
        spread = ", ".join(f"{turns}: {n}" for turns, n in sorted(Counter(ways.turns).items()))
        lines.append(
            f"interviews took {np.median(ways.turns):g} turns at the median, {min(ways.turns)} to {max(ways.turns)} "
            f"({spread}); {ways.changed} authors changed the offered card, {ways.criticised} conversations went back "
            "with the critic's questions"
        )
    calls = ", ".join(f"{n} {purpose} {state}" for (purpose, state), n in sorted(ways.calls.items()))
    lines.append(f"{sum(ways.calls.values())} model calls: {calls}")
    return "\n".join(lines)
