"""People decide: approve, reject with a reason, and put what was approved into the document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from study.phrasing.asked import drafted_protocol, locked
from study.phrasing.models import Decision, Draft, Kind, Placement
from study.phrasing.provenance import approved_drafts, held_text, stance_of
from study.protocol import Protocol, sha256
from study.protocol.splicing import CannotSplice, put_all
from study.protocol.types import Item
from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study

State, Verdict = Draft.State, Decision.Verdict
Path = tuple[str | int, ...]
Save = Callable[..., Study]


@transaction.atomic
def approve(*, draft: Draft, by: Person) -> Draft:
    """One person's approval; the draft is approved with the last one that the protocol asks for (`approvals`).

    Raises Refused for a draft that did not pass its checks, is not the newest version, phrases an earlier plain
    answer, or that this person approved already; WrongState once the study is registered.
    """
    study, protocol, draft = _at_hand(draft)
    if draft.state != State.OPEN:
        raise Refused(
            f"This version is {draft.get_state_display().lower()}: {draft.reason or 'there is nothing to approve'}"
        )
    _refuse_outdated(draft)
    try:
        with transaction.atomic():
            Decision.objects.create(draft=draft, by=_person(by), verdict=Verdict.APPROVE)
    except IntegrityError:
        raise Refused("You approved this version already: another person has to.") from None
    if draft.approvers().count() >= approvals(protocol):
        draft.move(State.APPROVED, allowed=[State.OPEN])
    audit(study, name_of(by), "approved a drafted text", _told(draft))
    return draft


@transaction.atomic
def reject(*, draft: Draft, reason: str, by: Person) -> Draft:
    """Refuse a text that is open or was approved. Raises Refused without a reason or for any other; WrongState once
    the study is registered."""
    study, _protocol, draft = _at_hand(draft)
    reason = reason.strip()
    if not reason:
        raise Refused("Say why: the reason is kept with the text.")
    if not draft.move(State.REJECTED, allowed=[State.OPEN, State.APPROVED], reason=reason):
        raise Refused(f"This version is {draft.get_state_display().lower()}: it is not to be used as it is.")
    Decision.objects.create(draft=draft, by=_person(by), verdict=Verdict.REJECT, reason=reason)
    audit(study, name_of(by), "rejected a drafted text", _told(draft) | {"reason": reason})
    return draft


def approvals(protocol: Protocol) -> int:
    """How many different people have to approve a text."""
    return protocol.approvals or 1


def _at_hand(draft: Draft) -> tuple[Study, Protocol, Draft]:
    """The study and the draft, held until commit: decisions about a study come one after another."""
    study = locked(draft.wording.study_id)
    protocol = drafted_protocol(study)
    return study, protocol, Draft.objects.select_related("wording", "plain").get(pk=draft.pk)


def _refuse_outdated(draft: Draft) -> None:
    if (newest := draft.wording.newest()) is not None and newest.pk != draft.pk:
        raise Refused("There is a newer version: review that one.")
    if draft.plain is not None:
        plain = draft.plain.wording.newest()
        if plain is None or plain.pk != draft.plain_id:
            raise Refused("The plain answer was changed since: this text phrases an earlier version of it.")


def _person(by: Person) -> User:
    if by is None:
        raise Refused("An approval or a rejection is a person's: say who you are.")
    return cast(User, by)


def _told(draft: Draft) -> dict[str, Any]:
    return {"text": str(draft.wording), "version": draft.number, "state": draft.state}


@dataclass(frozen=True)
class Plan:
    """What putting approved texts into the document would change. missing: what is not approved yet, in sentences."""

    changes: list[tuple[Path, Any]] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def plan(study: Study, protocol: Protocol, answers: dict[str, str] | None = None) -> Plan:
    """The changes that bring every approved text to its place. answers: item id to the option that its AI argues for,
    where the document does not say so yet.

    An item takes the approved plain answer of its option; a phrasing that says which kind of draft it takes
    (`drafted`) takes the approved text of each such item.
    """
    found, ready = Plan(), approved_drafts(study)
    for number, item in enumerate(protocol.items):
        chosen = "" if item.kind == "probability" else (answers or {}).get(item.id, "")
        stance = stance_of(item) or chosen
        plain = ready.get((item.id, stance, Kind.PLAIN))
        if not stance or plain is None:
            found.missing.append(_no_answer(item, stance))
            continue
        found.drafts.append(plain)
        found.changes.extend(_answer_changes(("items", number), item, stance, plain, protocol))
        for place, phrasing in enumerate(protocol.phrasings):
            if phrasing.drafted is None:
                continue
            draft = ready.get((item.id, stance, phrasing.drafted))
            if draft is None or draft.plain_id != plain.pk:
                found.missing.append(f"{item.id}: no approved text for the phrasing '{phrasing.id}'.")
                continue
            found.drafts.append(draft)
            whole = draft.wording.kind == Kind.STRENGTHENED
            path: Path = ("phrasings", place, "answers" if whole else "items", item.id)
            text = draft.text if whole else draft.phrase
            if held_text(protocol, phrasing, item) != text:
                here = (phrasing.answers or {}) if whole else phrasing.items
                found.changes.append((path, _said(here.get(item.id, ""), text, protocol)))
    return found


def _no_answer(item: Item, stance: str) -> str:
    if not stance and item.kind == "probability":
        return f"{item.id}: write the probability that the AI gives into the document first."
    if not stance:
        return f"{item.id}: choose which option the AI's answer argues for."
    return f"{item.id}: no approved plain answer for '{stance}'."


def _answer_changes(
    path: Path, item: Item, stance: str, plain: Draft, protocol: Protocol
) -> list[tuple[Path, Any]]:
    if item.advice is None:
        return [((*path, "advice"), {"answer": stance, "lead": plain.lead, "body": plain.body})]
    held = {"lead": item.advice.lead, "body": item.advice.body}
    return [
        ((*path, "advice", name), _said(held[name], text, protocol))
        for name, text in (("lead", plain.lead), ("body", plain.body))
        if protocol.say(held[name]) != text
    ]


def _said(old: Any, text: str, protocol: Protocol) -> Any:
    """The new text; where there are several languages, in the protocol's first one, in which drafts are made."""
    return {**old, protocol.languages[0]: text} if isinstance(old, dict) else text


@transaction.atomic
def put(
    *, study: Study, text: str, seen: str, by: Person, save: Save, answers: dict[str, str] | None = None
) -> int:
    """Put every approved text into the draft document and keep its text otherwise as it is; how many texts it holds.

    text: the document's YAML as its author wrote it; seen: the hash of the document that was looked at; save: how the
    editor saves a draft (study, text, seen, by, how). Raises Refused
    when it changed meanwhile, nothing is approved, or a text stands where only its author can change it; WrongState
    once registered.
    """
    study = locked(study.pk)
    protocol = drafted_protocol(study)
    if sha256(protocol) != seen:
        raise Refused("Somebody else changed the document meanwhile: look at it again.")
    wanted = plan(study, protocol, answers)
    if not wanted.drafts:
        raise Refused("Nothing is approved that has a place in the document yet.", *wanted.missing)
    if wanted.changes:
        try:
            changed = put_all(text, wanted.changes)
        except CannotSplice as problem:
            raise Refused(str(problem)) from None
        study = save(study=study, text=changed, seen=seen, by=by, how="approved texts")
    known = set(Placement.objects.filter(study=study).values_list("draft_id", flat=True))
    fresh = [draft for draft in wanted.drafts if draft.pk not in known]
    Placement.objects.bulk_create(
        Placement(study=study, draft=draft, by=cast("User | None", by)) for draft in fresh
    )
    audit(
        study,
        name_of(by),
        "put approved texts into the document",
        {"texts": [_told(d) for d in wanted.drafts]},
    )
    return len(wanted.drafts)
