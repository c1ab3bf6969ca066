"""The four statements of a page turn, in SQL: compiling them anew for every page cost a third of its time.

The rules stand where they are (`actions`, `traces`, the models' constraints and triggers); here are only the words that
the database is told. tests/study/session/test_statements.py holds them against the models' columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from study.registration.models import Study
from study.session.models import Session, Submission

APPEND = """
    INSERT INTO study_submission
        (session_id, number, page, attempt, payload, salt, commitment, link, shown_at, received_at)
    SELECT session.id, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s
    FROM study_session session JOIN study_study study ON study.id = session.study_id
    WHERE session.id = %s AND (study.state = 'collecting' OR session.preview_arm <> '')
"""

TRACE = """
    INSERT INTO study_traceevent (session_id, page, load, number, kind, data, client_ms, received_at)
    SELECT %s, %s, %s, event.number, event.kind, event.data, event.client_ms, %s
    FROM jsonb_to_recordset(%s::jsonb)
        AS event(number integer, kind text, data jsonb, client_ms double precision)
    WHERE EXISTS (SELECT FROM study_session WHERE id = %s AND erased_at IS NULL FOR KEY SHARE)
    ON CONFLICT DO NOTHING
"""

ADVANCE = """
    UPDATE study_session
    SET position = %s, attempt = %s, submitted = %s, slot_id = %s, head = %s, exposed = %s, outcome = %s,
        shown_at = %s, active_at = %s, ended_at = %s
    WHERE id = %s
"""

SHOWN = "UPDATE study_session SET shown_at = %s WHERE id = %s AND position = %s AND shown_at IS NULL"


def append(submission: Submission) -> bool:
    """Insert one accepted page; False, and nothing, for a study that was paused or closed since its session was read.
    Raises IntegrityError for a page or number that is there already."""
    return bool(
        _run(
            APPEND,
            [
                submission.number,
                submission.page,
                submission.attempt,
                json.dumps(submission.payload),
                submission.salt,
                submission.commitment,
                submission.link,
                submission.shown_at,
                submission.received_at,
                submission.session_id,
            ],
        )
    )


def trace(session: Session, page: str, load: str, events: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Insert the events (number, kind, data, client_ms) of one load of a page; those that are there are passed over.

    Of a session whose answers were erased, also by a transaction that commits meanwhile, nothing is stored.
    """
    _run(TRACE, [session.pk, page, load, now, json.dumps(list(events)), session.pk])


def advance(session: Session) -> None:
    """Write where the session stands after an accepted page."""
    _run(
        ADVANCE,
        [
            session.position,
            session.attempt,
            session.submitted,
            session.slot_id,
            session.head,
            session.exposed,
            session.outcome,
            session.shown_at,
            session.active_at,
            session.ended_at,
            session.pk,
        ],
    )


def shown(session: Session, now: datetime) -> None:
    """Write when the open page was first served, unless that is known or the session has moved on."""
    _run(SHOWN, [now, session.pk, session.position])


def state_of(study: Study) -> str:
    """The study's state as it stands now, kept from closing until the transaction ends: the lock is the one that a new
    row of the study takes anyway."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM study_study WHERE id = %s FOR KEY SHARE", [study.pk])
        return str(cursor.fetchone()[0])


def _run(statement: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
