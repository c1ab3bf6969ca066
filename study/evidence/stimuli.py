"""Every stimulus as a participant could meet it: item × arm × role × language, word for word, under each version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.protocol.stimulus import stimulus
from study.protocol.types import Protocol


def rows(protocols: Mapping[int, Protocol]) -> Iterator[dict[str, Any]]:
    """One row a stimulus. protocols: by version of the registration."""
    for version, protocol in protocols.items():
        for arm in protocol.arms:
            for item in protocol.items:
                if not arm.advice or item.advice is None:
                    continue
                roles = (False, True) if item.id in protocol.hedgeable else (False,)
                for hedged in roles:
                    for language in protocol.languages:
                        shown = stimulus(protocol, item, arm, hedged, language)
                        yield {
                            "registration": version,
                            "arm": arm.id,
                            "item": item.id,
                            "hedged": hedged,
                            "language": language,
                            "question": protocol.say(item.question, language),
                            "phrasing": shown.phrasing_id,
                            "text": shown.text,
                            "sha256": shown.sha256,
                        }
