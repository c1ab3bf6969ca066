"""What the review desks show: a fixed number of queries, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from elicitation.case_drafts.models import FROM as CASE_FROM
from elicitation.case_drafts.models import CaseDraft, CaseDraftDecision
from elicitation.case_drafts.prompts import CRITERIA as CASE_CRITERIA
from elicitation.models import Card, MappingDecision, Proposal, ProposalDecision, mapping_of
from elicitation.upgrades.models import FROM, State
from elicitation.upgrades.prompts import CRITERIA
from elicitation.values.apart import against, uncompared, values_between
from elicitation.values.mapping import members_of
from elicitation.values.models import MERGE_FROM, MergeDecision, MergeProposal, MergeState
from elicitation.values.rubric import QUESTIONS
from llm.models import Call
from study.registration.models import Study


@dataclass(frozen=True)
class UpgradeRow:
    """A proposal with its state's label, the titles of its ends, its decisions, what its stories were checked for, and
    what may be done about it."""

    proposal: Proposal
    label: str
    from_title: str
    to_title: str
    decisions: list[ProposalDecision]
    may: list[str]
    checks: list[StoryCheck]


@dataclass(frozen=True)
class StoryCheck:
    """What the check said of one story: each criterion with whether it holds, its number of words, and what speaks
    against it."""

    name: str
    words: int
    held: list[tuple[str, bool]]
    problems: list[str]


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
            checks=_checks(one),
        )
        for one in proposals
    ]


def _checks(one: Proposal) -> list[StoryCheck]:
    told = {"there": ("The story", one.story), "back": ("The way back", one.back)}
    return [
        StoryCheck(
            name,
            len(words.split()),
            [(meaning, bool(one.checks[way].get(aspect))) for aspect, meaning in CRITERIA.items()],
            list(one.checks[way].get("problems", [])),
        )
        for way, (name, words) in told.items()
        if way in one.checks
    ]


@dataclass(frozen=True)
class CaseRow:
    """A drafted case with its state's label, what the check answered, its decisions, the case that it became, and what
    may be done about it."""

    draft: CaseDraft
    label: str
    held: list[tuple[str, bool]]
    decisions: list[CaseDraftDecision]
    became: dict[str, Any] | None
    may: list[str]

    @property
    def edited(self) -> bool:
        """Did whoever approved it change its words?"""
        drafted = self.draft.words()
        return self.became is not None and any(self.became.get(name, "") != drafted[name] for name in drafted)


def case_rows(drafts: list[CaseDraft]) -> list[CaseRow]:
    """One query: decisions."""
    decided: dict[int, list[CaseDraftDecision]] = {}
    for one in CaseDraftDecision.objects.filter(draft__in=drafts).order_by("number"):
        decided.setdefault(one.draft_id, []).append(one)
    return [
        CaseRow(
            draft=one,
            label=State(one.state).label,
            held=[
                (meaning, bool(one.checks[name]))
                for name, meaning in CASE_CRITERIA.items()
                if name in one.checks
            ],
            decisions=decided.get(one.pk, []),
            became=next((said.case for said in decided.get(one.pk, []) if said.case), None),
            may=[to.value for to, sources in CASE_FROM.items() if one.state in sources],
        )
        for one in drafts
    ]


@dataclass(frozen=True)
class Side:
    """One card of a pair: its words (None: it never had any, or they were erased), and its value as it is now."""

    code: str
    card: Card | None
    value: str
    title: str
    members: int

    @property
    def erased(self) -> bool:
        return self.card is None or not self.card.title


@dataclass(frozen=True)
class PairRow:
    """A pair of cards with what the judge answered and why, its decisions, and what may be done about it.

    against: the other pairs, kept apart, that a merge would also join; `blocked` where a person rejected one of them.
    uncompared: a merge would also make two values one whose oldest cards were not judged the same.
    """

    pair: MergeProposal
    label: str
    sides: list[Side]
    held: list[tuple[str, bool]]
    why: str
    decisions: list[MergeDecision]
    may: list[str]
    against: list[MergeProposal] = field(default_factory=list)
    uncompared: bool = False

    @property
    def blocked(self) -> bool:
        return any(other.state == MergeState.REJECTED for other in self.against)

    @property
    def failed(self) -> list[str]:
        """The questions that were answered with no."""
        return [question for question, held in self.held if not held]

    @property
    def homonym(self) -> bool:
        """Do the two bear the same title?"""
        titles = {side.card.title.casefold() for side in self.sides if side.card and side.card.title}
        return len(titles) == 1 and not any(side.erased for side in self.sides)

    @property
    def at_once(self) -> bool:
        """May it be accepted without a reason?"""
        return self.pair.state == MergeState.OPEN and not self.against and not self.uncompared


def pair_rows(study: Study, pairs: list[MergeProposal]) -> list[PairRow]:
    """Seven queries: cards, the mapping's three, decisions, calls, and the other pairs of the same values."""
    wanted = {code for one in pairs for code in (one.first, one.second)}
    value = mapping_of(study.pk).values()
    members = members_of(value)
    named = {value[code] for code in wanted if code in value}
    cards = _cards(study, wanted | named)
    decided: dict[int, list[MergeDecision]] = {}
    for said in MergeDecision.objects.filter(proposal__in=pairs).order_by("number"):
        decided.setdefault(said.proposal_id, []).append(said)
    data = dict(Call.objects.filter(pk__in=[one.call for one in pairs if one.call]).values_list("pk", "data"))
    reasons = {str(pk): said.get("reason", "") for pk, said in data.items() if isinstance(said, dict)}
    near = list(
        MergeProposal.objects.filter(study=study)
        .within({code for one in named for code in members[one]})
        .with_state()
        if any(one.state in MERGE_FROM[MergeState.ACCEPTED] for one in pairs)
        else ()
    )

    def side(code: str) -> Side:
        now = value.get(code, code)
        title = cards[now].title if now in cards else ""
        return Side(code, cards.get(code), now, title, len(members.get(now, ())))

    return [
        PairRow(
            pair=one,
            label=MergeState(one.state).label,
            sides=[side(one.first), side(one.second)],
            held=[
                (meaning, bool(one.answers[name]))
                for name, meaning in QUESTIONS.items()
                if name in one.answers
            ],
            why=reasons.get(one.call, ""),
            decisions=decided.get(one.pk, []),
            may=_may(one, value),
            against=against(one, near, value) if one.state in MERGE_FROM[MergeState.ACCEPTED] else [],
            uncompared=one.state == MergeState.OPEN and uncompared(one, near, value),
        )
        for one in pairs
    ]


def _may(one: MergeProposal, value: dict[str, str]) -> list[str]:
    """What a person may do now: nothing is merged that is one value already or was erased."""
    may = [to.value for to, sources in MERGE_FROM.items() if one.state in sources]
    return [to for to in may if to != MergeState.ACCEPTED or values_between(one, value) == 2]


def counts(study: Study) -> list[tuple[str, str, int]]:
    """How many pairs stand in which state: state, label, number. One query."""
    held = MergeProposal.objects.filter(study=study).by_state()
    return [(state.value, state.label, held.get(state.value, 0)) for state in MergeState]


@dataclass(frozen=True)
class DecisionRow:
    """A decision about the mapping, and its cards with whether they are still in one value with the first."""

    decision: MappingDecision
    cards: list[dict[str, Any]]


def decision_rows(study: Study, decisions: list[MappingDecision]) -> list[DecisionRow]:
    """The cards of erased participants have no words left and say so. Four queries."""
    cards = _cards(study, {code for one in decisions for code in one.cards})
    value = mapping_of(study.pk).values()
    return [
        DecisionRow(
            one,
            [
                {
                    "code": code,
                    "card": cards.get(code),
                    "joined": place > 0 and code in value and value[code] == value.get(one.cards[0]),
                }
                for place, code in enumerate(one.cards)
            ],
        )
        for one in decisions
    ]


def _cards(study: Study, codes: Iterable[str]) -> dict[str, Card]:
    """The newest wording of each, by code."""
    return {row.code: row for row in Card.objects.filter(study=study, code__in=set(codes)).order_by("pk")}
