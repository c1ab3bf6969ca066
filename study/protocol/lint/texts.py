"""Texts in several languages: which are missing where."""

from __future__ import annotations

from collections.abc import Iterator

from study.protocol.lint.said import Said
from study.protocol.types import Protocol
from study.protocol.walk import texts_of


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on translations; nothing for a protocol of one language."""
    others = protocol.languages[1:]
    if not others:
        return
    single = []
    for path, text in texts_of(protocol):
        if isinstance(text, str):
            if text.strip():
                single.append(path)
            continue
        for language in others:
            if not text.get(language, "").strip():
                yield Said("text-missing", path, f"The text is missing in '{language}'.")
    if single:
        message = f"{len(single)} texts are given once for all languages, this one first."
        yield Said("text-in-one-language", single[0], message)
