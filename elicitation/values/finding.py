"""Finding cards that may be one value: neighbours by embedding, one check of each candidate pair by the model.

What comes of it are proposals: a person decides (see `deciding`). Each answer is stored as it comes, so that a search
that was cut off goes on where it stopped, and no pair is ever asked about twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.distances import cosine_distance
from elicitation import library
from elicitation.asking import ask
from elicitation.models import Card, mapping_of
from elicitation.values import deciding, rubric
from elicitation.values.mapping import ValueMapping
from elicitation.values.models import MergeProposal, MergeState
from llm import gateway
from llm.errors import LLMError
from study.registration.audit import audit
from study.registration.models import Study

THRESHOLD = 0.3  # cosine distance within which two cards are candidates
EMBED = "elicitation.embed"
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Found:
    """What a search looked at: values before it, candidate pairs, checks made now, pairs without an answer, pairs newly
    proposed and kept apart, open ones with those of earlier searches, and the values there would be if all of those
    were accepted."""

    threshold: float
    cards: int
    values: int
    candidates: int = 0
    checks: int = 0
    undecided: int = 0
    proposed: int = 0
    apart: int = 0
    open: int = 0
    after: int = 0


def find(
    *, study: Study, by: str, threshold: float = THRESHOLD, told: Told = lambda done, total: None
) -> Found:
    """Compare the study's values, those of earlier merges being one, and store what the judge says of each new pair.

    told(pairs considered, all) after each. Raises LLMError when the cards cannot be embedded, ValueError for a
    threshold outside 0 to 2, WrongState before registration; a pair that the model does not judge is counted and asked
    again by the next search. Never inside a transaction.
    """
    from elicitation.values.dedupe import deduplicate  # numpy, which pages do not load

    library.rows_of(study)
    deciding.settle(study)
    mapping = mapping_of(study.pk)
    words = _words(study)
    codes = [code for code in mapping.members() if code in words]
    held = len(mapping.values())
    if len(codes) < 2:
        return Found(threshold, held, len(codes), after=len(codes))
    texts = [words[code].card().text() for code in codes]
    vectors = gateway.embed(texts, purpose=EMBED, study=study.pk).vectors
    judge = _Judge(study, [words[code] for code in codes], vectors, known_pairs(study, mapping))
    found = deduplicate(vectors, judge, threshold=threshold, told=told)
    deciding.settle(study)
    made = Found(
        threshold=threshold, cards=held, values=len(codes), candidates=found.candidates, checks=judge.checks,
        undecided=len(found.undecided), proposed=judge.kept.count(MergeState.OPEN),
        apart=judge.kept.count(MergeState.APART),
        open=MergeProposal.objects.filter(study=study).with_state(MergeState.OPEN).count(), after=found.values,
    )  # fmt: skip
    audit(study, by, "searched for merges", {name: getattr(made, name) for name in AUDITED})
    return made


def _words(study: Study) -> dict[str, Card]:
    """The cards that have words, by code."""
    return {row.code: row for row in Card.objects.filter(study=study).order_by("pk") if row.title}


AUDITED = ("threshold", "candidates", "checks", "undecided", "proposed")


def known_pairs(study: Study, mapping: ValueMapping) -> dict[frozenset[str], bool]:
    """By pair of values what is known without asking: whether they are one. Whoever kept two of their cards apart kept
    the values apart; that two of their cards are the same says nothing yet about the cards that name them."""
    value = mapping.values()
    found: dict[frozenset[str], bool] = {}
    for pair in MergeProposal.objects.filter(study=study).with_state():
        ends = frozenset(filter(None, (value.get(pair.first), value.get(pair.second))))
        same = pair.state == MergeState.OPEN
        if len(ends) == 2 and (not same or ends == {pair.first, pair.second}):
            found[ends] = found.get(ends, True) and same
    return found


class _Judge:
    """Asks the model about two of the cards unless the answer is known."""

    def __init__(
        self,
        study: Study,
        cards: Sequence[Card],
        vectors: Sequence[Sequence[float]],
        known: dict[frozenset[str], bool],
    ) -> None:
        self.study, self.cards, self.vectors, self.known = study, cards, vectors, known
        self.checks = 0
        self.kept: list[MergeState | None] = []

    def __call__(self, first: int, second: int) -> bool | None:
        ends = self.cards[first], self.cards[second]
        known = self.known.get(frozenset(card.code for card in ends))
        if known is not None:
            return known
        self.checks += 1
        key = f"same:{self.study.pk}:{ends[0].pk}:{ends[1].pk}:{rubric.VERSION}"
        try:
            reply = ask(rubric.ask(ends[0].card(), ends[1].card()), key=key, study=self.study.pk)
            verdict = rubric.read(reply.data)
        except (LLMError, ValueError):
            return None
        judged = MergeProposal(
            first=ends[0].code, second=ends[1].code, answers=dict(verdict.answers), rubric=rubric.VERSION,
            distance=cosine_distance(self.vectors[first], self.vectors[second]), call=reply.call_id,
            rehearsal=reply.rehearsal,
        )  # fmt: skip
        self.kept.append(deciding.keep(study=self.study, judged=judged))
        return verdict.same
