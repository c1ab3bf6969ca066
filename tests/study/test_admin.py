"""The admin shows the records, edits none, and keeps the secrets until a study is closed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from study.assignment import actions as assignment
from study.assignment.models import Slot
from study.registration import actions
from study.registration.models import AuditEntry, Study
from study.session.models import Submission
from tests import factories

pytestmark = pytest.mark.django_db

LISTS = ["study", "auditentry", "slot", "slotreturn", "participant", "session", "submission"]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(factories.user("boss", is_staff=True, is_superuser=True))
    return client


def people(study: Study, count: int) -> None:
    """Sessions with a submission each; every second one gave its slot back."""
    for number in range(count):
        session = factories.session(study, submitted=1)
        assignment.claim(session=session)
        now = timezone.now()
        Submission.objects.create(
            session=session, number=1, page="consent", payload={"agreed": True}, shown_at=now, received_at=now
        )
        if number % 2:
            assignment.give_back(session=session, reason="withdrawn")


def address(model: str, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:study_{model}_{page}", args=args)


@pytest.mark.parametrize("model", LISTS)
def test_a_list_costs_the_same_for_any_number_of_rows(
    staff: Client, model: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    study = factories.collecting()
    people(study, 2)
    staff.get(address(model))
    with CaptureQueriesContext(connection) as few:
        assert staff.get(address(model)).status_code == 200
    people(study, 6)
    for number in range(3):
        factories.draft(slug=f"other-{number}")
    with django_assert_num_queries(len(few)):
        assert staff.get(address(model)).status_code == 200
    assert len(few) <= 8


@pytest.mark.parametrize("model", LISTS)
def test_nothing_can_be_added_changed_or_deleted(staff: Client, model: str) -> None:
    people(factories.collecting(), 2)
    row = admin.site._registry[_model(model)].model.objects.first()
    assert staff.get(address(model, "add")).status_code == 403
    assert staff.get(address(model, "change", row.pk)).status_code == 200
    assert staff.post(address(model, "change", row.pk), {"slug": "x"}).status_code == 403
    assert staff.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def _model(name: str) -> Any:
    return next(model for model in admin.site._registry if model._meta.label_lower == f"study.{name}")


def test_submissions_are_counted_by_their_sessions_and_within_one_by_themselves(staff: Client) -> None:
    people(factories.collecting(), 6)
    found = staff.get(address("submission")).context["cl"]
    assert (found.result_count, len(found.result_list)) == (6, 6)
    one = Submission.objects.all()[0].session_id
    found = staff.get(address("submission"), {"session__id__exact": one}).context["cl"]
    assert (found.result_count, [row.session_id for row in found.result_list]) == (1, [one])


def test_the_schedule_shows_only_after_closing(staff: Client) -> None:
    study = factories.collecting()
    slot = Slot.objects.get(number=1)
    page = address("slot", "change", slot.pk)
    assert "hedged" not in staff.get(page).content.decode()
    assert "hedged" not in staff.get(address("slot")).content.decode()
    actions.close(study=study, by=None)
    assert "hedged" in staff.get(page).content.decode()


def test_no_page_shows_the_seed_or_an_answer(staff: Client) -> None:
    study = factories.collecting()
    people(study, 2)
    pages = [address("study", "change", study.pk), *(address(model) for model in LISTS)]
    pages += [address("submission", "change", row.pk) for row in Submission.objects.all()]
    pages += [address("auditentry", "change", row.pk) for row in AuditEntry.objects.all()]
    for page in pages:
        text = staff.get(page).content.decode()
        assert factories.SEED not in text
        assert "agreed" not in text


def test_studies_are_moved_by_their_actions(staff: Client) -> None:
    study = factories.registered()
    data = {"action": "open_study", "_selected_action": [str(study.pk)]}
    staff.post(address("study"), data)
    study.refresh_from_db()
    assert study.state == "collecting"
    assert AuditEntry.objects.get(action="opened").actor == "boss"
    answer = staff.post(address("study"), data, follow=True)
    assert "this needs it to be registered" in answer.content.decode()


def test_who_may_only_look_cannot_move_a_study(client: Client) -> None:
    from django.contrib.auth.models import Permission

    looker = factories.user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_study"))
    client.force_login(looker)
    study = factories.registered()
    client.post(address("study"), {"action": "open_study", "_selected_action": [str(study.pk)]})
    study.refresh_from_db()
    assert study.state == "registered"
