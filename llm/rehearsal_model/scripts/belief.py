"""How sure the rehearsal model is: a fixed belief about each question, spoken as number, phrase, vote or
token.

The belief is drawn from the question's words, so it is the same in every run. The spoken number is
overconfident on purpose, so that a rehearsed calibration has something to recalibrate.
"""

from __future__ import annotations

import hashlib
import math

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script

OVERCONFIDENCE = 1.6  # the spoken log-odds are the believed ones times this
PHRASES = ((0.95, "almost certain"), (0.88, "highly likely"), (0.7, "likely"), (0.58, "better than even"))


def belief(question: str) -> float:
    """The probability of “yes”, between 0.02 and 0.98, from the question's letters."""
    words = " ".join(question.lower().split())
    return (
        0.02
        + 0.96 * int.from_bytes(hashlib.sha256(words.encode(errors="replace")).digest()[:6], "big") / 2**48
    )


def spoken(probability: float) -> float:
    """The probability as the model says it: further from one half than it believes."""
    odds = math.pow(probability / (1 - probability), OVERCONFIDENCE)
    return odds / (1 + odds)


@script("llm.confidence.number", "confidence_number")
def number(request: Request) -> Answer:
    yes, sure = _lean(request)
    return Answer(data={"answer": "yes" if yes else "no", "confidence": round(100 * spoken(sure))})


@script("llm.confidence.phrase", "confidence_phrase")
def phrase(request: Request) -> Answer:
    yes, sure = _lean(request)
    words = next((words for least, words in PHRASES if spoken(sure) >= least), "about even")
    return Answer(data={"answer": "yes" if yes else "no", "phrase": words})


@script("llm.confidence.vote")
def vote(request: Request) -> Answer:
    """One word, yes or no: at temperature 0 the likelier one, otherwise drawn from the belief by the seed."""
    p = belief(request.field("question") or request.last)
    yes = request.rng("vote").random() < p if request.temperature > 0 else p >= 0.5
    return Answer(text="yes" if yes else "no", token_probabilities=[p if yes else 1 - p])


def _lean(request: Request) -> tuple[bool, float]:
    """The likelier answer and the probability believed of it."""
    p = belief(request.field("question") or request.last)
    return p >= 0.5, max(p, 1 - p)
