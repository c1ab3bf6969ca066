"""A version of a text: made, checked by its letters, and handed to the model for what letters do not tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llm.prompts import Prompt
from study.phrasing import checks, prompts
from study.phrasing.asked import Asked, send, settings_of
from study.phrasing.kinds import STYLES
from study.phrasing.models import Check, Draft, Wording
from study.protocol import Protocol
from study.registration.models import Study

State = Draft.State


def new_version(wording: Wording, source: str, text: str, **columns: Any) -> Draft:
    """The next version of a text, not saved: words and checks are settled first."""
    last = Draft.objects.filter(wording=wording).order_by("-number").values_list("number", flat=True).first()
    return Draft(
        wording=wording, number=(last or 0) + 1, source=source, text=text, state=State.CHECKING, **columns
    )


def look(draft: Draft, study: Study | None = None, protocol: Protocol | None = None) -> None:
    """Check in code, save, and where only a model can tell ask it."""
    kind = draft.wording.kind
    try:
        settle(draft)
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
        draft.check_call = send(study, prompt, key, purpose).pk
    draft.save(force_insert=True)
    Check.objects.create(draft=draft, name=_by_letters(kind), passed=True)


def _by_letters(kind: str) -> str:
    return Check.Name.EXACT if STYLES[kind].placement in ("prefix", "suffix") else Check.Name.FORM


def settle(draft: Draft) -> None:
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
