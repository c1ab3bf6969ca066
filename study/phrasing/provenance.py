"""Which text of a document came from which drafts, and what stands in the way of freezing it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from study.phrasing.models import Check, Decision, Draft, Kind, Placement
from study.protocol.types import UNSURE, Item, Phrasing, Protocol
from study.registration.models import Study

Key = tuple[str, str, str]


def approved_drafts(study: Study) -> dict[Key, Draft]:
    """The latest approved version of each text that is its newest, by (item, stance, kind). One query."""
    mine = Draft.objects.filter(wording__study=study, state=Draft.State.APPROVED).newest()
    found = mine.select_related("wording", "plain")
    return {(d.wording.item, d.wording.stance, d.wording.kind): d for d in found}


def stance_of(item: Item) -> str:
    """The option that the AI's answer in the document argues for; '' where there is none."""
    if item.advice is None:
        return ""
    if item.kind == "probability" and item.advice.answer != UNSURE:
        return "high" if float(item.advice.answer) > 50 else "low"
    return str(item.advice.answer)


def held_text(protocol: Protocol, phrasing: Phrasing, item: Item) -> str:
    """What a phrasing holds for one item: its phrase, or the whole answer where it is rewritten; '' for nothing."""
    whole = (phrasing.answers or {}).get(item.id)
    return protocol.say(whole if whole is not None else phrasing.items.get(item.id, ""))


def problems(study: Study, protocol: Protocol) -> list[str]:
    """What keeps this document from being registered, a sentence each: a text that claims to come from drafts (it was
    put there, or its phrasing is `drafted`), or that reads as one, and is not an approved version."""
    drafts = list(Draft.objects.filter(wording__study=study).select_related("wording", "plain"))
    if not drafts and not any(phrasing.drafted for phrasing in protocol.phrasings):
        return []
    placed = set(Placement.objects.filter(study=study).values_list("draft__wording_id", flat=True))
    approved = _approved(study, protocol)
    found: list[str] = []
    for item in protocol.items:
        if item.advice is not None:
            mine = [draft for draft in drafts if draft.wording.item == item.id]
            found += _item_problems(protocol, item, mine, placed, approved)
    return found


def _approved(study: Study, protocol: Protocol) -> set[int]:
    """Ids of the drafts that are approved by as many people as the document asks for now."""
    needed = protocol.approvals or 1
    people: dict[int, set[int]] = {}
    said = Decision.objects.filter(
        draft__wording__study=study, draft__state=Draft.State.APPROVED, verdict=Decision.Verdict.APPROVE
    )
    for draft, by in said.values_list("draft_id", "by_id"):
        people.setdefault(draft, set()).add(by)
    return {draft for draft, who in people.items() if len(who) >= needed}


def _item_problems(
    protocol: Protocol, item: Item, drafts: list[Draft], placed: set[int], approved: set[int]
) -> Iterator[str]:
    body, lead = _held_answer(protocol, item)
    plain = [draft for draft in drafts if draft.wording.kind == Kind.PLAIN]
    same = [draft for draft in plain if (draft.body, draft.lead) == (body, lead)]
    claims = any(draft.wording_id in placed for draft in plain) or bool(same)
    if claims and not any(d.pk in approved and d.wording.stance == stance_of(item) for d in same):
        yield _sentence(item, "the answer", same)
    if item.id not in protocol.hedgeable:
        return
    for phrasing in protocol.phrasings:
        text = held_text(protocol, phrasing, item)
        if phrasing.drafted is None:
            kin = [d for d in drafts if text and text == _as_held(d)]
        else:
            kin = [d for d in drafts if d.wording.kind == phrasing.drafted and text == _as_held(d)]
        if phrasing.drafted is None and not kin:
            continue
        good = [
            d for d in kin if d.pk in approved and d.plain and (d.plain.body, d.plain.lead) == (body, lead)
        ]
        if not good:
            yield _sentence(item, f"the phrasing '{phrasing.id}'", kin)


def _held_answer(protocol: Protocol, item: Item) -> tuple[str, str]:
    """Body and lead of the item's plain answer as they stand in the document."""
    if item.advice is None:
        return "", ""
    return protocol.say(item.advice.body), protocol.say(item.advice.lead)


def _as_held(draft: Draft) -> str:
    """What of a draft stands in the document."""
    return draft.text if draft.wording.kind == Kind.STRENGTHENED else draft.phrase or draft.body


def _sentence(item: Item, what: str, same: list[Draft]) -> str:
    if same:
        latest = max(same, key=lambda draft: draft.pk)
        state = (
            "not approved by enough people for this answer" if latest.state == "approved" else latest.state
        )
        return f"{item.id}: {what} is a drafted text (version {latest.number}) that is {state}."
    return f"{item.id}: {what} is to come from an approved draft and is none, or was changed since: put it in again."


def chain(draft: Draft) -> list[Draft]:
    """The draft and every version it was made from: its own earlier ones and the plain answer's, newest first."""
    found: dict[int, Draft] = {}
    waiting = [draft]
    while waiting:
        one = waiting.pop(0)
        if one.pk not in found:
            found[one.pk] = one
            waiting += [before for before in (one.parent, one.plain) if before is not None]
    return list(found.values())


def calls_behind(draft: Draft) -> list[uuid.UUID]:
    """The model calls that a text leads back to: those that wrote or checked it or a version it was made from."""
    versions = chain(draft)
    own = [call for one in versions for call in (one.call, one.check_call) if call]
    measured = Check.objects.filter(draft__in=versions, call__isnull=False).values_list("call", flat=True)
    return list(dict.fromkeys([*own, *(call for call in measured if call)]))


def rows(study: Study) -> Iterator[dict[str, Any]]:
    """For the bundle: one row a version behind a text that was put into the document, with checks, decisions, calls."""
    placed = Placement.objects.filter(study=study).select_related("draft__wording")
    versions: dict[int, Draft] = {}
    for placement in placed:
        versions |= {one.pk: one for one in chain(placement.draft)}
    at = {placement.draft_id: placement for placement in placed}
    checks = Check.objects.filter(draft__in=versions).order_by("draft_id", "id")
    decisions = Decision.objects.filter(draft__in=versions).select_related("by").order_by("draft_id", "id")
    for pk in sorted(versions):
        yield _row(
            versions[pk],
            placed=pk in at,
            checks=[c for c in checks if c.draft_id == pk],
            decisions=[d for d in decisions if d.draft_id == pk],
        )


def _row(draft: Draft, *, placed: bool, checks: list[Check], decisions: list[Decision]) -> dict[str, Any]:
    return {
        "id": draft.pk,
        "item": draft.wording.item,
        "stance": draft.wording.stance,
        "kind": draft.wording.kind,
        "version": draft.number,
        "source": draft.source,
        "author": draft.author.get_username() if draft.author else "",
        "text": draft.text,
        "phrase": draft.phrase,
        "made_from": draft.parent_id,
        "plain": draft.plain_id,
        "state": draft.state,
        "reason": draft.reason,
        "in_document": placed,
        "call": str(draft.call) if draft.call else None,
        "checks": [
            {"name": c.name, "passed": c.passed, "detail": c.detail, "value": c.value, "threshold": c.threshold,
             "call": str(c.call) if c.call else None}
            for c in checks
        ],
        "decisions": [
            {"by": d.by.get_username(), "verdict": d.verdict, "reason": d.reason, "at": d.at.isoformat()}
            for d in decisions
        ],
    }  # fmt: skip
