"""The document: its types, reading it, its canonical form, and the linter."""

from study.protocol.canonical import canonical, document, sha256
from study.protocol.difference import Change, difference
from study.protocol.lint import Finding, lint
from study.protocol.problems import Problem, ProtocolError
from study.protocol.reading import Document, from_canonical, read, read_document, shipped
from study.protocol.stimulus import Stimulus, stimulus
from study.protocol.types import Protocol

__all__ = [
    "Change",
    "Document",
    "Finding",
    "Problem",
    "Protocol",
    "ProtocolError",
    "Stimulus",
    "canonical",
    "difference",
    "document",
    "from_canonical",
    "lint",
    "read",
    "read_document",
    "sha256",
    "shipped",
    "stimulus",
]
