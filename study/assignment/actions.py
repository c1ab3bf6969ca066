"""Slots change hands: claim, give back, finish, sweep. Each is one guarded statement, safe under concurrency.

Locks are taken in the order session, slot, so that a page being accepted, a sweep and a claim never deadlock.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from study.assignment.models import Slot
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.session.models import Session

CLAIM = """
    WITH me AS (
        SELECT id FROM study_session WHERE id = %(session)s AND slot_id IS NULL FOR NO KEY UPDATE
    ), mine AS (
        UPDATE study_slot SET state = 'held', holder_id = %(session)s
        WHERE id = (
            SELECT slot.id FROM study_slot slot
            WHERE slot.study_id = %(study)s AND slot.stratum = %(stratum)s AND slot.state = 'free'
              AND EXISTS (SELECT FROM study_study WHERE id = %(study)s AND state = 'collecting')
              AND EXISTS (SELECT FROM me)
              {room}
            ORDER BY slot.returns DESC, slot.number
            FOR UPDATE OF slot SKIP LOCKED
            LIMIT 1
        )
        RETURNING *
    ), noted AS (
        UPDATE study_session SET slot_id = mine.id FROM mine WHERE study_session.id = %(session)s
    )
    SELECT * FROM mine
"""

# Each stratum has room for the whole sample, so that any mix of them can fill it; together they take no more.
ROOM = """
    AND (SELECT count(*) FROM study_slot taken WHERE taken.study_id = %(study)s AND taken.state <> 'free')
        < (SELECT places FROM study_study WHERE id = %(study)s)
"""

KEEP = """
    UPDATE study_slot slot SET holder_id = %(session)s,
        state = CASE WHEN slot.state = 'done' THEN slot.state ELSE %(state)s END
    WHERE slot.id = %(slot)s AND (slot.holder_id = %(session)s OR (slot.state = 'free' {room}))
"""

GIVE_BACK = """
    WITH back AS (
        UPDATE study_slot SET state = 'free', holder_id = NULL, returns = returns + 1
        WHERE holder_id = %(session)s AND state = 'held'
        RETURNING id
    )
    INSERT INTO study_slotreturn (slot_id, session_id, reason, at)
    SELECT id, %(session)s, %(reason)s, %(now)s FROM back
"""

SWEEP = """
    WITH idle AS (
        SELECT session.id FROM study_session session JOIN study_slot slot ON slot.holder_id = session.id
        WHERE slot.study_id = %(study)s AND slot.state = 'held'
          AND session.outcome = '' AND session.active_at < %(cutoff)s AND %(token)s IN ('', session.token)
        FOR NO KEY UPDATE OF session SKIP LOCKED
    ), back AS (
        UPDATE study_slot SET state = 'free', holder_id = NULL, returns = returns + 1
        FROM idle WHERE holder_id = idle.id AND state = 'held'
        RETURNING study_slot.id, idle.id AS session_id
    ), noted AS (
        UPDATE study_session SET timed_out_at = %(now)s FROM back WHERE study_session.id = back.session_id
    )
    INSERT INTO study_slotreturn (slot_id, session_id, reason, at)
    SELECT id, session_id, 'timed_out', %(now)s FROM back
"""


def claim(*, session: Session, stratum: str = "") -> Slot | None:
    """Give the session the next free slot of its stratum, returned ones first, and set `session.slot`.

    A session that was given a slot before keeps it, also after a time-out: nobody ever changes arms. None when no
    place is free or the study is not collecting. One statement; with strata a lock before it keeps the strata together
    within the sample.
    """
    values = {"session": session.pk, "study": session.study_id, "stratum": stratum}
    with transaction.atomic():
        if stratum:
            _wait_for_turn(session)
        found = list(Slot.objects.raw(CLAIM.format(room=ROOM if stratum else ""), values))
    slot = found[0] if found else Slot.objects.filter(pk__in=_slots_of(session)).first()
    if slot is not None:
        session.slot = slot
    return slot


def _slots_of(session: Session) -> QuerySet[Session, int | None]:
    """The slot that this session was given earlier, perhaps in another tab (as a subquery)."""
    return Session.objects.filter(pk=session.pk).values_list("slot_id", flat=True)


def _wait_for_turn(session: Session) -> None:
    """Count and claim as one step among all claims of a stratified study (until the transaction ends)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"heed slots {session.study_id}"]
        )


def give_back(*, session: Session, reason: str) -> bool:
    """The session's slot is free again and refilled first; the return is kept. False if it held none or was done."""
    return _change(GIVE_BACK, session=session.pk, reason=reason, now=timezone.now()) > 0


def finish(*, session: Session) -> bool:
    """The session completed its slot. Someone who comes back late still fills it if nobody took it meanwhile.

    False when the slot has a new holder: the session's data count as late. Safe to run twice.
    """
    return _keep(session, Slot.State.DONE)


def take_again(*, session: Session) -> bool:
    """Someone who goes on after a time-out holds their slot again, unless somebody took it meanwhile (False)."""
    return _keep(session, Slot.State.HELD)


def _keep(session: Session, state: Slot.State) -> bool:
    if session.slot is None:
        return False
    values = {"session": session.pk, "study": session.study_id, "slot": session.slot.pk, "state": state}
    return _change(KEEP.format(room=ROOM if session.slot.stratum else ""), **values) > 0


def sweep_idle(study: Study, now: datetime, *, token: str = "") -> int:
    """Take back the slots of sessions idle for longer than the protocol allows; returns how many. One statement.

    token: look at that session alone (a rehearsal lets time pass for one person and not for the others).
    A session whose row is locked is answering at this moment and is left alone. Raises WrongState before
    registration.
    """
    minutes = protocol_of(current(study).pk).session.idle_minutes
    return _change(SWEEP, study=study.pk, cutoff=now - timedelta(minutes=minutes), now=now, token=token)


def _change(statement: str, **values: Any) -> int:
    """Run one statement; returns how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
