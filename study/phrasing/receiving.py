"""What comes from finished calls: texts, checks, and at last the distance of a rewritten answer.

Handlers run once, in a transaction of the worker's; no model is asked inside one.
"""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.db import transaction

from analysis.distances import cosine_distance
from llm import gateway
from llm.errors import LLMError
from llm.models import Call
from study.phrasing import checks, prompts
from study.phrasing.asked import Asked, locked
from study.phrasing.drafting import phrase_all
from study.phrasing.models import Check, Draft, Kind, Wording
from study.phrasing.versions import look, new_version
from study.protocol import from_canonical
from study.registration.models import Study

State, Source = Draft.State, Draft.Source


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
        draft = new_version(wording, Source.MODEL, text, call=call.pk, lead=lead, claims=said["claims"])
    else:
        words = asked.words if wording.kind == Kind.VERBAL else ""
        draft = new_version(
            wording, Source.MODEL, said["text"], call=call.pk, plain=wording.asked_of, wanted=words
        )
    look(draft, study, protocol)


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
        distance = cosine_distance(*found.vectors)
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
