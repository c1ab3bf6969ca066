"""The bytes that are registered: RFC 8785 canonical JSON of the whole document, defaults written out."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from study.protocol.types import Protocol


def document(protocol: Protocol) -> dict[str, Any]:
    """The protocol as plain JSON values. Options are lists of id and label: their order is part of the design."""
    return protocol.model_dump(mode="json")


def canonical(protocol: Protocol) -> bytes:
    """Canonical JSON (RFC 8785), UTF-8. Reading it again gives an equal protocol."""
    return bytes(rfc8785.dumps(document(protocol)))


def sha256(protocol: Protocol) -> str:
    """Hash of the canonical bytes, hexadecimal."""
    return hashlib.sha256(canonical(protocol)).hexdigest()
