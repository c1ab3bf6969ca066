"""What the review desk shows: a fixed number of queries, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elicitation.models import Card, MappingDecision, Proposal, ProposalDecision, mapping_of
from elicitation.upgrades.models import FROM, State
from elicitation.values.rubric import QUESTIONS, TEMPLATE
from llm.models import Call
from study.registration.models import Study


@dataclass(frozen=True)
class UpgradeRow:
    """A proposal with its state's label, the titles of its ends, its decisions, and what may be done about it."""

    proposal: Proposal
    label: str
    from_title: str
    to_title: str
    decisions: list[ProposalDecision]
    may: list[str]


def upgrade_rows(study: Study, proposals: list[Proposal]) -> list[UpgradeRow]:
    """Two queries: cards and decisions."""
    titles = dict(Card.objects.filter(study=study, session=None).order_by("pk").values_list("code", "title"))
    decided: dict[int, list[ProposalDecision]] = {}
    for one in ProposalDecision.objects.filter(proposal__in=proposals).order_by("number"):
        decided.setdefault(one.proposal_id, []).append(one)
    return [
        UpgradeRow(
            proposal=one,
            label=State(one.state).label,
            from_title=titles.get(one.from_value, one.from_value),
            to_title=titles.get(one.to_value, one.to_value),
            decisions=decided.get(one.pk, []),
            may=[to.value for to, sources in FROM.items() if one.state in sources],
        )
        for one in proposals
    ]


@dataclass(frozen=True)
class MergeRow:
    """A decision, its cards with whether they are still in one value with the first, and the judge's answers."""

    decision: MappingDecision
    cards: list[dict[str, Any]]
    answers: list[dict[str, Any]]


def merge_rows(study: Study, decisions: list[MappingDecision]) -> list[MergeRow]:
    """The cards of erased participants have no words left and say so."""
    wanted = {code for one in decisions for code in one.cards}
    cards = {row.code: row for row in Card.objects.filter(study=study, code__in=wanted).order_by("-pk")}
    value = mapping_of(study.pk).values()
    asked = _answers(study, cards)
    return [
        MergeRow(
            one,
            [
                {
                    "code": code,
                    "card": cards.get(code),
                    "joined": place > 0 and value.get(code) == value.get(one.cards[0]),
                }
                for place, code in enumerate(one.cards)
            ],
            [answer for pair, answer in asked.items() if pair <= set(one.cards)],
        )
        for one in decisions
    ]


def _answers(study: Study, cards: dict[str, Card]) -> dict[frozenset[str], dict[str, Any]]:
    """By pair of codes what the judge answered. One query; a call's key names the two cards' rows."""
    code = {str(card.pk): name for name, card in cards.items()}
    calls = Call.objects.of_study(study.pk).filter(purpose=TEMPLATE, state=Call.State.DONE)
    found: dict[frozenset[str], dict[str, Any]] = {}
    for key, data in calls.values_list("key", "data") if cards else ():
        ends = [code[part] for part in key.split(":")[2:4] if part in code]
        if len(ends) == 2 and isinstance(data, dict):
            held = [(question, bool(data.get(name))) for name, question in QUESTIONS.items()]
            found[frozenset(ends)] = {"ends": ends, "held": held, "reason": data.get("reason", "")}
    return found
