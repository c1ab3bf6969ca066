"""Merging a study's cards: neighbours by embedding, one check of each candidate pair by the model, decisions appended.

Nothing is rewritten. What the judge called the same becomes one decision a group; a person can split it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from elicitation.asking import ask
from elicitation.models import Card, MappingDecision, mapping_of
from elicitation.values import rubric
from llm import gateway
from llm.errors import LLMError
from study.registration.models import Study

if TYPE_CHECKING:
    from elicitation.values.dedupe import Deduplication

THRESHOLD = 0.3  # cosine distance within which two cards are candidates


@dataclass(frozen=True)
class Merging:
    """What was looked at and decided: cards, candidate pairs, checks made, pairs without an answer, decisions added."""

    cards: int
    candidates: int
    checks: int
    undecided: int
    decisions: int
    values: int


def merge(*, study: Study, by: str, threshold: float = THRESHOLD) -> Merging:
    """Compare the study's canonical values and merge those that are one. Raises LLMError when the cards cannot be
    embedded; a pair that the model does not judge is not merged and counted. Never inside a transaction."""
    from elicitation.values.dedupe import deduplicate  # numpy, which pages do not load

    words = {row.code: row for row in Card.objects.filter(study=study).order_by("pk") if row.title}
    codes = [code for code in mapping_of(study.pk).members() if code in words]
    if len(codes) < 2:
        return Merging(len(codes), 0, 0, 0, 0, len(codes))
    cards = [words[code].card() for code in codes]
    vectors = gateway.embed(
        [card.text() for card in cards], purpose="elicitation.embed", study=study.pk
    ).vectors

    def judge(first: int, second: int) -> bool | None:
        key = f"same:{study.pk}:{words[codes[first]].pk}:{words[codes[second]].pk}:{rubric.VERSION}"
        try:
            prompt = rubric.ask(cards[first], cards[second])
            return rubric.read(ask(prompt, key=key, study=study.pk).data).same
        except (LLMError, ValueError):
            return None

    found = deduplicate(vectors, judge, threshold=threshold)
    added = _decide(study, codes, found, by)
    return Merging(
        len(codes), found.candidates, len(found.judgements), len(found.undecided), added, found.values
    )


@transaction.atomic
def _decide(study: Study, codes: list[str], found: Deduplication, by: str) -> int:
    """One merge for each group of more than one, numbered after the decisions that are there."""
    Study.objects.select_for_update().only("pk").get(pk=study.pk)
    last = MappingDecision.objects.filter(study=study).count()
    groups: dict[int, list[str]] = {}
    for place, first in enumerate(found.canonical):
        groups.setdefault(first, []).append(codes[place])
    merged = [group for group in groups.values() if len(group) > 1]
    MappingDecision.objects.bulk_create(
        MappingDecision(study=study, number=last + n, kind="merge", cards=group, by=by,
                        reason=f"rubric {rubric.VERSION}, cosine distance at most {found.threshold}")
        for n, group in enumerate(merged, start=1)
    )  # fmt: skip
    return len(merged)


def split(*, study: Study, cards: list[str], reason: str, by: str) -> MappingDecision:
    """Take cards out of their group again, as one value of their own. Raises ValueError for unknown cards and without
    a reason."""
    known = set(mapping_of(study.pk).cards)
    unknown = [card for card in cards if card not in known]
    if unknown or not cards or not reason.strip():
        raise ValueError(f"no card {', '.join(unknown)}" if unknown else "a split needs cards and a reason")
    with transaction.atomic():
        Study.objects.select_for_update().only("pk").get(pk=study.pk)
        number = MappingDecision.objects.filter(study=study).count() + 1
        return MappingDecision.objects.create(
            study=study, number=number, kind="split", cards=cards, reason=reason.strip(), by=by
        )
