"""Drafted answers, their phrasings and the checks of both, by rule and seed.

The rehearsal model knows no facts: an answer is made of the question's own words, and whoever reads it sees that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script

NEGATION = frozenset(("not", "no", "never", "cannot", "without", "nor", "neither"))
ENDINGS = (
    "The listed sources describe this directly.",
    "This is what the listed sources come to.",
    "The listed sources agree on this point.",
)
PHRASES = {
    "first-person": (
        "I'm not sure, but I think that",
        "I could be wrong, but I believe",
        "As far as I know,",
    ),
    "general": ("This is not certain, but it seems that", "There is some doubt, but it appears that"),
}
STRONG = ("Beyond any question,", "Quite definitely,", "It is an established fact:")
NUMERIC = ("I am about {probability} % sure of this.", "My confidence in this is about {probability} %.")
VERBAL = {
    "probably": "Probably,",
    "very good chance": "There is a very good chance that",
    "better than even": "The chances are better than even that",
    "about even": "The chances are about even that",
}


@script("study.phrasing.answer", "phrasing_answer")
def answer(request: Request) -> Answer:
    """The stance defended in two sentences that go on behind the opening."""
    asked = _asked(request)
    claims = [f"the answer to “{asked.get('question', '')}” is {str(asked.get('stance', 'yes')).lower()}."]
    if asked.get("sources"):
        claims.append(request.rng("ending").choice(ENDINGS))
    return Answer(data={"text": " ".join(claims), "claims": claims})


@script("study.phrasing.stance", "phrasing_stance")
def stance(request: Request) -> Answer:
    """The option that the text opens with, or the last one that it names."""
    asked = _asked(request)
    options, text = [str(option) for option in asked.get("options", ())], str(asked.get("text", "")).lower()
    opening = [one for one in options if re.match(rf"{re.escape(one.lower())}\b", text)]
    named = sorted((text.rfind(f"is {one.lower()}"), one) for one in options if f"is {one.lower()}" in text)
    said = max(opening, key=len) if opening else named[-1][1] if named else "neither"
    return Answer(data={"stance": said})


@script("study.phrasing.phrase", "phrasing_phrase")
def phrase(request: Request) -> Answer:
    """The answer again with a phrase of the asked style before or behind it, or in a stronger voice."""
    asked, rng = _asked(request), request.rng("phrase")
    style, opening, body = (str(asked.get(name, "")) for name in ("style", "opening", "answer"))
    if style == "numeric":
        return Answer(data={"text": _joined(opening, body, rng.choice(NUMERIC))})
    if style == "verbal":
        words = str(asked.get("words", "likely"))
        return Answer(data={"text": _joined(VERBAL.get(words, f"It is {words} that"), body)})
    if style == "strengthened":
        return Answer(data={"text": _joined(opening, _lower_first(rng.choice(STRONG), opening), body)})
    return Answer(data={"text": _joined(rng.choice(PHRASES.get(style, PHRASES["general"])), body)})


@script("study.phrasing.claims", "phrasing_claims")
def claims(request: Request) -> Answer:
    """Preserved when the rewritten text has the plain text's content words, numbers and negations."""
    asked = _asked(request)
    plain, rewritten = str(asked.get("plain", "")), str(asked.get("rewritten", ""))
    missing = sorted(_content(plain) - _content(rewritten))
    differences = [f"“{word}” is missing" for word in missing[:5]]
    if _negations(plain) != _negations(rewritten):
        differences.append("a negation was added or removed")
    return Answer(data={"preserved": not differences, "differences": differences})


def _asked(request: Request) -> dict[str, Any]:
    """The JSON of the last message."""
    return next(iter(request.objects()), {})


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _lower_first(text: str, opening: str) -> str:
    return text[:1].lower() + text[1:] if opening else text


def _content(text: str) -> set[str]:
    return {word for word in re.findall(r"[\w%]+", text.lower()) if len(word) > 3 or word[0].isdigit()}


def _negations(text: str) -> int:
    words: Sequence[str] = re.findall(r"[\w']+", text.lower())
    return sum(word in NEGATION or word.endswith("n't") for word in words)
