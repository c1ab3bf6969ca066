"""Answers to questions: drafts with a given stance, live advice, rephrasings and the check of a rephrasing.

The rehearsal model knows no facts. A draft defends the stance that it is told to defend, in words taken from
the question and the sources, and says that it is a rehearsal.
"""

from __future__ import annotations

import re

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script
from llm.rehearsal_model.scripts.belief import belief

SMALL = frozenset(("is", "are", "was", "does", "do", "did", "can", "will", "has", "have", "may"))
NEGATION = frozenset(("not", "no", "never", "cannot", "without", "nor", "neither"))
STRONGER = "There is no doubt about it: {}"


@script("study.draft", "drafted_answer")
def draft(request: Request) -> Answer:
    """`stance` (an option of the question) defended in two sentences, with its claims listed."""
    question, stance = request.field("question"), request.field("stance") or "yes"
    claims = [
        f"{statement(question, positive=stance.lower() != 'no')}.",
        "The cited sources describe this directly.",
    ]
    return Answer(data={"answer": " ".join(claims), "claims": claims, "note": "rehearsal draft"})


@script("study.rephrase", "rephrased_answer")
def rephrase(request: Request) -> Answer:
    """The text of the last message in the asked style; its claims are left as they are."""
    text, style = request.field("text"), request.field("style")
    if style == "strengthened":
        text = STRONGER.format(text[:1].lower() + text[1:])
    return Answer(data={"text": text})


@script("study.claims_check", "claims_check")
def claims_check(request: Request) -> Answer:
    """Preserved when the rewritten text has the plain text's content words, numbers and negations."""
    plain, rewritten = request.field("plain"), request.field("rewritten")
    missing = sorted(_content(plain) - _content(rewritten))
    differences = [f"“{word}” is missing" for word in missing[:5]]
    if _negations(plain) != _negations(rewritten):
        differences.append("a negation was added or removed")
    return Answer(data={"preserved": not differences, "differences": differences})


@script("study.advice")
def advice(request: Request) -> Answer:
    """A short answer to the participant's question, leaning as the model's fixed belief does."""
    question = request.field("question") or request.last
    yes = belief(question) >= 0.5
    text = f"{'Yes' if yes else 'No'}, {_lower_first(statement(question, positive=yes))}. (Rehearsal answer.)"
    return Answer(text=text)


def statement(question: str, *, positive: bool) -> str:
    """The question as a statement: “Is fever common?” becomes “Fever is common”, or “Fever is not common”."""
    words = question.strip().rstrip("?!. ").split()
    if len(words) < 3 or words[0].lower() not in SMALL:
        return f"the answer is {'yes' if positive else 'no'}"
    verb, subject, rest = words[0].lower(), words[1], " ".join(words[2:])
    return f"{subject[:1].upper()}{subject[1:]} {verb} {'' if positive else 'not '}{rest}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _content(text: str) -> set[str]:
    return {word for word in re.findall(r"[\w%]+", text.lower()) if len(word) > 3 or word[0].isdigit()}


def _negations(text: str) -> int:
    words = re.findall(r"[\w']+", text.lower())
    spoken = [word for word in words if word in NEGATION or word.endswith("n't")]
    return len(spoken) - text.lower().count("no doubt")
