"""What can be checked of a drafted text without asking anybody. Pure."""

from __future__ import annotations

import re
from collections import Counter

from study.phrasing.kinds import MARK, STYLES
from study.phrasing.models import Kind

THRESHOLD = 0.25
"""Cosine distance beyond which a rewritten answer is refused. Declared, and stored with every check."""
SHORTEST, LONGEST, LONGEST_PHRASE = 15, 1500, 140  # characters
FIRST_PERSON = re.compile(r"\b(?:I|[Mm]y|[Mm]e|[Ww]e|[Oo]ur|[Uu]s)\b")
HEDGES = re.compile(
    r"\b(?:not (?:sure|certain|clear)|unsure|uncertain|perhaps|maybe|possibly|probably|presumably|apparently|might be"
    r"|i (?:think|believe|guess|suppose)|it (?:seems|appears)|as an ai|language model|in fact false|incorrect)\b",
    re.IGNORECASE,
)
NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")


class Drift(ValueError):
    """A text changes more than its kind may; the message says what, in words for a researcher."""


def lead_of(label: str, options: int) -> str:
    """What opens the plain answer of an option: its label and a comma where the question is a yes-or-no one."""
    return f"{label}," if options == 2 and len(label.split()) <= 2 else ""


def joined(*parts: str) -> str:
    """Parts with a space between, as `study.protocol.stimulus` joins them."""
    return " ".join(part for part in parts if part)


def plain_body(text: str, lead: str) -> str:
    """The body of a plain answer written in one with its lead. Raises Drift with everything that is wrong."""
    if lead and not text.startswith(lead + " "):
        raise Drift(f"A plain answer begins with “{lead}”.")
    body = text[len(lead) + 1 :] if lead else text
    if problems := body_problems(body, lead):
        raise Drift(" ".join(problems))
    return body


def body_problems(body: str, lead: str = "") -> list[str]:
    """What is wrong with the body of a plain answer.

    >>> body_problems("whales breathe air and suckle their young.")
    []
    >>> body_problems("I think that whales breathe air.")
    ['It hedges (“I think”): a plain answer does not.']
    """
    found = []
    if not SHORTEST <= len(body) <= LONGEST:
        found.append(f"An answer has {SHORTEST} to {LONGEST} characters; this one has {len(body)}.")
    if body != " ".join(body.split()):
        found.append("An answer is one paragraph without surplus blanks.")
    if "{" in body or "}" in body:
        found.append("An answer holds no braces.")
    if lead and body.lower().startswith(lead.lower()):
        found.append(f"The body repeats “{lead}”.")
    if hedge := HEDGES.search(body):
        found.append(f"It hedges (“{hedge[0]}”): a plain answer does not.")
    return found


def phrase_of(kind: str, text: str, *, body: str, lead: str, wanted: str = "") -> str:
    """The phrase of a text of a kind whose other words must be the plain answer's, letter for letter.

    body, lead: of the plain answer. wanted: words that a phrase of probability has to hold. Raises Drift.
    """
    phrase = _outside(kind, text, body, lead)
    problems = _phrase_problems(kind, phrase, wanted)
    if problems:
        raise Drift(" ".join(problems))
    return phrase


def _outside(kind: str, text: str, body: str, lead: str) -> str:
    """What stands before or behind the plain answer. Raises Drift where that is not there as it was."""
    if STYLES[kind].placement == "prefix":
        if not text.endswith(" " + body):
            raise Drift("The text behind the phrase is not the plain answer, letter for letter.")
        return text[: -len(body) - 1]
    plain = joined(lead, body)
    if not text.startswith(plain + " "):
        raise Drift("The text before the phrase is not the plain answer, letter for letter.")
    return text[len(plain) + 1 :]


def _phrase_problems(kind: str, phrase: str, wanted: str) -> list[str]:
    found = []
    if not phrase.strip() or phrase != " ".join(phrase.split()) or len(phrase) > LONGEST_PHRASE:
        found.append(f"A phrase is one line of 1 to {LONGEST_PHRASE} characters without surplus blanks.")
    if kind == Kind.NUMERIC:
        if phrase.count(MARK) != 1:
            found.append(f"The phrase holds {MARK} exactly once.")
        phrase = phrase.replace(MARK, "")
    if re.search(r"[\d{}]", phrase):
        found.append("A phrase gives no number of its own.")
    named = FIRST_PERSON.search(phrase)
    if kind in (Kind.FIRST, Kind.NUMERIC) and not named:
        found.append("Nobody speaks in the first person.")
    if kind in (Kind.GENERAL, Kind.VERBAL) and named:
        found.append(f"“{named[0]}” makes it the first person.")
    if wanted and not re.search(rf"\b{re.escape(wanted)}\b", phrase, re.IGNORECASE):
        found.append(f"The phrase does not hold the words “{wanted}”.")
    return found


def rewritten_problems(text: str, plain: str) -> list[str]:
    """What is wrong with a rewritten answer, as far as letters tell: the model and the distance judge the rest."""
    found = []
    if not SHORTEST <= len(text) <= LONGEST or text != " ".join(text.split()) or "{" in text:
        found.append(f"An answer is one paragraph of {SHORTEST} to {LONGEST} characters without braces.")
    if text == plain:
        found.append("Nothing was rewritten.")
    before, after = Counter(NUMBERS.findall(plain)), Counter(NUMBERS.findall(text))
    if before != after:
        changed = ", ".join(sorted((before - after) | (after - before)))
        found.append(f"Numbers were changed, added or dropped: {changed}.")
    if hedge := HEDGES.search(text):
        found.append(f"It hedges (“{hedge[0]}”): a strengthened answer does not.")
    return found
