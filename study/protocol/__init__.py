"""The document: its types, reading it, its canonical form, and the linter."""

from study.protocol.canonical import canonical, document, sha256
from study.protocol.problems import Problem, ProtocolError
from study.protocol.reading import Document, from_canonical, read, read_document, shipped
from study.protocol.stimulus import Stimulus, stimulus
from study.protocol.types import Protocol

__all__ = [
    "Document",
    "Problem",
    "Protocol",
    "ProtocolError",
    "Stimulus",
    "canonical",
    "document",
    "from_canonical",
    "read",
    "read_document",
    "sha256",
    "shipped",
    "stimulus",
]
