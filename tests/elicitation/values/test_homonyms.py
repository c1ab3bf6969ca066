"""The thirty homonyms through the real gateway: none is merged, and no candidate pair is asked about twice."""

from __future__ import annotations

from typing import Any

import pytest

from elicitation.asking import ask
from elicitation.models import Card, MappingDecision
from elicitation.values import deciding, finding, rubric
from llm.models import Call
from tests.elicitation.values.homonyms import HOMONYMS
from tests.factories import collecting

pytestmark = pytest.mark.django_db(transaction=True)


def test_none_of_thirty_homonyms_is_merged_and_each_candidate_is_checked_at_most_once(model: Any) -> None:
    """A twin in other words is merged, so that a judge who always says no would not pass."""
    study = collecting(mode="rehearsal")
    first = HOMONYMS[0][0]
    cards = [card for pair in HOMONYMS for card in pair]
    cards.append(type(first)("Same Shares", first.description, tuple(reversed(first.policies))))
    for number, card in enumerate(cards):
        Card.objects.create(study=study, code=f"h{number}", digest=str(number), **card.as_json())
    assert len(HOMONYMS) == 30
    done = finding.find(study=study, by="ada", threshold=0.5)
    deciding.accept_all(study=study, by="ada")
    checked = Call.objects.filter(purpose=rubric.TEMPLATE)
    assert done.undecided == 0
    assert 0 < done.checks <= done.candidates
    assert checked.count() == done.checks
    assert [sorted(one.cards) for one in MappingDecision.objects.all()] == [["h0", "h60"]]


def test_the_judge_calls_each_of_the_thirty_pairs_different(model: Any) -> None:
    study = collecting()
    said = [
        rubric.read(ask(rubric.ask(one, other), key=f"homonym:{number}", study=study.pk).data).same
        for number, (one, other) in enumerate(HOMONYMS)
    ]
    assert said == [False] * 30
    assert Call.objects.filter(purpose=rubric.TEMPLATE).count() == 30
