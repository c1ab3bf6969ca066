"""YAML to plain values, with the place of every key and value.

Read as YAML 1.2's core schema: `yes`, `no`, `on` are words, only true and false are booleans, and a date is
a text. Hostile files are refused early: size, depth, number of values, anchors and aliases, tags, duplicate
keys, second documents. The events of PyYAML's parser are consumed one by one, so nothing is built from a
file that is refused.

libyaml gives the events in a tenth of PyYAML's time, and the same values. What it does not accept is read once more by
PyYAML, whose marks and words the messages are made of; texts with tabs or unusual characters are read by PyYAML only.
(libyaml is a little more lenient: it takes a question mark inside a plain text of a flow list, as YAML 1.2 does.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml
from yaml import events

from study.protocol.problems import Problem, ProtocolError

MAX_BYTES = 2_000_000
MAX_DEPTH = 30
MAX_VALUES = 50_000

Path = tuple[str | int, ...]
LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8785)."""

_UNUSUAL = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Tabs, carriage returns, byte order marks, Unicode's line breaks and whatever YAML refuses."""

_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?"
)
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a value or a key stands, counted from 1."""

    line: int
    column: int
    file: str = ""


@dataclass
class Places:
    """Where every value and every key of a document stands, by path."""

    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def of(self, path: Path) -> Place:
        """The place of a path's value, or of the nearest part above it that was written; line 0 if nothing was."""
        for length in range(len(path), -1, -1):
            if (place := self.values.get(path[:length])) is not None:
                return place
        return Place(0, 0)

    def of_key(self, path: Path) -> Place:
        """The place of a path's key, else of its value."""
        return self.keys.get(path) or self.of(path)


def scalar(text: str) -> bool | int | float | str | None:
    """A plain (unquoted) scalar by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return int(text)
    except ValueError:
        return float(text)


def parse(text: str) -> tuple[Any, Places]:
    """The document's value and its places. Raises ProtocolError."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ProtocolError([_problem(Place(1, 1), f"The file is larger than {MAX_BYTES:,} bytes")])
    loaders: list[Any] = [yaml.SafeLoader] if _UNUSUAL.search(text) else [yaml.CSafeLoader, yaml.SafeLoader]
    for loader in loaders:
        reader = _Reader(text, loader)
        value = reader.document()
        if not reader.problems:
            return value, reader.places
    raise ProtocolError(reader.problems)


class _Refused(Exception):
    """Stops reading at once; the problem is already noted."""


class _Reader:
    """Builds values from parser events, noting places and problems."""

    def __init__(self, text: str, loader: Any) -> None:
        self.text = text
        self.loader = loader
        self.places = Places()
        self.problems: list[Problem] = []
        self.count = 0
        self.events: Iterator[events.Event] = iter(())

    def document(self) -> Any:
        """The value of the only document; None with problems noted if the text is no YAML that we accept."""
        try:
            self.events = iter(yaml.parse(self.text, Loader=self.loader))
            self._expect(events.StreamStartEvent)
            if not isinstance(start := next(self.events), events.DocumentStartEvent):
                self._refuse(start, "The file is empty")
            value = self._value(next(self.events), (), 0)
            self._expect(events.DocumentEndEvent)
            if not isinstance(more := next(self.events), events.StreamEndEvent):
                self._refuse(more, "A second document begins here ('---')", "one document a file")
            return value
        except _Refused:
            return None
        except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
            self.problems.append(_syntax(error, self.text))
            return None

    def _expect(self, kind: type[events.Event]) -> None:
        event = next(self.events)
        if not isinstance(event, kind):
            self._refuse(event, "The file cannot be read as YAML")

    def _value(self, event: events.Event, path: Path, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            self._refuse(event, f"The file holds more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            self._refuse(event, f"Nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, events.AliasEvent):
            self._refuse(event, f"The alias *{event.anchor} is not allowed: write the text out")
        if isinstance(event, events.NodeEvent) and event.anchor:
            self._refuse(event, f"The anchor &{event.anchor} is not allowed: write the text out")
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            self._refuse(
                event,
                f"The tag {tag} is not allowed",
                "plain text, numbers, true, false, lists, mappings",
            )
        self.places.values[path] = _place(event)
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _scalar(self, event: events.ScalarEvent, path: Path) -> Any:
        found = CONTROL.search(event.value)
        if found:
            message = f"Holds the character U+{ord(found[0]):04X}, which no page can show"
            self.problems.append(_problem(_place(event), message, where=name(path)))
        if event.style:
            return event.value
        value = scalar(event.value)
        if isinstance(value, int | float) and abs(value) > LARGEST:
            message = f"The number {event.value} is too large to be kept exactly"
            self.problems.append(
                _problem(_place(event), message, f"up to {LARGEST}, or a text in quotes", name(path))
            )
        return value

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), events.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values)), depth + 1))
        return values

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), events.MappingEndEvent):
            key = self._key(event)
            here = (*path, key)
            if key in values:
                first = self.places.keys[here].line
                message = f"'{key}' was already given on line {first}"
                self.problems.append(_problem(_place(event), message, "each field once", name(here)))
                here = (*path, f"{key} (again)")
            self.places.keys[here] = _place(event)
            value = self._value(next(self.events), here, depth + 1)
            values.setdefault(key, value)
        return values

    def _key(self, event: events.Event) -> str:
        if not isinstance(event, events.ScalarEvent):
            self._refuse(event, "A list or mapping cannot name a field")
            raise AssertionError  # _refuse has raised
        if event.anchor or event.tag not in (None, "!"):
            self._refuse(event, "Anchors and tags are not allowed on names of fields")
        if event.value == "<<" and not event.style:
            self._refuse(event, "Merging with << is not allowed: write the fields out")
        return event.value

    def _refuse(self, event: events.Event, message: str, allowed: str = "") -> None:
        self.problems.append(_problem(_place(event), message, allowed))
        raise _Refused


def name(path: Path, document: Any = None) -> str:
    """A path in words: `items[acne].advice.answer`; a list entry by its id where it has one, else by its number."""
    words = ""
    for part in path:
        document = _inside(document, part)
        if isinstance(part, int):
            ident = document.get("id") if isinstance(document, dict) else None
            words += f"[{ident}]" if isinstance(ident, str) else f"[{part + 1}]"
        else:
            words += f".{part}" if words else str(part)
    return words


def nearest(word: str, known: list[str]) -> str:
    """The known word most like this one, or ''."""
    found = get_close_matches(word.lower().replace("-", "_"), known, n=1, cutoff=0.55)
    return found[0] if found else ""


def _inside(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _place(event: events.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _problem(place: Place, message: str, allowed: str = "", where: str = "") -> Problem:
    return Problem(
        place.file, place.line, place.column, where, message + ("" if message.endswith(".") else "."), allowed
    )


def _syntax(error: Exception, text: str) -> Problem:
    """A syntax error in words; the commonest causes get their remedy."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        return _problem(place, f"Holds the character U+{int(error.character):04X}, which YAML does not allow")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    said = str(getattr(error, "problem", "") or error)
    hint = ""
    if "found unexpected end of stream" in said and (opened := getattr(error, "context_mark", None)):
        place = Place(opened.line + 1, opened.column + 1)
    if "mapping values are not allowed" in said:
        hint = "Put a text that holds ': ' in quotes, or check the indentation"
    elif "'\\t'" in said:
        hint = "Indent with spaces, not tabs"
    elif "found unexpected end of stream" in said:
        hint = "A quote is opened and not closed"
    elif "expected <block end>" in said or "could not find expected ':'" in said:
        hint = "Check the indentation, that every field has its ':', and that every quote is closed"
    return _problem(place, f"This is not valid YAML ({said}). {hint}".strip())
