"""A study's protocol as text with what is to be said of its lines.

Reading, judging and writing out a document take longer than a page may. What comes of a text depends on nothing else,
so it is kept by the text itself (or its hash): a document that changed is another key, and nothing old is ever shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

import yaml
from django.db.models import TextField
from django.db.models.functions import Cast
from django.template.loader import render_to_string

from study.panel.models import DraftVersion
from study.protocol import (
    Change,
    Document,
    Problem,
    Protocol,
    ProtocolError,
    difference,
    document,
    from_canonical,
    lint,
    read_document,
    sha256,
)
from study.registration.errors import WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import Registration, Study

KEPT = 48  # documents a process; one with all its texts takes about a megabyte


@dataclass(frozen=True)
class Mark:
    """One remark on a text: level error, warning or note; line from 1, 0 for the whole document."""

    level: str
    line: int
    where: str
    message: str
    code: str = ""


@dataclass(frozen=True)
class Checked:
    """A text, the protocol it is (None if it is none), and everything to say of it, in the order of its lines."""

    text: str
    protocol: Protocol | None
    marks: tuple[Mark, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many errors, warnings and notes."""
        return {level: sum(m.level == level for m in self.marks) for level in ("error", "warning", "note")}

    @cached_property
    def lines(self) -> list[tuple[int, str, list[Mark]]]:
        """Every line with its number and its remarks."""
        by_line: dict[int, list[Mark]] = {}
        for mark in self.marks:
            by_line.setdefault(mark.line, []).append(mark)
        return [(n, line, by_line.get(n, [])) for n, line in enumerate(self.text.splitlines(), start=1)]

    @cached_property
    def listing(self) -> str:
        """The numbered lines with their remarks as HTML: hundreds of lines, the same for everybody."""
        return render_to_string("panel/_source.html", {"lines": self.lines})

    @property
    def of_all(self) -> list[Mark]:
        """Remarks that belong to no line."""
        return [mark for mark in self.marks if not mark.line]


@lru_cache(maxsize=KEPT)
def check(text: str, powered: bool = True) -> Checked:
    """Read and lint a text. Never raises: a text that is no protocol comes back with its problems."""
    found = _read(text)
    if not isinstance(found, Document):
        problems = (Mark("error", p.line, p.where, _said(p.message, p.allowed)) for p in found)
        return Checked(text, None, tuple(problems))
    findings = lint(found.protocol, places=found.places, powered=powered)
    marks = [Mark(f.level, f.line or 0, f.where, f.message, f.code) for f in findings]
    return Checked(text, found.protocol, tuple(sorted(marks, key=lambda mark: mark.line)))


@lru_cache(maxsize=KEPT)
def _read(text: str) -> Document | tuple[Problem, ...]:
    try:
        return read_document(text)
    except ProtocolError as error:
        return tuple(error.problems)


def _said(message: str, allowed: str) -> str:
    return f"{message} Allowed: {allowed}." if allowed else message


def as_yaml(protocol: Protocol) -> str:
    """The protocol as YAML that reads back as the same protocol; JSON (which is YAML too) where it would not."""
    content = document(protocol)
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=110)
    try:
        if sha256(read_document(text).protocol) == sha256(protocol):
            return text
    except ProtocolError:
        pass
    return json.dumps(content, indent=2, ensure_ascii=False)


@dataclass(frozen=True)
class Held:
    """The document a study stands on now: the current registration's, or the draft's."""

    protocol: Protocol
    text: str
    sha256: str
    registration: Registration | None


def held(study: Study) -> Held:
    """The study's document with its text: as its author wrote it, or made again where that text is not the document.
    Two queries, three for an amended one; of the study given only the key is looked at."""
    try:
        registration: Registration | None = current(study)
    except WrongState:
        registration = None
    stored = Study.objects.filter(pk=study.pk)
    if registration is not None:
        protocol, digest = protocol_of(registration.pk), registration.sha256
        source = stored.values_list("source_text", flat=True).get()
    else:
        columns = stored.annotate(text=Cast("draft", TextField())).values_list("text", "source_text")
        draft, source = columns.get()
        protocol, digest = _drafted(draft)
    if registration is not None and registration.version > 1:
        source = _amended(study, digest) or source
    return Held(protocol, _text(source, digest, protocol), digest, registration)


def _amended(study: Study, digest: str) -> str:
    """The text that an amendment was written as in the panel, or ''."""
    kept = DraftVersion.objects.filter(study=study, sha256=digest)
    return kept.values_list("text", flat=True).first() or ""


@lru_cache(maxsize=KEPT)
def _drafted(draft: str) -> tuple[Protocol, str]:
    """A draft's stored JSON as protocol and hash."""
    protocol = from_canonical(draft)
    return protocol, sha256(protocol)


def _text(source: str, digest: str, protocol: Protocol) -> str:
    return _written(source, digest) or _made(digest, protocol)


@lru_cache(maxsize=KEPT)
def _written(source: str, digest: str) -> str:
    """The author's own text, comments and all, if it is the document of this hash; else ''."""
    found = _read(source) if source else None
    return source if isinstance(found, Document) and sha256(found.protocol) == digest else ""


_made_before: dict[str, str] = {}


def _made(digest: str, protocol: Protocol) -> str:
    if digest not in _made_before:
        if len(_made_before) > KEPT:
            _made_before.clear()
        _made_before[digest] = as_yaml(protocol)
    return _made_before[digest]


def changes(old: Protocol, new: Protocol) -> list[Change]:
    """What differs, for people to read."""
    return difference(old, new)
