"""The elicitation's tables in a study's bundle.

Words of people only where they agreed that others may read them: a card that was not shared has its title, description
and policies left out, and reasons for a vote never leave the house.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models

from elicitation.followup.actions import asks_again
from elicitation.followup.models import Said
from elicitation.models import (
    Card,
    CaseDraft,
    CaseDraftDecision,
    DeskRun,
    Draw,
    FollowUp,
    MappingDecision,
    MergeDecision,
    MergeProposal,
    Proposal,
    ProposalDecision,
    Upgrade,
    Vote,
    mapping_of,
)
from elicitation.review.tab import elicits
from elicitation.upgrades.models import State
from elicitation.values.models import MergeState
from study.evidence.declared import declare
from study.registration.models import Study
from study.stages.columns import Column
from study.tables.added import AddedTable, add
from study.tables.rows import Row

VERDICTS = tuple(Vote.Verdict.values)
DIRECTIONS = tuple(Upgrade.Direction.values)
ANSWERS = tuple(Said.values)
FIELDS: dict[type[models.Model], tuple[tuple[str, ...], tuple[str, ...]]] = {
    Card: (
        ("session", "case", "code", "title", "description", "policies", "shared"),
        ("id", "study", "stage", "digest", "created_at"),
    ),
    MappingDecision: (("number", "kind", "cards", "reason", "created_at"), ("id", "study", "by")),
    Upgrade: (
        ("pair", "direction", "from_value", "to_value", "context", "cases", "story"),
        ("id", "study", "digest", "created_at"),
    ),
    Draw: (("session", "page", "number", "card", "upgrade", "propensity", "pool"), ("id", "created_at")),
    Vote: (("session", "upgrade", "case", "verdict", "created_at"), ("id", "why")),
    FollowUp: (
        (
            "session",
            "value",
            "mapping",
            "position",
            "position_low",
            "position_high",
            "same",
            "fair",
            "created_at",
        ),
        ("id", "same_why", "fair_why"),
    ),
    Proposal: (
        ("number", "context", "from_value", "to_value", "distance", "calls", "rehearsal"),
        ("id", "study", "cases", "version", "mapping", "story", "back", "checks", "created_at"),
    ),
    ProposalDecision: (("proposal", "number", "state", "reason", "at"), ("id", "by")),
    CaseDraft: (
        ("number", "subject", "title", "about", "question", "contexts", "calls", "rehearsal"),
        ("id", "study", "checks", "created_at"),
    ),
    CaseDraftDecision: (("draft", "number", "state", "reason", "case", "at"), ("id", "by")),
    MergeProposal: (
        ("number", "first", "second", "distance", "answers", "call", "rehearsal"),
        ("id", "study", "rubric", "created_at"),
    ),
    MergeDecision: (("proposal", "number", "state", "reason", "at", "mapping"), ("id", "by")),
    DeskRun: (
        (),
        (
            "id",
            "study",
            "kind",
            "settings",
            "by",
            "asked_at",
            "started_at",
            "active_at",
            "finished_at",
            "done",
            "total",
            "result",
            "curve",
            "figures",
            "problem",
        ),
    ),
}
"""What of each row leaves the house, and what never does."""


def register() -> None:
    """Make the tables known to the bundle."""
    for table in (CARDS, MAPPING, MERGES, DRAWS, UPGRADES, PROPOSALS, CASES, VOTES, FOLLOW_UPS):
        add(table)
    for model, (out, never) in FIELDS.items():
        declare(model, out=out, never=never)


def _cards(study: Study) -> list[Row] | None:
    """Cards that were not erased; the library's have no participant."""
    if not elicits(study):
        return None
    value = mapping_of(study.pk).values()
    found = Card.objects.filter(study=study, title__gt="").exclude(session__preview_arm__gt="").order_by("pk")
    rows: list[Row] = []
    for card in found.select_related("session__participant"):
        own = card.session.participant.code if card.session is not None else None
        words = {
            "title": card.title,
            "description": card.description,
            "policies": "\n".join(card.policies),
        }
        rows.append(
            {
                "card": card.code, "participant": own, "case": card.case or None, "shared": card.shared,
                "value": value.get(card.code, card.code), **(words if card.shared else {}),
            }
        )  # fmt: skip
    return rows


def _mapping(study: Study) -> list[Row] | None:
    if not elicits(study):
        return None
    found = MappingDecision.objects.filter(study=study).order_by("number")
    return [
        {
            "number": one.number,
            "kind": one.kind,
            "cards": "|".join(one.cards),
            "reason": one.reason,
            "at": one.created_at,
        }
        for one in found
    ]


def _merges(study: Study) -> list[Row] | None:
    """The judge's reasons stay: they may quote words that were not shared."""
    if not elicits(study):
        return None
    found = MergeDecision.objects.filter(proposal__study=study).select_related("proposal", "mapping")
    return [
        {
            "pair": one.proposal.number, "turn": one.number, "state": one.state, "reason": one.reason or None,
            "at": one.at, "first": one.proposal.first, "second": one.proposal.second,
            "distance": one.proposal.distance,
            "failed": "|".join(name for name, held in one.proposal.answers.items() if not held),
            "mapping": one.mapping.number if one.mapping else None, "rehearsal": one.proposal.rehearsal,
            "call": one.proposal.call or None,
        }
        for one in found.order_by("proposal__number", "number")
    ]  # fmt: skip


def _draws(study: Study) -> list[Row] | None:
    if not elicits(study):
        return None
    found = Draw.objects.filter(session__study=study, session__preview_arm="", session__erased_at=None)
    return [
        {
            "participant": one.session.participant.code, "page": one.page, "number": one.number,
            "card": one.card.code if one.card else None,
            "story": f"{one.upgrade.pair}.{one.upgrade.direction}" if one.upgrade else None,
            "propensity": one.propensity, "pool": one.pool,
        }
        for one in found.select_related("session__participant", "card", "upgrade").order_by("pk")
    ]  # fmt: skip


def _upgrades(study: Study) -> list[Row] | None:
    if not elicits(study):
        return None
    return [
        {
            "story": f"{one.pair}.{one.direction}", "pair": one.pair, "direction": one.direction,
            "from_value": one.from_value, "to_value": one.to_value, "context": one.context,
            "cases": "|".join(one.cases), "text": one.story,
        }
        for one in Upgrade.objects.filter(study=study).order_by("pk")
    ]  # fmt: skip


def _proposals(study: Study) -> list[Row] | None:
    if not elicits(study):
        return None
    found = ProposalDecision.objects.filter(proposal__study=study).select_related("proposal")
    return [_proposal(one.proposal, one) for one in found.order_by("proposal__number", "number")]


def _proposal(one: Proposal, decision: ProposalDecision) -> Row:
    return {
        "pair": one.pair, "turn": decision.number, "state": decision.state, "reason": decision.reason or None,
        "at": decision.at, "from_value": one.from_value, "to_value": one.to_value, "context": one.context,
        "distance": one.distance, "rehearsal": one.rehearsal, "calls": "|".join(one.calls),
    }  # fmt: skip


def _cases(study: Study) -> list[Row] | None:
    """Drafted cases with every decision; None where the model drafted none."""
    if not CaseDraft.objects.filter(study=study).exists():
        return None
    found = CaseDraftDecision.objects.filter(draft__study=study).select_related("draft")
    return [
        {
            "number": one.draft.number, "turn": one.number, "state": one.state, "reason": one.reason or None,
            "at": one.at, "subject": one.draft.subject, "case": (one.case or {}).get("id"),
            **_words(one.case or one.draft.words()), "rehearsal": one.draft.rehearsal,
            "calls": "|".join(one.draft.calls),
        }
        for one in found.order_by("draft__number", "number")
    ]  # fmt: skip


def _words(case: Mapping[str, Any]) -> Row:
    texts = {name: case.get(name) or None for name in ("title", "about", "question")}
    return texts | {"contexts": "\n".join(case.get("contexts") or ())}


def _votes(study: Study) -> list[Row] | None:
    """Votes that were not erased, under the values their ends belong to now."""
    if not elicits(study):
        return None
    value = mapping_of(study.pk).values()
    found = Vote.objects.filter(session__study=study, session__preview_arm="").exclude(verdict="")
    return [
        {
            "participant": one.session.participant.code, "story": f"{one.upgrade.pair}.{one.upgrade.direction}",
            "from_value": value.get(one.upgrade.from_value, one.upgrade.from_value),
            "to_value": value.get(one.upgrade.to_value, one.upgrade.to_value), "context": one.upgrade.context,
            "case": one.case or None, "verdict": one.verdict, "reason_given": bool(one.why), "at": one.created_at,
        }
        for one in found.select_related("session__participant", "upgrade").order_by("pk")
    ]  # fmt: skip


def _follow_ups(study: Study) -> list[Row] | None:
    """Who answered when they were asked again; None where the protocol does not ask. Their reasons stay."""
    if not elicits(study) or not asks_again(study):
        return None
    found = (
        FollowUp.objects.filter(session__study=study).select_related("session__participant").order_by("pk")
    )
    return [
        {
            "participant": one.session.participant.code, "value": one.value, "mapping": one.mapping,
            "position": one.position, "position_low": one.position_low, "position_high": one.position_high,
            "same": one.same or None, "fair": one.fair or None, "at": one.created_at,
        }
        for one in found
    ]  # fmt: skip


def _columns(table: str, *listed: tuple[str, str, str] | tuple[str, str, str, Iterable[str]]) -> list[Column]:
    return [Column(one[0], table, one[1], one[2], tuple(one[3]) if len(one) > 3 else ()) for one in listed]


CARDS = AddedTable(
    "cards",
    _columns(
        "cards",
        ("card", "text", "code of the card"),
        ("participant", "text", "its author; empty for the library"),
        ("case", "text", "case that its author thought about"),
        ("shared", "boolean", "others may read it"),
        ("value", "text", "card that names its canonical value"),
        ("title", "text", "title, where shared"),
        ("description", "text", "description, where shared"),
        ("policies", "text", "what is attended to, one a line, where shared"),
    ),
    _cards,
)
MAPPING = AddedTable(
    "mapping",
    _columns(
        "mapping",
        ("number", "integer", "decisions are replayed in this order"),
        ("kind", "category", "merge or split", ("merge", "split")),
        ("cards", "text", "codes"),
        ("reason", "text", "why"),
        ("at", "time", "when"),
    ),
    _mapping,
)
MERGES = AddedTable(
    "merges",
    _columns(
        "merges",
        ("pair", "integer", "two cards that were compared"),
        ("turn", "integer", "decisions in order; 1 is the judge's or a person's"),
        ("state", "category", "what was decided", tuple(MergeState.values)),
        ("reason", "text", "why"),
        ("at", "time", "when"),
        ("first", "text", "code of the older card"),
        ("second", "text", "code of the younger card"),
        ("distance", "number", "cosine distance; empty: brought together by hand"),
        ("failed", "text", "questions of the rubric answered with no"),
        ("mapping", "integer", "decision of the mapping that it became"),
        ("rehearsal", "boolean", "judged by the rehearsal model"),
        ("call", "text", "id of the model call behind the answers"),
    ),
    _merges,
)
DRAWS = AddedTable(
    "draws",
    _columns(
        "draws",
        ("participant", "text", "who was shown it"),
        ("page", "text", "on which page"),
        ("number", "integer", "place on it"),
        ("card", "text", "the value of others that was shown"),
        ("story", "text", "the story that was shown"),
        ("propensity", "number", "probability with which this page showed it"),
        ("pool", "integer", "how many it was drawn from"),
    ),
    _draws,
)
UPGRADES = AddedTable(
    "upgrades",
    _columns(
        "upgrades",
        ("story", "text", "pair and direction"),
        ("pair", "text", "id in the protocol; ~ and a number: proposed"),
        ("direction", "category", "there, or the way back", DIRECTIONS),
        ("from_value", "text", "value left behind"),
        ("to_value", "text", "value found"),
        ("context", "text", "context"),
        ("cases", "text", "cases; empty: all"),
        ("text", "text", "the story"),
    ),
    _upgrades,
)
PROPOSALS = AddedTable(
    "proposals",
    _columns(
        "proposals",
        ("pair", "text", "name of the proposed upgrade"),
        ("turn", "integer", "decisions in order; 1 is the check's"),
        ("state", "category", "what was decided", tuple(State.values)),
        ("reason", "text", "why"),
        ("at", "time", "when"),
        ("from_value", "text", "value left behind"),
        ("to_value", "text", "value found"),
        ("context", "text", "context"),
        ("distance", "number", "cosine distance of the cards"),
        ("rehearsal", "boolean", "written by the rehearsal model"),
        ("calls", "text", "ids of the model calls behind it"),
    ),
    _proposals,
)
CASES = AddedTable(
    "casedrafts",
    _columns(
        "casedrafts",
        ("number", "integer", "the drafted case"),
        ("turn", "integer", "decisions in order; 1 is the check's"),
        ("state", "category", "what was decided", tuple(State.values)),
        ("reason", "text", "why"),
        ("at", "time", "when"),
        ("subject", "text", "what it was asked about, in the researcher's words"),
        ("case", "text", "id of the case in the protocol that it became"),
        ("title", "text", "title as drafted; at the approval as approved"),
        ("about", "text", "situation, likewise"),
        ("question", "text", "question, likewise"),
        ("contexts", "text", "contexts, one a line, likewise"),
        ("rehearsal", "boolean", "written by the rehearsal model"),
        ("calls", "text", "ids of the model calls behind it"),
    ),
    _cases,
)
VOTES = AddedTable(
    "votes",
    _columns(
        "votes",
        ("participant", "text", "who judged"),
        ("story", "text", "pair and direction"),
        ("from_value", "text", "canonical value left behind"),
        ("to_value", "text", "canonical value found"),
        ("context", "text", "context"),
        ("case", "text", "case"),
        ("verdict", "category", "did this person become wiser?", VERDICTS),
        ("reason_given", "boolean", "a reason was written"),
        ("at", "time", "when"),
    ),
    _votes,
)
FOLLOW_UPS = AddedTable(
    "followups",
    _columns(
        "followups",
        ("participant", "text", "who was asked again"),
        ("value", "text", "canonical value of their card, as shown"),
        ("mapping", "integer", "version of the mapping, as shown"),
        ("position", "integer", "its place, 1 the highest; empty: nobody's vote gave it one"),
        ("position_low", "number", "lower end of the place's interval"),
        ("position_high", "number", "upper end"),
        ("same", "category", "does the merged card still say what theirs said?", ANSWERS),
        ("fair", "category", "is its place fair?", ANSWERS),
        ("at", "time", "when"),
    ),
    _follow_ups,
)
