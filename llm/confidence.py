"""How sure is the model itself? Its confidence about yes/no questions, asked for in four ways.

Verbalised number, verbal phrase, share of agreement over n samples, and token probability where the API
gives it. Building the prompts and reading the replies are pure; scoring against the truth belongs to
`analysis`, and the truth never enters a prompt.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from llm import gateway
from llm.errors import BadReply, LLMError
from llm.prompts import Message, Prompt, Reply, Sampling, Schema

VERSION = "1"
YES_NO = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
# What a phrase is taken to mean, in percent: medians of 46 readers (zonination/perceptions, MIT licence).
PHRASES: Mapping[str, float] = {
    "almost certain": 95.0,
    "highly likely": 90.0,
    "very good chance": 80.0,
    "probably": 75.0,
    "likely": 70.0,
    "better than even": 60.0,
    "about even": 50.0,
}


class Way(StrEnum):
    NUMBER = "number"
    PHRASE = "phrase"
    SAMPLES = "samples"
    TOKENS = "tokens"


@dataclass(frozen=True)
class Belief:
    """The model's answer to one question and how sure it is of it, 0.5 to 1 (below 0.5: it contradicts
    itself).

    `probability_yes` is the same as a probability of yes. `calls` leads to the records.
    """

    item: str
    way: Way
    answer: str
    confidence: float
    calls: tuple[str, ...]

    @property
    def probability_yes(self) -> float:
        return self.confidence if self.answer == "yes" else 1 - self.confidence


def prompt(way: Way, question: str, *, seed: int | None = None) -> Prompt:
    """What is asked. The question stands alone: no source, no key, no arm."""
    template = f"llm.confidence.{'vote' if way in (Way.SAMPLES, Way.TOKENS) else way}"
    sampling = Sampling(
        temperature=1.0 if way == Way.SAMPLES else 0.0,
        seed=seed,
        max_tokens=8 if way in (Way.SAMPLES, Way.TOKENS) else 100,
        logprobs=way == Way.TOKENS,
    )
    system = Message("system", f"Task: {template}\n{INSTRUCTIONS[way]}")
    user = Message("user", f"Question: {question}")
    return Prompt((system, user), template, VERSION, schema=SCHEMAS.get(way), sampling=sampling)


def elicit(
    items: Mapping[str, str],
    way: Way,
    *,
    samples: int = 10,
    purpose: str = "llm.confidence",
    model: str = "",
    study: uuid.UUID | None = None,
) -> tuple[list[Belief], dict[str, LLMError]]:
    """Ask about each item (id → yes/no question); beliefs in the order of items, and the items that failed.

    study: the calls are in its record, under keys that `key_of` makes: what was asked once is not asked again.
    """
    beliefs, failed = [], {}
    for item, question in items.items():
        try:
            asked = replace(Asking(way, samples, purpose, model, study), item=item)
            beliefs.append(_believe(asked, question))
        except LLMError as error:
            failed[item] = error
    return beliefs, failed


@dataclass(frozen=True)
class Asking:
    """How one item is asked about."""

    way: Way
    samples: int
    purpose: str
    model: str
    study: uuid.UUID | None
    item: str = ""

    @property
    def seeds(self) -> Sequence[int | None]:
        return range(1, self.samples + 1) if self.way == Way.SAMPLES else [None]


def key_of(study: uuid.UUID, way: Way, item: str, model: str, seed: int | None) -> str:
    """The key of a call that a study's items are asked with."""
    return f"confidence:{study}:{way}:{item}:{model}:{seed or 0}"


def _believe(asked: Asking, question: str) -> Belief:
    replies = [
        gateway.complete(
            replace(prompt(asked.way, question, seed=seed), model=asked.model),
            purpose=f"{asked.purpose}.{asked.way}",
            key=key_of(asked.study, asked.way, asked.item, asked.model, seed) if asked.study else None,
            study=asked.study,
        )
        for seed in asked.seeds
    ]
    answer, confidence = read(asked.way, replies)
    return Belief(asked.item, asked.way, answer, confidence, tuple(reply.call_id for reply in replies))


def read(way: Way, replies: Sequence[Reply]) -> tuple[str, float]:
    """The answer and its confidence. Raises BadReply where a reply says neither yes nor no, or was erased."""
    if way == Way.SAMPLES:
        votes = [yes_or_no(reply.text) for reply in replies]
        share = votes.count("yes") / len(votes)
        return ("yes", share) if share >= 0.5 else ("no", 1 - share)
    reply = replies[0]
    if way == Way.TOKENS:
        return yes_or_no(reply.text), token_probability(reply)
    if reply.data is None:
        raise BadReply("schema", "no answer is recorded any more")
    answer = str(reply.data["answer"])
    if way == Way.NUMBER:
        return answer, float(reply.data["confidence"]) / 100
    return answer, PHRASES[reply.data["phrase"]] / 100


def yes_or_no(text: str) -> str:
    """The first word of `text`, which must be yes or no."""
    found = YES_NO.match(text)
    if found is None:
        raise BadReply("schema", f"neither yes nor no: {text[:60]!r}")
    return found[1].lower()


def token_probability(reply: Reply) -> float:
    """The probability of the token that says yes or no. Raises BadReply where the API gave none."""
    for token, logprob in reply.logprobs:
        if YES_NO.match(token):
            return min(1.0, math.exp(logprob))
    raise BadReply("schema", "the service gave no token probabilities")


ONE_WORD = "Answer the question with one word: yes or no."
INSTRUCTIONS: Mapping[Way, str] = {
    Way.NUMBER: "Answer the question with yes or no, and say how likely it is, from 0 to 100 percent,"
    " that your answer is right. Reply as JSON.",
    Way.PHRASE: "Answer the question with yes or no, and choose the phrase that says how likely it is"
    " that your answer is right. Reply as JSON.",
    Way.SAMPLES: ONE_WORD,
    Way.TOKENS: ONE_WORD,
}
SCHEMAS: Mapping[Way, Schema] = {
    Way.NUMBER: Schema(
        "confidence_number",
        {
            "type": "object",
            "properties": {
                "answer": {"enum": ["yes", "no"]},
                "confidence": {"type": "number", "minimum": 0, "maximum": 100},
            },
            "required": ["answer", "confidence"],
            "additionalProperties": False,
        },
    ),
    Way.PHRASE: Schema(
        "confidence_phrase",
        {
            "type": "object",
            "properties": {"answer": {"enum": ["yes", "no"]}, "phrase": {"enum": list(PHRASES)}},
            "required": ["answer", "phrase"],
            "additionalProperties": False,
        },
    ),
}
