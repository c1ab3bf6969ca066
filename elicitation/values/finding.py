"""Finding cards that may be one value: neighbours by embedding, one check of each candidate pair by the model.

What comes of it are proposals: a person decides (see `deciding`). Each answer is stored as it comes, so that a search
that was cut off goes on where it stopped, and no pair is ever asked about twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from analysis.distances import cosine_distance
from elicitation import library, quoting
from elicitation.asking import ask
from elicitation.models import Card, mapping_of
from elicitation.values import deciding, rubric
from elicitation.values.mapping import ValueMapping
from elicitation.values.models import MergeProposal, MergeState
from llm import conf, gateway
from llm.errors import LLMError
from llm.prompts import Reply
from study.registration.audit import audit
from study.registration.models import Study

THRESHOLD = 0.3  # cosine distance within which two cards are candidates
EMBED = "elicitation.embed"
AT_ONCE = 8  # pairs put to the model together; never more than the places that batch work may fill
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
    from elicitation.values.dedupe import deduplicate_together  # numpy, which pages do not load

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
    judges = _Judges(study, [words[code] for code in codes], vectors, known_pairs(study, mapping))
    with judges.at_work():
        found = deduplicate_together(vectors, judges, at_once=judges.places, threshold=threshold, told=told)
    deciding.settle(study)
    made = Found(
        threshold=threshold, cards=held, values=len(codes), candidates=found.candidates, checks=judges.checks,
        undecided=len(found.undecided), proposed=judges.kept.count(MergeState.OPEN),
        apart=judges.kept.count(MergeState.APART),
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


class _Judges:
    """Ask the model about pairs of the cards, several at once, unless the answer is known."""

    def __init__(
        self,
        study: Study,
        cards: Sequence[Card],
        vectors: Sequence[Sequence[float]],
        known: dict[frozenset[str], bool],
    ) -> None:
        self.study, self.cards, self.vectors, self.known = study, cards, vectors, known
        limits = conf.current()
        self.places = max(1, min(AT_ONCE, int(limits.concurrent * limits.batch_share)))
        self.checks = 0
        self.kept: list[MergeState | None] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The threads that wait for the model."""
        with ThreadPoolExecutor(self.places, thread_name_prefix="same-value") as self.threads:
            yield

    def __call__(self, pairs: Sequence[tuple[int, int]]) -> list[bool | None]:
        """What is known or answered, in the order of the pairs; answers are kept in that order too."""
        known = {pair: self.known.get(frozenset(self.cards[at].code for at in pair)) for pair in pairs}
        unknown = [pair for pair in pairs if known[pair] is None]
        self.checks += len(unknown)
        for pair, answer in zip(unknown, self.threads.map(self._ask, unknown), strict=True):
            if answer is not None:
                known[pair] = self._keep(pair, *answer)
        return [known[pair] for pair in pairs]

    def _ask(self, pair: tuple[int, int]) -> tuple[Reply, rubric.Verdict] | None:
        """In a thread of its own, with a database connection of its own; None without a usable answer."""
        first, second = (self.cards[at] for at in pair)
        key = quoting.key("same", self.study.pk, (first, second), rubric.VERSION)
        try:
            reply = ask(rubric.ask(first.card(), second.card()), key=key, study=self.study.pk)
            return reply, rubric.read(reply.data)
        except (LLMError, ValueError):
            return None
        finally:
            connection.close()

    def _keep(self, pair: tuple[int, int], reply: Reply, verdict: rubric.Verdict) -> bool:
        first, second = pair
        judged = MergeProposal(
            first=self.cards[first].code, second=self.cards[second].code, answers=dict(verdict.answers),
            rubric=rubric.VERSION, distance=cosine_distance(self.vectors[first], self.vectors[second]),
            call=reply.call_id, rehearsal=reply.rehearsal,
        )  # fmt: skip
        self.kept.append(deciding.keep(study=self.study, judged=judged))
        return verdict.same
