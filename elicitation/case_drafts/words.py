"""The words of a drafted case, and what is wrong with them whatever a model says. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

TITLE, ABOUT, QUESTION, CONTEXT = (3, 80), (0, 400), (15, 800), (8, 200)  # characters
CONTEXTS = (1, 6)
MARKS = ("<", ">", "{", "}", "```", "Task:", "http://", "https://", "](")


class Unusable(ValueError):
    """An answer from which no case can be made; the message says why."""


@dataclass(frozen=True, slots=True)
class CaseWords:
    """A case as it may stand in a protocol."""

    title: str
    question: str
    contexts: tuple[str, ...]
    about: str = ""

    def tidy(self) -> CaseWords:
        """Each text on one line, contexts without repetition and without a full stop."""
        contexts = dict.fromkeys(" ".join(one.split()).rstrip(". ") for one in self.contexts)
        texts = {name: " ".join(getattr(self, name).split()) for name in ("title", "question", "about")}
        return replace(self, contexts=tuple(one for one in contexts if one), **texts)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"contexts": list(self.contexts)}


def read(said: object) -> CaseWords:
    """A case of the model's answer. Raises Unusable for anything that is not texts where texts belong."""
    if not isinstance(said, Mapping):
        raise Unusable("a case is no object")
    texts = {name: said.get(name) for name in ("title", "question", "about")}
    contexts = said.get("contexts")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(contexts, list):
        raise Unusable("a case lacks its title, its question, its situation or its contexts")
    if not all(isinstance(one, str) for one in contexts):
        raise Unusable("a context is no text")
    return CaseWords(contexts=tuple(contexts), **{name: str(text) for name, text in texts.items()}).tidy()


def problems_of(case: CaseWords, *, known: Sequence[str] = ()) -> list[str]:
    """What is wrong with the form of a case. known: titles and questions that are there already.

    >>> problems_of(CaseWords("A <b>", "Is it right to tell her?", ("When it hurts",)))
    ['The title has 3 to 80 characters and is plain text.']
    """
    found = []
    for name, text, (fewest, most) in (
        ("title", case.title, TITLE),
        ("situation", case.about, ABOUT),
        ("question", case.question, QUESTION),
    ):
        if not fewest <= len(text) <= most or not _plain(text):
            found.append(f"The {name} has {fewest} to {most} characters and is plain text.")
    if not CONTEXTS[0] <= len(case.contexts) <= CONTEXTS[1]:
        found.append(
            f"A case has {CONTEXTS[0]} to {CONTEXTS[1]} contexts; this one has {len(case.contexts)}."
        )
    found += [
        f"A context begins with “When ” and is plain text: “{context[:60]}”."
        for context in case.contexts[: CONTEXTS[1]]
        if not _is_context(context)
    ]
    if {case.title.casefold(), case.question.casefold()} & {text.casefold() for text in known}:
        found.append("There is a case with this title or this question already.")
    return found


def _is_context(text: str) -> bool:
    return text.startswith("When ") and CONTEXT[0] <= len(text) <= CONTEXT[1] and _plain(text)


def _plain(text: str) -> bool:
    return text.isprintable() and not any(mark.casefold() in text.casefold() for mark in MARKS)
