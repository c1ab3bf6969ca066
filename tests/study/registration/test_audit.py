"""The log of what people did: chained, gapless under concurrency, and telling when somebody changed it."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.registration import actions
from study.registration.audit import GENESIS, audit, verify_audit
from study.registration.errors import WrongState
from study.registration.models import AuditEntry, Registration, Study
from tests import factories
from tests.concurrently import at_once

pytestmark = pytest.mark.django_db


def tamper(statement: str) -> None:
    """As the owner of the tables, who can take the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE study_auditentry DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE study_auditentry ENABLE TRIGGER USER")


def test_entries_are_numbered_and_each_holds_the_link_before_it() -> None:
    study = factories.collecting()
    entries = list(AuditEntry.objects.filter(study=study).order_by("number"))
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.previous for entry in entries] == [GENESIS, entries[0].link, entries[1].link]
    assert verify_audit(study) == []


def test_each_study_has_a_chain_of_its_own() -> None:
    one, other = factories.draft(slug="one"), factories.draft(slug="two")
    assert verify_audit(one) == verify_audit(other) == []
    links = set(AuditEntry.objects.values_list("link", flat=True))
    assert len(links) == 2


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE study_auditentry SET actor = 'eve' WHERE number = 2", "Entry 2 was changed."),
        ("UPDATE study_auditentry SET data = '{}' WHERE number = 2", "Entry 2 was changed."),
        ("UPDATE study_auditentry SET at = at - interval '1 hour' WHERE number = 1", "Entry 1 was changed."),
        ("DELETE FROM study_auditentry WHERE number = 2", "Entry 2 is missing (found 3)."),
        (
            "UPDATE study_auditentry SET previous = repeat('0', 64) WHERE number = 3",
            "Entry 3 does not follow the entry before it.",
        ),
    ],
)
def test_verification_tells_what_was_changed(statement: str, told: str) -> None:
    study = factories.collecting()
    tamper(statement)
    assert told in verify_audit(study)


texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=8)
plain_values = st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(-1e15, 1e15) | texts
json_values = st.recursive(
    plain_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "é"]), inner),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values)
def test_whatever_is_written_verifies_after_reading(value: Any) -> None:
    study = Study.objects.first() or factories.draft()
    audit(study, "ada", "noted", {"value": value})
    assert verify_audit(study) == []


@pytest.mark.parametrize("number", [2**53 + 1, float("nan"), float("inf"), -1e300])
def test_numbers_that_would_not_come_back_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        audit(factories.draft(), "ada", "noted", {"list": [{"n": number}]})


@pytest.mark.django_db(transaction=True)
def test_entries_written_at_once_queue_up_without_gaps() -> None:
    study = factories.draft()
    results = at_once([partial(audit, study, "ada", f"noted-{n}") for n in range(60)], threads=20)
    assert not [result for result in results if isinstance(result, Exception)]
    assert list(AuditEntry.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 62))
    assert verify_audit(study) == []


@pytest.mark.django_db(transaction=True)
def test_registering_at_once_registers_once() -> None:
    study = factories.draft()

    def register() -> Registration:
        return actions.register(study=Study.objects.get(pk=study.pk), by=None)

    results = at_once([lambda: register() for _ in range(8)], threads=8)
    assert sum(isinstance(result, Registration) for result in results) == 1
    assert sum(isinstance(result, WrongState) for result in results) == 7
    assert AuditEntry.objects.filter(action="registered").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moves", [("pause", "close"), ("pause", "pause"), ("close", "close")])
def test_moves_made_at_once_leave_one_history(moves: tuple[str, str]) -> None:
    study = factories.collecting()

    def move(name: str) -> None:
        getattr(actions, name)(study=Study.objects.get(pk=study.pk), by=None)

    results = at_once([partial(move, name) for name in moves * 6], threads=12)
    assert {type(result) for result in results} <= {type(None), WrongState}
    entries = AuditEntry.objects.exclude(action="sealed").order_by("number")
    history = list(entries.values_list("data__from", "data__to"))[3:]
    assert all(before == after for (_, before), (after, _) in itertools.pairwise(history))
    assert len(history) == results.count(None)
    assert verify_audit(study) == []


@pytest.mark.django_db(transaction=True)
def test_amendments_made_at_once_get_versions_of_their_own() -> None:
    study = factories.collecting()

    def amend(n: int) -> Registration:
        protocol = factories.changed(factories.tiny(), summary=f"Version {n}.")
        return actions.amend(
            study=Study.objects.get(pk=study.pk), protocol=protocol, reason="Words.", by=None
        )

    results = at_once([partial(amend, n) for n in range(6)], threads=6)
    assert not [result for result in results if isinstance(result, Exception)]
    assert sorted(study.registrations.values_list("version", flat=True)) == list(range(1, 8))
