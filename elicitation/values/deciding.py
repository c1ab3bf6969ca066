"""People's decisions about which cards are one value: accept, reject and undo proposed pairs, join by hand, split.

Each is one transaction that holds the study's row, so that two people who decide at the same moment decide one after
the other, and the second is told. Votes and cards are never touched: a merge and its undoing are decisions that are
replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from elicitation.models import MappingDecision, mapping_of
from elicitation.values.apart import against, uncompared, values_between
from elicitation.values.mapping import Kind, ValueMapping
from elicitation.values.models import MERGE_FROM, MergeDecision, MergeProposal, MergeState
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study

PROGRAM = "heed"
LONGEST_REASON = 2000


@dataclass
class _Desk:
    """A study's pairs and mapping while its row is held."""

    study: Study
    by: str
    mapping: ValueMapping
    pairs: dict[int, MergeProposal] = field(default_factory=dict)
    added: list[MappingDecision] = field(default_factory=list)

    def add(self, kind: Kind, cards: Sequence[str], reason: str) -> MappingDecision:
        """One decision more about the mapping."""
        made = MappingDecision.objects.create(
            study=self.study, number=self.mapping.version + 1, kind=kind, cards=list(cards), reason=reason, by=self.by
        )  # fmt: skip
        self.mapping = self.mapping.decide(kind, cards, reason=reason, by=self.by)
        self.added.append(made)
        return made

    def say(
        self,
        pair: MergeProposal,
        state: MergeState,
        reason: str = "",
        by: str = "",
        mapping: MappingDecision | None = None,
    ) -> MergeDecision:
        """One decision more about a pair. Another transaction's of the same number is refused by the database."""
        made = MergeDecision.objects.create(
            proposal=pair, number=pair.decisions.count() + 1, state=state, reason=reason[:LONGEST_REASON],
            by=by or self.by, mapping=mapping,
        )  # fmt: skip
        pair.state, pair.reason = state, made.reason
        return made


def _opened(study: Study, by: str) -> _Desk:
    """In a transaction: the study's row held, then everything read."""
    study = Study.objects.select_for_update(no_key=True).defer("draft", "source_text").get(pk=study.pk)
    pairs = MergeProposal.objects.filter(study=study).with_state()
    return _Desk(study, by, mapping_of(study.pk), {pair.number: pair for pair in pairs})


@transaction.atomic
def decide(*, study: Study, number: int, state: MergeState, by: str, reason: str = "") -> MergeDecision:
    """Accept a pair, reject it (with a reason), or undo either (`state` is open).

    Raises Refused where another decision came first, without a reason where one is needed, and for a merge that would
    bring together what a person kept apart.
    """
    desk, reason = _opened(study, by), _tidy(reason)
    pair = _pair(desk, number)
    if pair.state not in MERGE_FROM.get(state, ()):
        raise Refused(f"Pair {number} is {MergeState(pair.state).label}{_since(pair)}.")
    if state == MergeState.ACCEPTED:
        made = _accept(desk, pair, reason)
    elif state == MergeState.REJECTED:
        if not reason:
            raise Refused("Say why the two are different values.")
        made = desk.say(pair, state, reason)
    else:
        made = _undo(desk, pair, reason)
    _settle(desk)
    audit(desk.study, by, f"{AUDITED[state]} a merge", {"pair": number, "reason": reason[:500]})
    return made


AUDITED = {MergeState.ACCEPTED: "accepted", MergeState.REJECTED: "rejected", MergeState.OPEN: "undid"}


@transaction.atomic
def accept_all(*, study: Study, by: str, numbers: Iterable[int] | None = None) -> tuple[int, dict[int, str]]:
    """Accept open pairs, those of `numbers` or all: how many, and by number why others were not.

    One whose cards have become one value on the way is closed by itself and is neither. What the rehearsal model judged
    is accepted one by one in a real study, by somebody who has looked at it.
    """
    desk = _opened(study, by)
    wanted = desk.pairs if numbers is None else list(numbers)
    accepted, left = [], {}
    for number in wanted:
        pair = _pair(desk, number)
        value = desk.mapping.values()
        if pair.state != MergeState.OPEN:
            if numbers is not None:
                left[number] = f"it is {MergeState(pair.state).label}{_since(pair)}"
            continue
        if values_between(pair, value) == 1:
            continue
        try:
            if pair.rehearsal and desk.study.mode == Study.Mode.REAL:
                raise Refused("the rehearsal model judged it: look at it and accept it by itself")
            _accept(desk, pair, "")
            accepted.append(number)
        except Refused as refusal:
            left[number] = str(refusal)
    _settle(desk)
    if accepted:
        audit(desk.study, by, "accepted merges", {"pairs": accepted})
    return len(accepted), left


@transaction.atomic
def join(*, study: Study, cards: Sequence[str], by: str, reason: str) -> list[int]:
    """Make the values of these cards one because a person says so, whatever the judge said: the numbers of the pairs,
    each of which can be undone. Raises Refused for unknown cards, cards of one value, and without a reason."""
    desk, reason = _opened(study, by), _tidy(reason)
    value = desk.mapping.values()
    unknown = [card for card in cards if card not in value]
    if unknown:
        raise Refused(f"There is no card {', '.join(unknown)}.")
    order = {card: place for place, card in enumerate(desk.mapping.cards)}
    ends = sorted({value[card] for card in cards}, key=order.__getitem__)
    if len(ends) < 2:
        raise Refused("Choose two values: these cards are one already." if cards else "Choose two values.")
    if not reason:
        raise Refused("Say why they are one value.")
    numbers = []
    for other in ends[1:]:
        pair = next((p for p in desk.pairs.values() if {p.first, p.second} == {ends[0], other}), None)
        pair = pair or _new(desk, ends[0], other)
        _accept(desk, pair, reason)
        numbers.append(pair.number)
    _settle(desk)
    audit(desk.study, by, "merged values by hand", {"pairs": numbers, "cards": ends, "reason": reason[:500]})
    return numbers


@transaction.atomic
def split(*, study: Study, cards: Sequence[str], reason: str, by: str) -> MappingDecision:
    """Take cards out of their value, as one value of their own. Pairs that this takes apart are rejected with the same
    reason. Raises Refused for unknown cards and without a reason."""
    desk, reason = _opened(study, by), _tidy(reason)
    unknown = [card for card in cards if card not in desk.mapping.values()]
    if unknown or not cards or not reason:
        raise Refused(
            f"There is no card {', '.join(unknown)}." if unknown else "A split needs cards and a reason."
        )
    made = desk.add("split", cards, reason)
    _settle(desk, split=made)
    audit(desk.study, by, "split a value", {"cards": list(cards), "reason": reason[:500]})
    return made


@transaction.atomic
def settle(study: Study) -> None:
    """Close the open pairs whose cards are one value or erased by now."""
    _settle(_opened(study, PROGRAM))


@transaction.atomic
def keep(*, study: Study, judged: MergeProposal) -> MergeState | None:
    """Store what the judge said of a pair, as open or apart; None where the pair is known already."""
    Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
    mine, ends = MergeProposal.objects.filter(study=study), {judged.first, judged.second}
    if mine.within(ends).exists():
        return None
    judged.study, judged.number = study, mine.count() + 1
    judged.save(force_insert=True)
    state = judged.judged
    MergeDecision.objects.create(proposal=judged, number=1, state=state, by=f"rubric {judged.rubric}")
    return state


def _tidy(reason: str) -> str:
    """Without what the database cannot hold, and not longer than anybody reads."""
    return reason.replace("\x00", "").strip()[:LONGEST_REASON]


def _pair(desk: _Desk, number: int) -> MergeProposal:
    if number not in desk.pairs:
        raise Refused(f"There is no pair {number}.")
    return desk.pairs[number]


def _since(pair: MergeProposal) -> str:
    return f": {pair.reason.rstrip('.')}" if pair.reason else ""


def _new(desk: _Desk, first: str, second: str) -> MergeProposal:
    """A pair that a person brought together."""
    pair = MergeProposal.objects.create(
        study=desk.study, number=len(desk.pairs) + 1, first=first, second=second
    )
    desk.pairs[pair.number] = pair
    return pair


def _accept(desk: _Desk, pair: MergeProposal, reason: str) -> MergeDecision:
    value, others = desk.mapping.values(), desk.pairs.values()
    if (ends := values_between(pair, value)) != 2:
        raise Refused("Its cards are one value already." if ends else "A card of this pair was erased.")
    if getattr(pair, "state", "") == MergeState.APART and not reason:
        raise Refused("The judge keeps the two apart: say why they are one value.")
    for other in against(pair, others, value):
        if other.state == MergeState.REJECTED:
            raise Refused(
                f"This would also join the cards of pair {other.number}, which was rejected{_since(other)}. "
                "Undo that first."
            )
        if not reason:
            raise Refused(
                f"This would also join the cards of pair {other.number}, which the judge keeps apart: say why they are "
                "one value."
            )
    if not reason and uncompared(pair, others, value):
        raise Refused(
            f"This would make the values {value[pair.first]} and {value[pair.second]} one, and the cards that name "
            "them were not judged the same: say why they are one value."
        )
    why = f"pair {pair.number}: {reason}" if reason else f"pair {pair.number}, distance {pair.distance:.3f}"
    made = desk.add("merge", [pair.first, pair.second], why[:LONGEST_REASON])
    return desk.say(pair, MergeState.ACCEPTED, reason, mapping=made)


def _undo(desk: _Desk, pair: MergeProposal, reason: str) -> MergeDecision:
    """As the judge left it; what accepting it joined is taken apart. A pair that only a person brought together is
    rejected then: nobody else proposed it."""
    if pair.state == MergeState.REJECTED:
        return desk.say(pair, pair.judged, reason)
    accepted = pair.decisions.filter(state=MergeState.ACCEPTED).order_by("-number").first()
    assert accepted is not None  # noqa: S101 - it is accepted
    assert accepted.mapping is not None  # noqa: S101 - and accepting adds a decision
    try:
        away = desk.mapping.taken_back(accepted.mapping.number)
    except ValueError:
        raise Refused(
            "Another accepted pair makes the same cards one value: undo that first, or split the value."
        ) from None
    made = desk.add(
        "split", away, f"undoes decision {accepted.mapping.number}{': ' + reason if reason else ''}"
    )
    if not pair.answers:
        return desk.say(pair, MergeState.REJECTED, reason or "undone", mapping=made)
    return desk.say(pair, pair.judged, reason, mapping=made)


def _settle(desk: _Desk, split: MappingDecision | None = None) -> None:
    """Bring the pairs into line with the mapping: what became one value by another way or was erased is closed, what is
    two values again is open again; what a person's split took apart is rejected in their words."""
    value = desk.mapping.values()
    for pair in desk.pairs.values():
        ends = values_between(pair, value)
        if pair.state == MergeState.OPEN and ends != 2:
            why = (
                f"its cards are one value since decision {desk.mapping.version}"
                if ends
                else "a card of it was erased"
            )
            desk.say(pair, MergeState.CLOSED, why, by=PROGRAM)
        elif ends == 2 and pair.state in (MergeState.CLOSED, MergeState.ACCEPTED):
            if split is not None:
                desk.say(pair, MergeState.REJECTED, split.reason, by=split.by, mapping=split)
            elif pair.state == MergeState.CLOSED:
                why = f"its cards are two values again since decision {desk.mapping.version}"
                desk.say(pair, MergeState.OPEN, why, by=PROGRAM)
