"""People's decisions about drafted cases; an approved one goes into the draft document, and nowhere else."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from elicitation.case_drafts.drafting import cases_of, drafted_protocol
from elicitation.case_drafts.models import FROM, CaseDraft, CaseDraftDecision
from elicitation.case_drafts.words import CaseWords, problems_of
from elicitation.cases import id_of
from elicitation.stages.configs import CompareValuesStage, ValuesCardStage
from elicitation.upgrades.models import State
from study.panel.actions import save_draft
from study.panel.documents import held
from study.protocol import Protocol, ProtocolError
from study.protocol.splicing import CannotSplice, put_all
from study.protocol.yaml import Path
from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study


@transaction.atomic
def approve(*, draft: CaseDraft, by: Person, words: CaseWords | None = None) -> CaseDraftDecision:
    """Put a drafted case, in the words of whoever approves it (or the draft's), into the draft document.

    The document's text is kept as its author wrote it but for the new case, and for stories that are told in one of
    the case's contexts and not for all cases: they are told for this one too. Raises Refused where another decision
    came first, for words that cannot stand, for words of the rehearsal model in a real study, and where the document
    would be none; WrongState once the study is registered.
    """
    study, draft, last = _at_hand(draft, State.APPROVED)
    protocol = drafted_protocol(study)
    if draft.rehearsal and study.mode == Study.Mode.REAL:
        raise Refused("The rehearsal model wrote it: it cannot be approved for real participants.")
    case = (words or CaseWords(draft.title, draft.question, tuple(draft.contexts), draft.about)).tidy()
    known = [text for one in cases_of(protocol) for text in (one.title, one.question)]
    if problems := problems_of(case, known=known):
        raise Refused(*problems)
    document = held(study)
    entry = {"id": _free_id(protocol, case.title), **_entry(case)}
    try:
        text = put_all(document.text, changes(protocol, entry))
        save_draft(study=study, text=text, seen=document.sha256, by=by, how="approved case")
    except ProtocolError as error:
        raise Refused(*(f"{problem.where}: {problem.message}" for problem in error.problems)) from None
    except CannotSplice as problem:
        raise Refused(str(problem)) from None
    made = _decided(draft, last, State.APPROVED, by, case=entry)
    audit(study, name_of(by), "approved a case", {"number": draft.number, "case": entry["id"]})
    return made


@transaction.atomic
def set_aside(*, draft: CaseDraft, state: State, by: Person, reason: str = "") -> CaseDraftDecision:
    """Reject (with a reason) or archive a draft. Raises Refused where another decision came first, or without a
    reason for a rejection."""
    study, draft, last = _at_hand(draft, state)
    reason = reason.replace("\x00", "").strip()
    if state == State.REJECTED and not reason:
        raise Refused("Say why it is rejected.")
    made = _decided(draft, last, state, by, reason=reason[:2000])
    audit(
        study, name_of(by), f"{state.value} a drafted case", {"number": draft.number, "reason": reason[:500]}
    )
    return made


def _at_hand(draft: CaseDraft, state: State) -> tuple[Study, CaseDraft, CaseDraftDecision]:
    """The study, held until commit, the draft and its last decision. Raises Refused where that does not lead on."""
    study = Study.objects.select_for_update(no_key=True).get(pk=draft.study_id)
    draft = CaseDraft.objects.get(pk=draft.pk)
    last = draft.decisions.order_by("-number")[0]
    if state not in FROM or last.state not in FROM[state]:
        raise Refused(f"The case is {State(last.state).label}: it cannot be {state.value}.")
    return study, draft, last


def _decided(
    draft: CaseDraft, last: CaseDraftDecision, state: State, by: Person, **also: Any
) -> CaseDraftDecision:
    number = last.number + 1
    return CaseDraftDecision.objects.create(draft=draft, number=number, state=state, by=name_of(by), **also)


def _entry(case: CaseWords) -> dict[str, Any]:
    """The case as it stands in the document, without what it does not have."""
    texts = {"title": case.title, "about": case.about, "question": case.question}
    return {name: text for name, text in texts.items() if text} | {"contexts": list(case.contexts)}


def _free_id(protocol: Protocol, title: str) -> str:
    taken = {one.id for stage in protocol.flow if isinstance(stage, ValuesCardStage) for one in stage.cases}
    base = id_of(title)
    return next(
        name for name in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))) if name not in taken
    )


def changes(protocol: Protocol, entry: dict[str, Any]) -> list[tuple[Path, Any]]:
    """What an approved case changes in the document: its entry, and the stories that are told for it too."""
    found: list[tuple[Path, Any]] = []
    for place, stage in enumerate(protocol.flow):
        if isinstance(stage, ValuesCardStage):
            found.append((("flow", place, "cases", len(stage.cases)), entry))
        if isinstance(stage, CompareValuesStage):
            found += [
                (("flow", place, "upgrades", number, "cases", len(one.cases)), entry["id"])
                for number, one in enumerate(stage.upgrades)
                if one.cases and one.context in entry["contexts"]
            ]
    return found
