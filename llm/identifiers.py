"""Personal identifiers are masked before a participant's words enter a prompt."""

from __future__ import annotations

import re

MASK = "[removed]"
PATTERNS = (
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),  # e-mail
    re.compile(r"\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE),  # links often carry names or panel ids
    re.compile(r"\b[0-9a-f]{24}\b", re.IGNORECASE),  # panel ids (Prolific and others): 24 hexadecimal digits
    re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),  # IPv4 address
    re.compile(r"(?<![\w.])\+?\d(?:[ ()./-]{0,2}\d){8,14}(?![\w])"),  # telephone, card and insurance numbers
    re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),  # IBAN
)


def mask(text: str) -> str:
    """`text` with e-mail addresses, links, panel ids, telephone numbers, IPs and IBANs as `[removed]`.

    >>> mask("write to ada@example.org or +44 20 7946 0958, she was 36 in 1852")
    'write to [removed] or [removed], she was 36 in 1852'
    """
    for pattern in PATTERNS:
        text = pattern.sub(MASK, text)
    return text
