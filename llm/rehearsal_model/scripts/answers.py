"""Answers to questions: drafts with a given stance, live advice, rephrasings and the check of a rephrasing.

The rehearsal model knows no facts. A draft defends the stance that it is told to defend, in words taken from
the question and the sources, and says that it is a rehearsal.
"""

from __future__ import annotations

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script
from llm.rehearsal_model.scripts.belief import belief

SMALL = frozenset(("is", "are", "was", "does", "do", "did", "can", "will", "has", "have", "may"))


@script("study.draft", "drafted_answer")
def draft(request: Request) -> Answer:
    """`stance` (an option of the question) defended in two sentences, with its claims listed."""
    question, stance = request.field("question"), request.field("stance") or "yes"
    claims = [
        f"{statement(question, positive=stance.lower() != 'no')}.",
        "The cited sources describe this directly.",
    ]
    return Answer(data={"answer": " ".join(claims), "claims": claims, "note": "rehearsal draft"})


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
