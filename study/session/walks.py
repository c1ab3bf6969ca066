"""From a session's row to its walk: the pages that its protocol, slot and language make. Pure but for the row."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from study.protocol.types import Arm, Protocol
from study.registration.errors import WrongState
from study.registration.frozen import current, protocol_of
from study.stages import registry
from study.stages.base import Page, Walk

if TYPE_CHECKING:
    from study.registration.models import Study
    from study.session.models import Session

MOST_WALKS = 5000
_PAGES: dict[tuple[object, ...], list[Page]] = {}


def walk_of(session: Session) -> Walk:
    """The walk of a session (its slot and study already loaded). Preview sessions have an arm but no slot."""
    protocol = protocol_for(session)
    if session.slot is not None:
        return Walk(
            protocol=protocol,
            arm=protocol.arms_by_id[session.slot.arm],
            item_order=tuple(session.slot.item_order),
            hedged=frozenset(session.slot.hedged),
            language=session.language,
            session=session.pk,
            place=session.slot.number,
        )
    if session.preview_arm:
        return replace(preview_walk(protocol, session.preview_arm, session.language), session=session.pk)
    return Walk(protocol=protocol, language=session.language, session=session.pk)


def protocol_of_study(study: Study) -> Protocol:
    """The registered protocol that newcomers meet; the draft where nothing is registered yet."""
    try:
        return protocol_of(current(study).pk)
    except WrongState:
        return Protocol.model_validate(study.draft)


def protocol_for(session: Session) -> Protocol:
    """The registered protocol this session runs under; the draft for a preview of an unregistered study."""
    if session.registration_id is not None:
        return protocol_of(session.registration_id)
    return Protocol.model_validate(session.study.draft)


def preview_walk(protocol: Protocol, arm_id: str, language: str) -> Walk:
    """Every item in the protocol's order; hedged are as many of the first items as the arm hedges."""
    arm = protocol.arms_by_id[arm_id]
    items = tuple(item.id for item in protocol.items)
    count = len(items) if arm.hedged.count == "all" else arm.hedged.count
    return Walk(protocol, arm, items, frozenset(items[:count]), language)


def pages_of(walk: Walk) -> list[Page]:
    """All pages of a walk in order. Before a slot is claimed: only those up to the stage that claims it."""
    pages: list[Page] = []
    for stage in walk.protocol.flow:
        if not stage.arms or (walk.arm is not None and walk.arm.id in stage.arms):
            pages += registry.get(stage.kind).pages(stage, walk)
        if walk.arm is None and stage.id == walk.protocol.randomisation.after:
            break
    return pages


def pages_at(session: Session, walk: Walk) -> list[Page]:
    """The pages of a session, made once a process for each session and slot where they depend on nothing else."""
    lasting = all(registry.get(stage.kind).lasting(stage) for stage in walk.protocol.flow)
    if session.registration_id is None or not lasting:
        return pages_of(walk)
    key = session.pk, session.slot_id, session.preview_arm
    if (known := _PAGES.get(key)) is None:
        if len(_PAGES) >= MOST_WALKS:
            _PAGES.clear()
        known = _PAGES[key] = pages_of(walk)
    return known


@lru_cache(maxsize=64)
def longest_walk(protocol_key: int) -> int:
    """How many pages the longest arm of a registered protocol has; progress before assignment is shown against it."""
    protocol = protocol_of(protocol_key)
    return max(arm_length(protocol, arm) for arm in protocol.arms)


def arm_length(protocol: Protocol, arm: Arm) -> int:
    """Number of pages of an arm."""
    return len(pages_of(preview_walk(protocol, arm.id, protocol.languages[0])))
