"""What a participant reads as the AI's answer in a trial whose words are not part of the protocol.

`shown` tells it for the page and for the record: a trial's accepted answer carries the words as they stood on the page,
where they came from and which call made them, so they enter the session's hash chain, its erasure and the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from llm import calls
from llm.models import Call
from study.advice import prompts
from study.advice.columns import CALL, FALLBACK, KEYS, LIVE, REPLAY, SAID
from study.protocol.advice import Replay
from study.protocol.types import Item, Phrasing, Protocol
from study.stages.base import Page, Walk


@dataclass(frozen=True)
class Shown:
    """The AI's answer on one page. `call` is set while it is still being written: then `text` is the phrase before it.

    verdict: the option it gives; None where it gives none, or where that is only determined afterwards.
    """

    text: str
    source: str
    phrasing: str
    verdict: Any = None
    call_id: str = ""
    milliseconds: float | None = None
    call: Call | None = None
    after: str = ""

    @property
    def is_finished(self) -> bool:
        return self.call is None

    def as_payload(self) -> dict[str, Any]:
        """What is stored with the trial's answer."""
        values = (self.text, self.source, self.call_id, self.milliseconds, self.phrasing, self.verdict)
        return dict(zip(KEYS, values, strict=True))


def is_advised(walk: Walk) -> bool:
    """Does this walk's arm show live or replayed answers?"""
    return bool(walk.protocol.varies and walk.arm and walk.arm.advice)


def key_of(session: UUID, page: str) -> str:
    """The key of the call that a page waits for: a reload or a second tab is the same call."""
    return f"advice:{session}:{page}"


def shown(walk: Walk, page: Page) -> Shown:
    """The AI's answer on a trial's page as it stands now. At most one query, more when a call is just overdue."""
    protocol, item = walk.protocol, walk.item(page.item)
    phrasing = phrasing_of(walk)
    if protocol.replay is not None:
        return _replayed(protocol.replay, walk, item, phrasing)
    call = call_of(walk, page)
    if call is None or (call.is_finished and call.is_fallback):
        return _fallen_back(protocol, phrasing, walk.language, call)
    before, after = around(protocol, phrasing, item, walk.language)
    if not call.is_finished:
        return Shown(before, LIVE, phrasing.id, call=call, after=after)
    return Shown(
        " ".join(part for part in (before, call.text, after) if part),
        LIVE,
        phrasing.id,
        said(protocol, item, call.text, walk.language),
        str(call.pk),
        took(call),
    )


def call_of(walk: Walk, page: Page) -> Call | None:
    """The page's call, ended if its time is over."""
    if walk.session is None:
        return None
    found = Call.objects.filter(key=key_of(walk.session, page.key)).first()
    return calls.settled(found.pk) if found is not None and not found.is_finished else found


def phrasing_of(walk: Walk) -> Phrasing:
    """The arm's phrasing: live and replayed answers carry it on every item."""
    return walk.protocol.phrasings_by_id[walk.arm.phrasing if walk.arm else "plain"]


def around(protocol: Protocol, phrasing: Phrasing, item: Item, language: str) -> tuple[str, str]:
    """The words put before and after the model's own; none where the model was told how to phrase."""
    if protocol.live is None or phrasing.id in protocol.live.instructions:
        return "", ""
    phrase = protocol.say(phrasing.items.get(item.id, phrasing.text), language)
    return (phrase, "") if phrasing.placement == "prefix" else ("", phrase)


def said(protocol: Protocol, item: Item, text: str, language: str) -> Any:
    """The option that the model's own words give, where the protocol takes it from their opening."""
    if protocol.live is None or protocol.live.verdict != "opening":
        return None
    return prompts.opening(text, prompts.labels(protocol, item, language))


def took(call: Call) -> float | None:
    """Milliseconds from asking to the end."""
    return 1000 * (call.finished_at - call.created_at).total_seconds() if call.finished_at else None


def _fallen_back(protocol: Protocol, phrasing: Phrasing, language: str, call: Call | None) -> Shown:
    text = call.fallback if call is not None else ""
    if not text and protocol.live is not None:
        text = protocol.say(protocol.live.fallback, language)
    return Shown(
        text,
        FALLBACK,
        phrasing.id,
        call_id=str(call.pk) if call else "",
        milliseconds=took(call) if call else None,
    )


def _replayed(replay: Replay, walk: Walk, item: Item, phrasing: Phrasing) -> Shown:
    """One of the recorded answers; which one follows from the number of the place in the schedule."""
    mine = [a for a in replay.answers if (a.item, a.phrasing) == (item.id, phrasing.id)]
    mine = [a for a in mine if a.language == walk.language] or mine
    chosen = mine[max(walk.place - 1, 0) % len(mine)]
    return Shown(chosen.text, REPLAY, phrasing.id, chosen.verdict)


def recorded_verdict(payload: Mapping[str, Any], extracted: Mapping[str, Any]) -> Any:
    """The option a recorded answer gave: as stored, or as the model was asked afterwards (by call id)."""
    stored = payload.get(SAID)
    return extracted.get(str(payload.get(CALL))) if stored is None else stored
