"""Drafts come into being: asked for, read from finished calls, checked, edited. Approvals are in `reviewing`.

    ask ─▶ call ─▶ handler ─▶ checks in code ─▶ check by the model ─▶ distance ─▶ open, or refused with its reason

A finished plain answer asks for its phrasings. Handlers run once, in a transaction of the worker's; no model is asked
inside one. Prompts are a function of question, options, sources and the texts themselves (see `prompts`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction

from llm import calls, gateway
from llm.errors import LLMError
from llm.models import Call
from llm.prompts import Prompt, Sampling
from study.phrasing import checks, prompts
from study.phrasing.kinds import PHRASED, STYLES, phrase_for
from study.phrasing.models import Check, Draft, Kind, Wording
from study.protocol import Protocol, from_canonical
from study.protocol.types import Item
from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import Refused, WrongState
from study.registration.models import Study

State, Source = Draft.State, Draft.Source
AT_ONCE = 200
"""Items that one request may draft."""
MOST_OPTIONS = 8
DEADLINE = 3600.0  # seconds: nobody waits at a page
SIDES = {"high": "Very likely", "low": "Very unlikely"}
"""What is argued for where the answer to an item is a probability."""


@dataclass(frozen=True)
class Asked:
    """The words of an item that prompts are made of."""

    question: str
    options: dict[str, str]
    sources: tuple[str, ...]
    words: str

    @classmethod
    def of(cls, protocol: Protocol, item: Item) -> Asked:
        """In the protocol's first language. Neither truth nor advice nor arms are read, but for the probability that
        the AI states, from which the words of probability come."""
        named = {key: protocol.say(label) for key, label in item.options.items()}
        stated = item.advice.probability if item.advice else None
        return cls(
            protocol.say(item.question),
            dict(SIDES) if item.kind == "probability" else named,
            tuple(protocol.say(source.title) for source in item.sources),
            phrase_for(stated) if stated is not None else "",
        )

    def lead(self, stance: str) -> str:
        return checks.lead_of(self.options[stance], len(self.options))

    def kinds(self, *, stated: bool) -> list[str]:
        """The phrasings that can be drafted: those with a probability only where the item states one."""
        left_out = set() if stated else {Kind.NUMERIC, Kind.VERBAL}
        if not self.words:
            left_out.add(Kind.VERBAL)
        return [kind for kind in PHRASED if kind not in left_out]


def drafted_protocol(study: Study) -> Protocol:
    """The document that is worked on. Raises WrongState once it is registered."""
    if study.state != Study.State.DRAFT:
        raise WrongState(
            f"'{study.slug}' is {study.state}: texts are drafted and approved before registration."
        )
    return from_canonical(study.draft)


def locked(study_id: uuid.UUID) -> Study:
    """The study, held until commit: drafts of one study are begun and decided one after another."""
    return Study.objects.select_for_update(no_key=True).get(pk=study_id)


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
    call = _call(study, prompt, f"phrasing:{wording.pk}:{wording.rounds}", prompts.purpose(wording.kind))
    wording.call, wording.asked_of = call.pk, plain
    wording.save(update_fields=["rounds", "call", "asked_of"])


def _call(study: Study, prompt: Prompt, key: str, purpose: str) -> Call:
    return calls.request(
        prompt, key=key, purpose=purpose, study=study.pk, priority=Call.Priority.BATCH, deadline=DEADLINE
    )


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


def settings_of(study: Study, protocol: Protocol, rounds: int) -> tuple[Sampling, str]:
    """The protocol's pinned model and settings; a rehearsal asks whichever model is configured."""
    pinned = protocol.model
    if pinned is None:
        return Sampling(temperature=None, seed=rounds), ""
    seed = None if pinned.seed is None else pinned.seed + rounds - 1
    name = "" if study.mode == Study.Mode.REHEARSAL else pinned.name
    return Sampling(temperature=pinned.temperature, seed=seed, max_tokens=max(pinned.max_tokens, 800)), name


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
    draft = _new(
        old.wording, Source.CARRIED, checks.joined(*parts), parent=old, plain=plain, wanted=old.wanted
    )
    _look(draft)


def _new(wording: Wording, source: str, text: str, **columns: Any) -> Draft:
    """The next version of a text, not saved: words and checks are settled first."""
    last = Draft.objects.filter(wording=wording).order_by("-number").values_list("number", flat=True).first()
    return Draft(
        wording=wording, number=(last or 0) + 1, source=source, text=text, state=State.CHECKING, **columns
    )


# From finished calls


def received(call: Call) -> None:
    """A text came (or failed for good, which the call's row says). Raises nothing for what the model wrote."""
    wording = Wording.objects.select_related("study", "asked_of").filter(call=call.pk).first()
    if wording is None or call.state != Call.State.DONE:
        return
    study = locked(wording.study_id)
    if study.state != Study.State.DRAFT:
        return
    protocol = from_canonical(study.draft)
    item = protocol.items_by_id.get(wording.item)
    if item is None:  # taken out of the document meanwhile
        return
    asked, said = Asked.of(protocol, item), cast("dict[str, Any]", call.data)
    if wording.kind == Kind.PLAIN:
        lead = asked.lead(wording.stance)
        text = checks.joined(lead, said["text"])
        draft = _new(wording, Source.MODEL, text, call=call.pk, lead=lead, claims=said["claims"])
    else:
        words = asked.words if wording.kind == Kind.VERBAL else ""
        draft = _new(wording, Source.MODEL, said["text"], call=call.pk, plain=wording.asked_of, wanted=words)
    _look(draft, study, protocol)


def _look(draft: Draft, study: Study | None = None, protocol: Protocol | None = None) -> None:
    """Check in code, save, and where only a model can tell ask it."""
    kind = draft.wording.kind
    try:
        _settle(draft)
    except checks.Drift as drift:
        draft.body = draft.body or draft.text
        draft.state, draft.reason = State.REFUSED, str(drift)
        draft.save(force_insert=True)
        Check.objects.create(draft=draft, name=_by_letters(kind), passed=False, detail=str(drift))
        return
    if draft.phrase:
        draft.state = State.OPEN
    elif study is not None and protocol is not None:
        prompt, purpose = _check_prompt(study, protocol, draft)
        key = f"phrasing-check:{draft.wording_id}:{draft.number}"
        draft.check_call = _call(study, prompt, key, purpose).pk
    draft.save(force_insert=True)
    Check.objects.create(draft=draft, name=_by_letters(kind), passed=True)


def _by_letters(kind: str) -> str:
    return Check.Name.EXACT if STYLES[kind].placement in ("prefix", "suffix") else Check.Name.FORM


def _settle(draft: Draft) -> None:
    """Fill in body, lead and phrase from the text. Raises Drift."""
    placement, plain = STYLES[draft.wording.kind].placement, draft.plain
    if plain is None:
        draft.body = checks.plain_body(draft.text, draft.lead)
    elif placement == "whole":
        draft.body = draft.text
        if problems := checks.rewritten_problems(draft.text, plain.text):
            raise checks.Drift(" ".join(problems))
    else:
        draft.phrase = checks.phrase_of(
            draft.wording.kind, draft.text, body=plain.body, lead=plain.lead, wanted=draft.wanted
        )
        draft.body, draft.lead = plain.body, plain.lead if placement == "suffix" else ""


def _check_prompt(study: Study, protocol: Protocol, draft: Draft) -> tuple[Prompt, str]:
    sampling, model = settings_of(study, protocol, 1)
    sampling = replace(sampling, temperature=0.0 if sampling.temperature is not None else None)
    if draft.plain is not None:
        plain = draft.plain
        made = prompts.claims(
            plain=plain.text, rewritten=draft.text, claimed=plain.claims, sampling=sampling, model=model
        )
        return made, prompts.CLAIMS
    asked = Asked.of(protocol, protocol.items_by_id[draft.wording.item])
    options = list(asked.options.values())
    return prompts.stance(
        question=asked.question, options=options, text=draft.text, sampling=sampling, model=model
    ), prompts.STANCE


def checked(call: Call) -> None:
    """The model's own check came back. A check that could not be made refuses: nothing passes unchecked."""
    draft = Draft.objects.select_related("wording", "plain").filter(check_call=call.pk).first()
    if draft is None or draft.state != State.CHECKING:
        return
    study = locked(draft.wording.study_id)
    name = Check.Name.CLAIMS if draft.plain_id else Check.Name.STANCE
    problem = _failure(call) if call.state != Call.State.DONE else _found(draft, study, call.data)
    Check.objects.create(draft=draft, name=name, passed=not problem, detail=problem, call=call.pk)
    if problem:
        draft.move(State.REFUSED, allowed=[State.CHECKING], reason=problem)
    elif draft.plain_id:
        from study.phrasing import tasks

        tasks.measure.delay_on_commit(draft.pk)
    elif draft.move(State.OPEN, allowed=[State.CHECKING]) and study.state == Study.State.DRAFT:
        phrase_all(study, from_canonical(study.draft), draft)


def _failure(call: Call) -> str:
    return f"The check could not be made ({call.error}: {call.error_kind}). Save the text again to have it checked."


def _found(draft: Draft, study: Study, said: Any) -> str:
    """What the check found, in words for the researcher; '' for nothing."""
    if draft.plain_id:
        differences = [text for text in said["differences"] if text.strip()]
        if said["preserved"] and not differences:
            return ""
        return "It claims something else than the plain answer: " + (
            "; ".join(differences) or "no reason given"
        )
    protocol = from_canonical(study.draft)
    item = protocol.items_by_id.get(draft.wording.item)
    if item is None:
        return "The item was taken out of the document."
    wanted = Asked.of(protocol, item).options.get(draft.wording.stance)
    return "" if said["stance"] == wanted else f"It does not argue for “{wanted}” but for “{said['stance']}”."


def measure(draft_id: int) -> None:
    """The distance in meaning between a rewritten answer and the plain one; the last of its checks. Safe to run twice.

    Never inside a transaction. A service without embeddings refuses the draft, with that as the reason.
    """
    draft = Draft.objects.select_related("wording", "plain").get(pk=draft_id)
    if draft.state != State.CHECKING or draft.plain is None:
        return
    distance, call, problem = None, None, ""
    try:
        found = gateway.embed(
            [draft.plain.text, draft.text], purpose=prompts.EMBEDDING, study=draft.wording.study_id
        )
        call = uuid.UUID(found.call_ids[0])
        distance = checks.cosine_distance(*found.vectors)
    except (LLMError, ValueError) as error:
        problem = f"The distance of meaning could not be measured ({error}). Save the text again to have it checked."
    if distance is not None and distance > checks.THRESHOLD:
        problem = (
            f"Its meaning lies {distance:.2f} from the plain answer's; at most {checks.THRESHOLD:.2f} passes."
        )
    with transaction.atomic():
        to = State.REFUSED if problem else State.OPEN
        if not draft.move(to, allowed=[State.CHECKING], reason=problem):
            return
        Check.objects.create(
            draft=draft, name=Check.Name.DISTANCE, passed=not problem, detail=problem, value=distance,
            threshold=checks.THRESHOLD, call=call,
        )  # fmt: skip


# By people


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
    made = _new(
        wording, Source.EDIT, text, author=cast("User | None", by), parent=newest, plain=plain,
        claims=newest.claims, wanted=newest.wanted,
    )  # fmt: skip
    made.lead = (
        Asked.of(protocol, protocol.items_by_id[wording.item]).lead(wording.stance) if plain is None else ""
    )
    try:
        _settle(made)
    except checks.Drift as drift:
        raise Refused(str(drift)) from None
    _look(made, study, protocol)
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
