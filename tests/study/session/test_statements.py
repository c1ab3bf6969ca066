"""The statements of a page turn say what the models say."""

import re

import pytest
from django.db import connection
from django.utils import timezone

from study.session import actions, statements
from study.session.models import Session, Submission, TraceEvent
from tests import factories

pytestmark = pytest.mark.django_db


def columns(model):
    return {field.column for field in model._meta.concrete_fields if not field.primary_key}


def named(statement):
    return set(re.search(r"\(([^)]*)\)", statement).group(1).replace("\n", " ").replace(" ", "").split(","))


@pytest.mark.parametrize(
    ("statement", "model"), [(statements.APPEND, Submission), (statements.TRACE, TraceEvent)]
)
def test_an_inserted_row_names_every_column_of_its_model(statement, model):
    assert named(statement) == columns(model)


def test_a_session_read_by_its_link_equals_the_one_the_models_read():
    session = actions.new_session(study=factories.collecting(), language="en")
    actions.mark_shown(session)
    read, ours = Session.objects.get(pk=session.pk), Session.objects.at(session.token)
    for field in Session._meta.concrete_fields:
        assert getattr(read, field.attname) == getattr(ours, field.attname), field.name
    assert (ours.study.mode, ours.study.state) == (read.study.mode, read.study.state)
    assert not ours._state.adding


def test_moving_on_writes_every_column_that_a_page_changes():
    session = actions.new_session(study=factories.collecting(), language="en")
    now = timezone.now()
    changed = {
        "position": 3,
        "attempt": 2,
        "submitted": 4,
        "head": "ab" * 32,
        "exposed": True,
        "outcome": "complete",
        "shown_at": None,
        "active_at": now,
        "ended_at": now,
    }
    for name, value in changed.items():
        setattr(session, name, value)
    statements.advance(session)
    read = Session.objects.get(pk=session.pk)
    assert {name: getattr(read, name) for name in changed} == changed


def test_a_page_is_shown_once_and_only_while_it_is_the_open_one():
    session = actions.new_session(study=factories.collecting(), language="en")
    first, second = timezone.now(), timezone.now()
    statements.shown(session, first)
    statements.shown(session, second)
    assert Session.objects.get(pk=session.pk).shown_at == first
    Session.objects.update(position=1, shown_at=None)
    statements.shown(session, second)
    assert Session.objects.get(pk=session.pk).shown_at is None


def test_events_keep_their_numbers_data_and_milliseconds_exactly():
    session = actions.new_session(study=factories.collecting(), language="en")
    milliseconds = [0.1, 1e9 + 1 / 3, 2**53 - 1.0, 5e-324]
    events = [
        {"number": n, "kind": "paste", "data": {"text": 'ü"\\ \u2028', "n": n}, "client_ms": ms}
        for n, ms in enumerate(milliseconds, start=1)
    ]
    for _ in range(2):  # a retry stores nothing twice
        statements.trace(session, "page", "load", events, timezone.now())
    found = list(TraceEvent.objects.order_by("number").values("number", "kind", "data", "client_ms"))
    assert found == events


def test_an_update_of_a_session_under_way_touches_no_index():
    """Heap-only updates: no index holds a column that every page changes."""
    often = {"position", "attempt", "submitted", "head", "shown_at", "active_at", "exposed"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.attname FROM pg_index i "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
            "WHERE i.indrelid = 'study_session'::regclass"
        )
        indexed = {name for (name,) in cursor.fetchall()}
    assert not indexed & often
