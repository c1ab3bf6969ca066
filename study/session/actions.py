"""What happens to a session: arriving, an accepted page, leaving, erasing. Each is one transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from llm import calls
from study.assignment import actions as assignment
from study.registration.frozen import current
from study.registration.models import Study
from study.session import chain, identity, statements, traces
from study.session.entry import interface_language
from study.session.forms import PageForm
from study.session.models import Identity, Participant, Session, Submission
from study.session.visit import Visit
from study.session.walks import pages_of, preview_walk, protocol_of_study
from study.stages import registry
from study.stages.base import Answers, Move


class NotOpen(Exception):
    """The study does not take this: not collecting, paused, closed. `state` says which."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class OutOfOrder(Exception):
    """A form for a page that is not open and was never accepted."""


@dataclass(frozen=True)
class Rejected:
    """A form that was not accepted: nothing was stored; the page is shown again with what is wrong."""

    visit: Visit
    form: PageForm


def enter(
    *, study: Study, language: str, person: str = "", panel_ids: dict[str, str] | None = None
) -> Session:
    """A session for someone who arrives. The same person (by panel id) comes back to the same session.

    Raises NotOpen when the study is not collecting and the person has no session yet.
    """
    mark = identity.fingerprint(study.pk, person) if person else ""
    if mark and (known := _session_of(study, mark)):
        return known
    if study.state != Study.State.COLLECTING:
        raise NotOpen(study.state)
    try:
        with transaction.atomic():
            session = new_session(study=study, language=language)
            if mark:
                Identity.objects.create(
                    participant=session.participant,
                    study=study,
                    fingerprint=mark,
                    sealed=identity.seal(panel_ids or {}),
                )
            return session
    except IntegrityError:  # the same person arrived twice at the same moment: the other one won
        known = _session_of(study, mark)
        if known is None:
            raise
        return known


def _session_of(study: Study, mark: str) -> Session | None:
    return Session.objects.filter(study=study, participant__identity__fingerprint=mark).first()


@transaction.atomic
def new_session(*, study: Study, language: str) -> Session:
    """A participant and their session at the first page, under the current registration, marked by the mode. Raises
    NotOpen for a study that is over: its log is sealed."""
    if (state := statements.state_of(study)) in (Study.State.CLOSED, Study.State.ARCHIVED):
        raise NotOpen(state)
    participant = Participant.objects.create(study=study, source=study.mode)
    return Session.objects.create(
        study=study, participant=participant, registration=current(study), language=language
    )


@transaction.atomic
def invite(*, study: Study, count: int) -> list[Session]:
    """Sessions with links of their own, to be sent to people by hand (entry by personal link)."""
    return [new_session(study=study, language=protocol_of_study(study).languages[0]) for _ in range(count)]


@transaction.atomic
def preview(*, study: Study, arm: str, language: str, at: int = 0) -> Session:
    """A session that walks one arm outside all counts: no slot, source `preview`. `at`: the page it begins with,
    from 0; one behind the last is the last."""
    pages = pages_of(preview_walk(protocol_of_study(study), arm, language))
    at = min(at, len(pages) - 1)
    participant = Participant.objects.create(study=study, source=Participant.Source.PREVIEW)
    registration = study.registrations.order_by("-version").first()
    over = pages[at].kind == "completion"  # that page is not asked but shown to whoever is done
    session = Session.objects.create(
        study=study,
        participant=participant,
        registration=registration,
        language=language,
        preview_arm=arm,
        position=at,
        outcome=Session.Outcome.COMPLETE if over else "",
        ended_at=timezone.now() if over else None,
    )
    if at:
        visit = Visit(session)
        visit.kind.opened(visit.stage, visit.page, visit.walk, session)
    return session


def submit(*, token: str, page: str, attempt: int, data: Any) -> Visit | Rejected:
    """Accept the open page's form exactly once and move on.

    A form that was accepted before (double click, reload, lost reply) adds its trace and nothing else. Raises
    Session.DoesNotExist, NotOpen, and OutOfOrder for a page that is neither open nor accepted. The next page is
    served only after this transaction has committed. What is said to the participant on the way, and kept, is in the
    session's language, whatever their browser asks for.
    """
    with transaction.atomic():
        session = Session.objects.locked(token)
        with translation.override(interface_language(session.language)):
            return _submitted(session, page, attempt, data)


def _submitted(session: Session, page: str, attempt: int, data: Any) -> Visit | Rejected:
    """The rest of `submit`, with the session locked."""
    visit = Visit(session)
    if session.outcome or (page, attempt) != (visit.page.key, session.attempt):
        return _already_accepted(visit, page, attempt, data)
    refuse_unless_collecting(session)
    form = PageForm(visit.kind.questions(visit.stage, visit.page, visit.walk), visit.walk, data)
    form.excuse(visit.kind.excused(visit.page, data))
    answers = _validated(visit, form)
    if answers is None:
        return Rejected(visit, form)
    if session.timed_out_at:  # somebody who comes back has their place again, unless it was taken meanwhile
        assignment.take_again(session=session)
    now = timezone.now()
    _append(session, page, answers, now)
    _store_trace(session, data.get("trace", ""), now)
    visit.kind.accepted(visit.stage, visit.page, visit.walk, answers, session)
    _advance(visit, visit.kind.move(visit.stage, visit.page, visit.walk, answers, attempt), now)
    return visit


def _already_accepted(visit: Visit, page: str, attempt: int, data: Any) -> Visit:
    """The repeated form is acknowledged like the first, so what rides on it is stored too: it may be another load of
    the page, or the events since the reply was lost."""
    if not visit.session.submissions.filter(page=page, attempt=attempt).exists():
        raise OutOfOrder(page)
    _store_trace(visit.session, data.get("trace", ""), timezone.now())
    return visit


def refuse_unless_collecting(session: Session) -> None:
    """Previews always go on; everybody else only while the study collects. Raises NotOpen."""
    if not session.preview_arm and session.study.state != Study.State.COLLECTING:
        raise NotOpen(session.study.state)


def _validated(visit: Visit, form: PageForm) -> dict[str, Any] | None:
    """The payload, or None with the form's errors filled in."""
    if not form.is_valid():
        return None
    try:
        return visit.kind.clean(visit.stage, visit.page, visit.walk, dict(form.cleaned_data))
    except ValidationError as problem:
        form.add_error(None, problem)
        return None


def _append(session: Session, page: str, answers: Answers, now: datetime) -> None:
    """Add one submission to the session's chain."""
    salt = secrets.token_hex(16)
    payload = dict(answers)
    commitment = chain.commitment(salt, payload)
    submission = Submission(
        session=session,
        number=session.submitted + 1,
        page=page,
        attempt=session.attempt,
        payload=payload,
        salt=salt,
        commitment=commitment,
        shown_at=session.shown_at or now,
        received_at=now,
    )
    submission.link = session.head = chain.link(
        session.head,
        number=submission.number,
        page=page,
        attempt=session.attempt,
        shown_at=submission.shown_at,
        received_at=now,
        commitment=commitment,
    )
    if not statements.append(submission):  # paused or closed since the session was read
        raise NotOpen(statements.state_of(session.study))
    session.submitted += 1


def _store_trace(session: Session, text: str, now: datetime) -> None:
    """Trace rows that ride on the form. A broken batch never costs a participant their page."""
    if not text:
        return
    try:
        batch = traces.parse(text)
    except traces.BadTrace:
        return
    traces.store(session, batch, now)


def _advance(visit: Visit, move: Move, now: datetime) -> None:
    """Move the session by what its stage kind decided, claiming or finishing its slot on the way."""
    session = visit.session
    session.active_at, session.shown_at = now, None
    if move.again:
        session.attempt += 1
    elif move.end:
        _end(session, move.end, now)
    else:
        _to_next_page(visit, now)
    statements.advance(session)


def _to_next_page(visit: Visit, now: datetime) -> None:
    session = visit.session
    visit.__dict__.pop("pages", None)  # what was just accepted may shorten what follows
    last_before_slot = visit.walk.arm is None and session.position + 1 >= len(visit.pages)
    if last_before_slot and not _claim(visit):
        _end(session, Session.Outcome.FULL, now)
        return
    session.position, session.attempt = session.position + 1, 1
    session.exposed = session.exposed or bool(visit.page.item)
    if visit.page.kind == "completion":
        _end(session, Session.Outcome.COMPLETE, now)
    visit.kind.opened(visit.stage, visit.page, visit.walk, session)


def _claim(visit: Visit) -> bool:
    """Take the next place of the schedule; from here on the walk has its arm. False when the study is full."""
    slot = assignment.claim(session=visit.session, stratum=stratum_of(visit))
    if slot is None:
        return False
    visit.session.slot = slot
    for cached in ("walk", "pages"):
        visit.__dict__.pop(cached, None)
    return True


def stratum_of(visit: Visit) -> str:
    """The stratum named by the answers to the strata questions, joined by '|'; '' without strata."""
    strata = visit.walk.protocol.randomisation.strata
    if not strata:
        return ""
    visit.__dict__.pop("submitted", None)
    answers = {key: value for payload in visit.submitted.values() for key, value in payload.items()}
    return "|".join(str(answers.get(column, "")) for column in strata)


def _end(session: Session, outcome: str, now: datetime) -> None:
    """Give the session its outcome. A completed one finishes its slot, any other gives it back."""
    session.outcome, session.ended_at = outcome, now
    if session.slot_id is None:
        return
    if outcome == Session.Outcome.COMPLETE:
        assignment.finish(session=session)
    else:
        assignment.give_back(session=session, reason=outcome)


@transaction.atomic
def withdraw(*, token: str, erase: bool) -> Session:
    """End a session at the participant's word, from any page, and after the end too: then the outcome stays, and nobody
    turns to them again. `erase` destroys the answers; that something was there stays countable. Withdrawing twice
    changes nothing."""
    session, now = Session.objects.locked(token), timezone.now()
    if session.withdrawn_at is None:
        session.withdrawn_at = now
        session.save(update_fields=["withdrawn_at"])
    if not session.outcome:
        _end(session, Session.Outcome.WITHDRAWN, now)
        session.save(update_fields=["outcome", "ended_at"])
    if erase:
        erase_answers(session)
    return session


def erase_answers(session: Session) -> None:
    """Destroy payloads, salts, trace data, words to and from a model, and panel ids; the chain's commitments stay."""
    session.submissions.update(payload=None, salt="")
    session.events.update(data={})
    for kind in registry.kinds().values():
        kind.erased(session)
    calls.erase_participant(str(session.participant_id), session.study_id)
    Identity.objects.filter(participant_id=session.participant_id).delete()
    Session.objects.filter(pk=session.pk, erased_at=None).update(erased_at=timezone.now())


def mark_shown(session: Session) -> None:
    """Remember when the open page was first served; later loads of it change nothing."""
    if session.shown_at is None and not session.outcome:
        now = timezone.now()
        statements.shown(session, now)
        session.shown_at = now
