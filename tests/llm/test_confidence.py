"""The model's own confidence, asked for in four ways and read back without its truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from llm import confidence
from llm.confidence import Belief, Way
from llm.errors import BadReply
from llm.models import Call
from llm.prompts import Reply
from llm.rehearsal_model.scripts.belief import belief, spoken
from llm.rehearsal_model.server import ThreadedServer

QUESTIONS = {f"q{n}": f"Is statement number {n} right?" for n in range(6)}


def said(text: str = "", **more: Any) -> Reply:
    return Reply(text, text, "m", **more)


@pytest.mark.parametrize(
    ("text", "answer"), [("Yes.", "yes"), (" no", "no"), ("**Yes**, because", "yes"), ("“No”", "no")]
)
def test_the_first_word_is_the_answer(text: str, answer: str) -> None:
    assert confidence.yes_or_no(text) == answer


@pytest.mark.parametrize("text", ["", "Maybe", "yesterday", "I think yes", "nobody"])
def test_what_is_neither_yes_nor_no_is_refused(text: str) -> None:
    with pytest.raises(BadReply):
        confidence.yes_or_no(text)


def test_the_share_of_agreement_is_the_confidence_in_the_commoner_answer() -> None:
    votes = [said("no")] * 7 + [said("yes")] * 3
    assert confidence.read(Way.SAMPLES, votes) == ("no", 0.7)
    assert confidence.read(Way.SAMPLES, [said("yes"), said("no")]) == ("yes", 0.5)


def test_the_token_that_says_it_gives_the_probability() -> None:
    reply = said("Yes", logprobs=((" ", -0.01), ("Yes", math.log(0.8))))
    answer, sure = confidence.read(Way.TOKENS, [reply])
    assert (answer, sure) == ("yes", pytest.approx(0.8))
    with pytest.raises(BadReply, match="no token probabilities"):
        confidence.read(Way.TOKENS, [said("Yes")])


def test_a_number_and_a_phrase_are_read_as_probabilities() -> None:
    assert confidence.read(Way.NUMBER, [said(data={"answer": "no", "confidence": 65})]) == ("no", 0.65)
    assert confidence.read(Way.PHRASE, [said(data={"answer": "yes", "phrase": "likely"})]) == ("yes", 0.7)
    assert Belief("q", Way.NUMBER, "no", 0.65, ()).probability_yes == pytest.approx(0.35)


def test_the_phrase_table_is_the_published_median_of_readers() -> None:
    import csv
    import statistics

    from tests.shared_data import shared

    columns = {"almost certain": "Almost Certainly", "probably": "Probably", "likely": "Likely"} | {
        name: name.title() for name in ("highly likely", "very good chance", "better than even", "about even")
    }
    with Path(shared("data", "probability-words", "probly.csv")).open() as file:
        rows = list(csv.DictReader(file))
    for phrase, percent in confidence.PHRASES.items():
        assert statistics.median(float(row[columns[phrase]]) for row in rows) == percent


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", list(Way))
def test_each_way_finds_the_rehearsal_models_fixed_belief(way: Way, model: ThreadedServer) -> None:
    beliefs, failed = confidence.elicit(QUESTIONS, way, samples=12)
    assert not failed
    assert [one.item for one in beliefs] == list(QUESTIONS)
    if way == Way.SAMPLES:
        shares = [one.probability_yes for one in beliefs]
        believed = [belief(question) for question in QUESTIONS.values()]
        assert abs(sum(shares) - sum(believed)) < 4 * math.sqrt(sum(p * (1 - p) / 12 for p in believed))
    for one in beliefs:
        p = belief(QUESTIONS[one.item])
        sure = max(p, 1 - p)
        wanted = {Way.NUMBER: round(100 * spoken(sure)) / 100, Way.TOKENS: sure}.get(way)
        if wanted is not None:
            assert one.confidence == pytest.approx(wanted)
        if way != Way.SAMPLES:
            assert one.answer == ("yes" if p >= 0.5 else "no")
        else:
            votes = [Call.objects.get(pk=call).text for call in one.calls]
            assert one.probability_yes == pytest.approx(votes.count("yes") / 12)
        assert Call.objects.filter(pk__in=one.calls, rehearsal=True).count() == (
            12 if way == Way.SAMPLES else 1
        )


@pytest.mark.django_db(transaction=True)
def test_items_that_fail_are_named_and_the_others_go_on(model: ThreadedServer) -> None:
    model.fault("empty", match="number 3")
    beliefs, failed = confidence.elicit(QUESTIONS, Way.NUMBER)
    assert len(beliefs) == 5
    assert failed["q3"].kind == "empty"
