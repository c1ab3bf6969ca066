"""Asking for a trial's answer, and for the option that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm import calls
from llm.models import Call
from study.advice import prompts
from study.advice.shown import is_advised, key_of, phrasing_of
from study.session.models import Participant, Session
from study.stages.base import Page, Walk

if TYPE_CHECKING:
    from uuid import UUID

    from study.protocol.types import Protocol

VERDICT_SECONDS = 600  # nobody waits for it


def ask(*, session: Session, page: Page, walk: Walk) -> Call | None:
    """Ask for the AI's answer on a page that was just reached, in the same transaction; None where none is live."""
    protocol = walk.protocol
    if protocol.live is None or not is_advised(walk):
        return None
    item, say = walk.item(page.item), protocol.say
    return calls.request(
        prompts.advice(protocol, item, phrasing_of(walk), walk.language, model=model_of(protocol, session)),
        key=key_of(session.pk, page.key),
        purpose=prompts.PURPOSE,
        study=study_of(session),
        participant=str(session.participant_id),
        streamed=True,
        deadline=protocol.live.seconds,
        fallback=say(protocol.live.fallback, walk.language),
    )


def model_of(protocol: Protocol, session: Session) -> str:
    """The registered model; a rehearsal asks whichever is configured, and is no measurement of any."""
    return "" if session.study.mode == Participant.Source.REHEARSAL else prompts.pinned(protocol).name


def study_of(session: Session) -> UUID | None:
    """The study whose record the call belongs to; a preview's belongs to none."""
    return None if session.preview_arm else session.study_id


def ask_verdict(call: Call) -> None:
    """A finished answer is read by the model where the protocol says so. Runs once, in a worker's transaction."""
    if call.purpose != prompts.PURPOSE or call.state != Call.State.DONE or not call.key.startswith("advice:"):
        return
    from study.session.walks import walk_of

    _, session_id, page = call.key.split(":", 2)
    session = Session.objects.with_walk().filter(pk=session_id).first()
    if session is None:
        return
    walk = walk_of(session)
    protocol, item = walk.protocol, walk.item(page.split(".")[1])
    if protocol.live is None or protocol.live.verdict != "extracted":
        return
    calls.request(
        prompts.verdict(protocol, item, call.text, walk.language, model=call.model_asked),
        key=f"verdict:{call.pk}",
        purpose=prompts.VERDICT,
        study=call.study,
        participant=call.participant,
        priority=Call.Priority.BATCH,
        deadline=VERDICT_SECONDS,
    )


def verdicts(study: UUID) -> dict[str, str]:
    """The option by the id of the call that gave the answer, where the model was asked for it. One query."""
    rows = Call.objects.of_study(study).filter(purpose=prompts.VERDICT, state=Call.State.DONE)
    found = rows.values_list("key", "data")
    return {key.removeprefix("verdict:"): data["verdict"] for key, data in found if isinstance(data, dict)}
