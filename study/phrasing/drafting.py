"""Drafts come into being: asked of the model, or written by people. What comes back is taken in by `receiving`.

    ask ─▶ call ─▶ handler ─▶ checks in code ─▶ check by the model ─▶ distance ─▶ open, or refused with its reason

A finished plain answer asks for its phrasings. Prompts are a function of question, options, sources and the texts
themselves (see `prompts`). Approvals are in `reviewing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction

from llm.models import Call
from llm.prompts import Prompt
from study.phrasing import checks, prompts
from study.phrasing.asked import Asked, drafted_protocol, locked, send, settings_of
from study.phrasing.kinds import STYLES
from study.phrasing.models import Draft, Kind, Wording
from study.phrasing.versions import look, new_version, settle
from study.protocol import Protocol
from study.protocol.types import Item
from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study

State, Source = Draft.State, Draft.Source
AT_ONCE = 200
"""Items that one request may draft."""
MOST_OPTIONS = 8


@transaction.atomic
def ask(*, study: Study, by: Person, items: Iterable[str] | None = None) -> int:
    """Ask the model for every text that is still missing, of some items or of all; how many calls were asked for.

    For each option of an item an answer that argues for it, and when that is there its phrasings. What is under way
    or has been drafted is not asked again; a call that failed is. Raises WrongState, and Refused for a protocol
    without items or an item that cannot be drafted.
    """
    study = locked(study.pk)
    protocol = drafted_protocol(study)
    wanted = _items(protocol, items)
    made = sum(_ask_item(study, protocol, item) for item in wanted)
    if made:
        audit(
            study, name_of(by), "asked for drafted answers", {"items": [i.id for i in wanted], "calls": made}
        )
    return made


def _items(protocol: Protocol, names: Iterable[str] | None) -> list[Item]:
    chosen = list(protocol.items_by_id if names is None else names)
    unknown = [name for name in chosen if name not in protocol.items_by_id]
    found = [protocol.items_by_id[name] for name in chosen if name not in unknown]
    if unknown or not found:
        raise Refused(
            f"There is no item '{unknown[0]}'." if unknown else "The protocol has no items to answer."
        )
    if len(found) > AT_ONCE:
        raise Refused(f"At most {AT_ONCE} items are drafted at once; these are {len(found)}.")
    many = [item.id for item in found if len(item.options) > MOST_OPTIONS]
    if many:
        raise Refused(f"'{many[0]}' has more than {MOST_OPTIONS} options: write its answers yourself.")
    return found


def _ask_item(study: Study, protocol: Protocol, item: Item) -> int:
    made = 0
    for stance in Asked.of(protocol, item).options:
        wording = _wording(study, item.id, stance, Kind.PLAIN)
        newest = wording.newest()
        if newest is None:
            made += _request_if_idle(study, protocol, wording)
        elif newest.state in (State.OPEN, State.APPROVED):
            made += phrase_all(study, protocol, newest)
    return made


def _wording(study: Study, item: str, stance: str, kind: str) -> Wording:
    return Wording.objects.get_or_create(study=study, item=item, stance=stance, kind=kind)[0]


def _request_if_idle(study: Study, protocol: Protocol, wording: Wording, plain: Draft | None = None) -> int:
    """Ask unless a call is under way or has brought a draft."""
    last = Call.objects.filter(pk=wording.call).first() if wording.call else None
    if last is not None and last.state != Call.State.FAILED:
        return 0
    request(study, protocol, wording, plain)
    return 1


def request(study: Study, protocol: Protocol, wording: Wording, plain: Draft | None = None) -> None:
    """Ask the model for a text once more: a call of its own key, whose prompt differs by the seed alone."""
    wording.rounds += 1
    prompt = _prompt(study, protocol, wording, plain)
    call = send(study, prompt, f"phrasing:{wording.pk}:{wording.rounds}", prompts.purpose(wording.kind))
    wording.call, wording.asked_of = call.pk, plain
    wording.save(update_fields=["rounds", "call", "asked_of"])


def _prompt(study: Study, protocol: Protocol, wording: Wording, plain: Draft | None) -> Prompt:
    asked = Asked.of(protocol, protocol.items_by_id[wording.item])
    sampling, model = settings_of(study, protocol, wording.rounds)
    if plain is not None:
        return prompts.phrase(
            kind=wording.kind,
            opening=plain.lead,
            body=plain.body,
            words=asked.words if wording.kind == Kind.VERBAL else "",
            sampling=sampling,
            model=model,
        )
    return prompts.answer(
        question=asked.question,
        options=list(asked.options.values()),
        stance=asked.options[wording.stance],
        opening=asked.lead(wording.stance),
        sources=asked.sources,
        sampling=sampling,
        model=model,
    )


def phrase_all(study: Study, protocol: Protocol, plain: Draft) -> int:
    """Ask for the phrasings of a plain answer that are missing or were made of an earlier version of it."""
    item = protocol.items_by_id.get(plain.wording.item)
    if item is None:
        return 0
    stated = item.advice is not None and item.advice.probability is not None
    made = 0
    for kind in Asked.of(protocol, item).kinds(stated=stated):
        wording = _wording(study, item.id, plain.wording.stance, kind)
        newest = wording.newest()
        if newest is not None and newest.plain_id == plain.pk:
            continue
        if newest is not None and newest.phrase and newest.state in (State.OPEN, State.APPROVED):
            _carry(newest, plain)
        elif wording.asked_of_id == plain.pk:
            made += _request_if_idle(study, protocol, wording, plain)
        else:
            request(study, protocol, wording, plain)
            made += 1
    return made


def _carry(old: Draft, plain: Draft) -> None:
    """The same phrase before (or behind) a new plain answer: a version of its own, to be approved anew."""
    prefix = STYLES[old.wording.kind].placement == "prefix"
    parts = (old.phrase, plain.body) if prefix else (plain.lead, plain.body, old.phrase)
    draft = new_version(
        old.wording, Source.CARRIED, checks.joined(*parts), parent=old, plain=plain, wanted=old.wanted
    )
    look(draft)


@transaction.atomic
def edit(*, draft: Draft, text: str, by: Person) -> Draft:
    """A new version in a person's words, checked like the model's. `draft`: the version that was on the page.

    Raises Refused where the words themselves show drift (nothing is stored then), where they are those of a version
    that passed, or when somebody else made a version meanwhile; WrongState once registered.
    """
    wording = Wording.objects.select_related("study").get(pk=draft.wording_id)
    study = locked(wording.study_id)
    protocol = drafted_protocol(study)
    newest = wording.newest()
    if newest is None or newest.pk != draft.pk:
        raise Refused("Somebody made a new version meanwhile: look at it first.")
    text = " ".join(text.split())
    if text == newest.text and newest.state in (State.OPEN, State.APPROVED, State.CHECKING):
        raise Refused("Nothing was changed.")
    if wording.item not in protocol.items_by_id:
        raise Refused(f"The document has no item '{wording.item}' any more.")
    plain = _plain_now(wording)
    made = new_version(
        wording, Source.EDIT, text, author=cast("User | None", by), parent=newest, plain=plain,
        claims=newest.claims, wanted=newest.wanted,
    )  # fmt: skip
    made.lead = (
        Asked.of(protocol, protocol.items_by_id[wording.item]).lead(wording.stance) if plain is None else ""
    )
    try:
        settle(made)
    except checks.Drift as drift:
        raise Refused(str(drift)) from None
    look(made, study, protocol)
    audit(study, name_of(by), "edited a drafted text", {"text": str(wording), "version": made.number})
    return made


def _plain_now(wording: Wording) -> Draft | None:
    """The plain answer that a phrasing phrases: its newest version. None for a plain answer itself. Raises Refused."""
    if wording.kind == Kind.PLAIN:
        return None
    plain = Draft.objects.filter(
        wording__study=wording.study_id, wording__item=wording.item, wording__stance=wording.stance,
        wording__kind=Kind.PLAIN,
    ).order_by("-number").first()  # fmt: skip
    if plain is None or plain.state not in (State.OPEN, State.APPROVED):
        raise Refused("The plain answer has to pass its checks first.")
    return plain


@transaction.atomic
def ask_again(*, wording: Wording, by: Person) -> None:
    """Have the model write a text anew. Raises Refused while a call or a check is under way."""
    study = locked(wording.study_id)
    protocol = drafted_protocol(study)
    wording.refresh_from_db()
    newest = wording.newest()
    under_way = Call.objects.unfinished().filter(pk__in=[wording.call]).exists()
    if under_way or (newest is not None and newest.state == State.CHECKING):
        raise Refused("The model is still at work on this text.")
    if wording.item not in protocol.items_by_id:
        raise Refused(f"The document has no item '{wording.item}' any more.")
    request(study, protocol, wording, _plain_now(wording))
    audit(study, name_of(by), "asked for a text again", {"text": str(wording)})
