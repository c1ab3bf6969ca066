"""Protocols whose answers are live or replayed, made from the tiny one."""

from __future__ import annotations

import hashlib
from typing import Any

from study.protocol import Protocol, document, from_canonical
from study.protocol.advice import Recorded, recording
from tests.factories import tiny

MODEL = {
    "name": "heed-rehearsal-1",
    "temperature": 0.0,
    "max_tokens": 200,
    "seed": 7,
    "prompt": "Answer the question in one or two sentences. Begin with yes or no.",
}
LIVE = {"seconds": 30, "fallback": "No answer can be shown for this question. Please answer it yourself."}


def live(**changes: Any) -> Protocol:
    """The tiny protocol with live answers; changes to its `live` part, and to the document with a double underscore."""
    content = bare()
    content["live"] = LIVE | {k: v for k, v in changes.items() if not k.startswith("_")}
    content["model"] = MODEL
    content |= {k.removeprefix("_"): v for k, v in changes.items() if k.startswith("_")}
    return from_canonical(content)


def bare() -> dict[str, Any]:
    """The tiny document without frozen answers."""
    content = document(tiny())
    content["items"] = [item | {"advice": None} for item in content["items"]]
    content["arms"] = [arm | {"hedged": {"count": "all", "balance": []}} for arm in content["arms"]]
    return content


def replayed(answers: list[Recorded] | None = None) -> Protocol:
    """The tiny protocol with two recorded answers to every item in every arm."""
    answers = answers or two_each()
    content = bare()
    content["replay"] = {
        "source": "pilot",
        "sha256": hashlib.sha256(recording(answers)).hexdigest(),
        "answers": [answer.model_dump(mode="json") for answer in answers],
    }
    return from_canonical(content)


def two_each() -> list[Recorded]:
    return [
        Recorded(
            item=item.id, phrasing=phrasing, text=f"{said.title()}, answer {n} ({phrasing}).", verdict=said
        )
        for item in tiny().items
        for phrasing in ("plain", "unsure-first")
        for n, said in ((1, "yes"), (2, "no"))
    ]
