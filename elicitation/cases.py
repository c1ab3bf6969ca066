"""Case sets from files, and a crosswalk from words of values to theories. Pure: files in, plain data out.

DailyDilemmas (Chiu et al. 2024, CC BY 4.0) is one such set. Its dilemmas and labels were written by a model: good as
cases and for orientation, never as what people hold.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

QUESTION = ("question", "dilemma_situation")  # our column's name, then DailyDilemmas'
TITLE = ("title", "basic_situation")
ID = ("id", "idx")
THEORIES = ("WVS", "MFT", "Virtue", "Emotion", "Maslow")
WORD = re.compile(r"[^\W_]+")
LONGEST = 4000  # characters of a question; longer is text in the wrong column


class CaseError(ValueError):
    """A file that holds no cases; the message names line and column."""


def read(path: str | Path) -> list[dict[str, str]]:
    """Cases of a CSV file (UTF-8, with a header): id, title, question. Raises CaseError, and OSError without a file."""
    cases: list[dict[str, str]] = []
    for line, row in _rows(path):
        question = _one(row, QUESTION)
        if not question or len(question) > LONGEST:
            wrong = (
                f"has {len(question)} characters, at most {LONGEST} are allowed" if question else "is empty"
            )
            raise CaseError(f"line {line}: the question {wrong}")
        name = _one(row, ID) or str(len(cases) + 1)
        title = _one(row, TITLE).rstrip(".") or question[:60]
        cases.append({"id": id_of(name), "title": title[:1].upper() + title[1:], "question": question})
    twice = {
        case["id"] for number, case in enumerate(cases) if case["id"] in [c["id"] for c in cases[:number]]
    }
    if twice:
        raise CaseError(f"the id {sorted(twice)[0]!r} occurs more than once")
    if not cases:
        raise CaseError("the file holds no cases")
    return cases


def as_yaml(cases: list[dict[str, str]]) -> str:
    """The cases as they stand under a values-card stage's `cases:`."""
    return yaml.safe_dump(cases, allow_unicode=True, sort_keys=False, width=110)


def crosswalk(path: str | Path) -> dict[str, dict[str, str]]:
    """Words of values, each with its label in five theories (those it has one in), from a file as DailyDilemmas'
    values.csv: value, WVS, MFT, Virtue, Emotion, Maslow. Raises CaseError."""
    found = {}
    for line, row in _rows(path):
        word = (row.get("value") or "").strip().lower()
        if not word:
            raise CaseError(f"line {line}: the column 'value' is missing or empty")
        found[word] = {theory: label for theory in THEORIES if (label := (row.get(theory) or "").strip())}
    return found


def theories(text: str, walk: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Labels by theory of the values whose words stand in a text (a card's title and description).

    >>> theories("Quiet trust", {"trust": {"Maslow": "love and belonging"}, "duty": {"MFT": "Authority"}})
    {'Maslow': ['love and belonging']}
    """
    said = " " + " ".join(WORD.findall(text.lower())) + " "
    labels: dict[str, set[str]] = {}
    for word, row in walk.items():
        if f" {word} " in said:
            for theory, label in row.items():
                labels.setdefault(theory, set()).add(label)
    return {theory: sorted(labels[theory]) for theory in sorted(labels)}


def _rows(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise CaseError(f"the file is no CSV in UTF-8: {error}") from None


def _one(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(row[name]).strip() for name in names if row.get(name)), "")


def id_of(name: str) -> str:
    """An id as the protocol allows: lower-case letters, digits and dashes, beginning with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50]
    return plain if plain[:1].isalpha() else f"case-{plain}"
