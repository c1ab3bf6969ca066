"""Merging the cards of a study with the rehearsal model: one check a pair, decisions appended, taken back by a split."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from elicitation.models import Card, MappingDecision, mapping_of
from elicitation.values import merging
from llm.models import Call
from study.registration.models import Study
from tests.factories import collecting

pytestmark = pytest.mark.django_db(transaction=True)

SILENCE = ["SILENCES that want no filling", "WORDS that come back", "CHANGES in the voice of a friend"]
SHARES = ["SHARES that are equal", "PEOPLE who got less than others", "COUNTS that everyone can check"]
HEARING = [
    "JUDGES without a stake in the matter",
    "REASONS that are given in full",
    "DELAYS that wear somebody down",
]


@pytest.fixture
def study() -> Study:
    study = collecting()
    for code, title, policies in [
        ("a", "Patient Listening", SILENCE),
        ("b", "Listening Patiently", list(reversed(SILENCE))),
        ("c", "Plain Fairness", SHARES),
        ("d", "Plain Fairness", HEARING),
    ]:
        Card.objects.create(
            study=study, code=code, title=title, description="It matters.", policies=policies, digest=code
        )
    return study


def test_cards_that_say_the_same_are_merged_and_homonyms_are_not(study: Study, model: Any) -> None:
    done = merging.merge(study=study, by="ada", threshold=2.0)
    assert (done.cards, done.candidates, done.undecided) == (4, 6, 0)
    assert done.checks <= done.candidates
    assert Call.objects.filter(purpose="elicitation.same_value").count() == done.checks
    assert mapping_of(study.pk).members() == {"a": ("a", "b"), "c": ("c",), "d": ("d",)}
    again = merging.merge(study=study, by="ada", threshold=2.0)
    assert again.decisions == 0
    merging.split(study=study, cards=["b"], reason="not the same", by="eve")
    assert len(mapping_of(study.pk).members()) == 4
    assert mapping_of(study.pk).at(1).members()["a"] == ("a", "b")


def test_a_split_needs_a_reason_and_cards_that_are_there(study: Study) -> None:
    with pytest.raises(CommandError, match="reason"):
        call_command("values", "split", study.slug, cards=["a"], reason=" ")
    with pytest.raises(CommandError, match="no card z"):
        call_command("values", "split", study.slug, cards=["z"], reason="why")
    assert not MappingDecision.objects.exists()
