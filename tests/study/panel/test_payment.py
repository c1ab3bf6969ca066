"""Payment by the panel's API, and bonuses: the same lists as by file, every bonus paid once, nothing by arm."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from study.payment import actions, prolific
from study.payment.models import Bonus, BonusBatch, Settlement
from study.registration import actions as moves
from study.registration.codes import code
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Study
from study.session import actions as session_actions
from study.session.identity import fingerprint, seal
from study.session.models import Identity, Session
from tests import factories
from tests.concurrently import at_once
from tests.study.closed import walked
from tests.study.panel.prolific_server import TOKEN, Prolific, Running

pytestmark = pytest.mark.django_db
ADDRESS = "/panel/studies/tiny/payment/"
RULE = {"per": "correct", "amount": 0.05, "cap": 0.15}


@pytest.fixture
def panel(settings: Any) -> Iterator[Prolific]:
    with Running() as (served, address):
        settings.PROLIFIC_API_TOKEN, settings.PROLIFIC_API_URL = TOKEN, address
        yield served


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def arrived(study: Study, person: str, outcome: str) -> None:
    ids = {"PROLIFIC_PID": person, "STUDY_ID": "study1", "SESSION_ID": f"s-{person}"}
    session = session_actions.enter(study=study, language="en", person=person, panel_ids=ids)
    Session.objects.filter(pk=session.pk).update(
        outcome=outcome, ended_at=session.started_at if outcome else None
    )


def crowd(panel: Prolific) -> Study:
    study = factories.collecting()
    right = code(study.registrations.get(), "complete")
    people = [
        ("ann", "complete", right),
        ("bob", "declined", ""),
        ("cyd", "", ""),
        ("dan", "withdrawn", right),
    ]
    for person, outcome, given in people:
        arrived(study, person, outcome)
        panel.add(f"s-{person}", person, code=given)
    return study


def test_by_api_the_lists_are_those_of_the_file(boss: Client, panel: Prolific) -> None:
    crowd(panel)
    for number in range(230):
        panel.add(f"s{number}", f"stranger{number}")
    by_api = boss.post(ADDRESS, {"way": "api", "panel_study": "study1"}).context["found"]
    head = "Submission id,Participant id,Status,Completion code\n"
    rows = [[s["id"], s["participant_id"], s["status"], s["study_code"]] for s in panel.submissions.values()]
    file = SimpleUploadedFile("p.csv", (head + "\n".join(",".join(row) for row in rows)).encode())
    assert boss.post(ADDRESS, {"file": file}).context["found"] == by_api
    assert len(by_api.rows) == 234
    assert boss.get(ADDRESS).context["panel_study"] == "study1"


def test_who_stands_on_the_list_is_approved_once_and_nobody_else(boss: Client, panel: Prolific) -> None:
    study = crowd(panel)
    sent = {"panel_study": "study1", "action": "approve", "ids": "s-ann s-dan s-bob"}
    for _ in range(2):
        assert boss.post(ADDRESS + "tell/", sent).status_code == 302
        actions.tell_panel(study)
    boss.post(ADDRESS + "tell/", sent | {"action": "return"})
    actions.tell_panel(study)
    assert [s["id"] for s in panel.submissions.values() if s["status"] == "APPROVED"] == ["s-ann"]
    assert [s["id"] for s in panel.submissions.values() if "return_requested" in s] == ["s-bob"]
    assert sum("transition" in path for _m, path in panel.asked) == 1
    assert all(b"s-ann" not in bytes(row.sealed) for row in Settlement.objects.all())
    boss.post(ADDRESS + "tell/", sent | {"action": "reject"})
    assert Settlement.objects.count() == 2
    assert "1 done" in boss.get(ADDRESS).content.decode()


def test_a_failed_approval_says_why_and_is_tried_again(boss: Client, panel: Prolific) -> None:
    study = crowd(panel)
    panel.fail("transition", 400)
    actions.settle(study=study, submissions=["s-ann"], action="approve", by=None)
    actions.tell_panel(study)
    row = Settlement.objects.get()
    assert (row.state, "status 400" in row.problem) == ("failed", True)
    assert actions.settle(study=study, submissions=["s-ann"], action="approve", by=None) == 1
    actions.tell_panel(study)
    assert Settlement.objects.get().state == "done"
    assert actions.settle(study=study, submissions=["s-ann"], action="approve", by=None) == 0


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "token"), (403, "workspace"), (404, "no such study"), (429, "wait"), (500, "trouble")],
)
def test_what_the_panel_refuses_is_said_in_words(
    boss: Client, panel: Prolific, status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prolific, "LONGEST_WAIT", 0.01)
    crowd(panel)
    panel.fail("submissions", status, times=9)
    answer = boss.post(ADDRESS, {"way": "api", "panel_study": "study1"})
    assert answer.status_code == 422
    assert said in answer.context["problems"][0]
    assert len(panel.asked) == (3 if status in (429, 500) else 1)


def test_a_busy_panel_is_asked_again(panel: Prolific, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prolific, "LONGEST_WAIT", 0.01)
    panel.add("s1", "p1")
    panel.fail("submissions", 429)
    panel.fail("submissions", 503)
    assert [row["Submission id"] for row in prolific.submissions("study1")] == ["s1"]


def test_without_a_token_or_a_server_or_with_a_strange_id_nothing_is_sent(
    boss: Client, panel: Prolific, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prolific, "LONGEST_WAIT", 0.01)
    factories.collecting()
    assert boss.post(ADDRESS, {"way": "api", "panel_study": "../users"}).status_code == 422
    settings.PROLIFIC_API_TOKEN = ""
    assert (
        "PROLIFIC_API_TOKEN" in boss.post(ADDRESS, {"way": "api", "panel_study": "x"}).context["problems"][0]
    )
    settings.PROLIFIC_API_TOKEN, settings.PROLIFIC_API_URL = "t", "http://127.0.0.1:9/"
    assert "reached" in boss.post(ADDRESS, {"way": "api", "panel_study": "x"}).context["problems"][0]
    assert panel.asked == []


def closed(panel: Prolific | None = None) -> Study:
    """A closed study with a bonus rule whose people came from the panel."""
    study = walked(factories.changed(factories.tiny(), payment={"bonus_rule": RULE}), close=False)
    for session in Session.objects.filter(study=study).select_related("participant"):
        person = session.participant.code
        sealed = seal({"PROLIFIC_PID": person, "STUDY_ID": "study1", "SESSION_ID": f"s-{person}"})
        mark = fingerprint(study.pk, person)
        Identity.objects.create(participant=session.participant, study=study, fingerprint=mark, sealed=sealed)
        if panel:
            panel.add(f"s-{person}", person)
    moves.close(study=study, by=None)
    return study


def by_hand(study: Study) -> dict[str, Decimal]:
    """Right final answers counted in the submissions themselves."""
    items = factories.tiny().items_by_id
    found = {}
    for session in Session.objects.filter(study=study, outcome="complete", erased_at=None).select_related(
        "slot"
    ):
        right = 0
        for submission in session.submissions.filter(page__regex=r"^tasks\."):
            given = (submission.payload or {}).get("answer")
            right += submission.page.endswith("final") and given == items[submission.page.split(".")[1]].truth
        found[session.participant.code] = min(Decimal("0.05") * right, Decimal("0.15"))
    return found


def test_bonuses_are_those_counted_by_hand_and_carry_no_arm(boss: Client) -> None:
    study = closed()
    assert actions.compute_bonuses(study) == 11
    assert actions.compute_bonuses(study) == 11
    computed = {
        b.session.participant.code: b.amount for b in Bonus.objects.select_related("session__participant")
    }
    assert computed == by_hand(study)
    assert len(set(computed.values())) > 1
    text = boss.get(f"/panel/studies/{study.slug}/payment/bonuses/").content.decode()
    assert all(arm.label not in text and arm.id not in text for arm in factories.tiny().arms)
    taken = boss.post(f"/panel/studies/{study.slug}/payment/bonuses/list/").content.decode()
    wanted = {f"s-{person},{amount:.2f}" for person, amount in computed.items() if amount}
    assert set(taken.splitlines()) == wanted
    assert AuditEntry.objects.filter(action="took the list of bonuses").count() == 1


def test_before_closing_nothing_is_computed(boss: Client) -> None:
    study = walked(factories.changed(factories.tiny(), payment={"bonus_rule": RULE}), close=False)
    answer = boss.post(f"/panel/studies/{study.slug}/payment/bonuses/", {"do": "compute"})
    assert answer.status_code == 422
    assert not Bonus.objects.exists()


def test_without_a_rule_the_registered_bytes_are_what_they_were() -> None:
    assert "bonus_rule" not in factories.registered().registrations.get().canonical
    with pytest.raises(Refused, match="no bonus rule"):
        actions.ask_bonuses(study=Study.objects.get(), by=None)


def test_a_payment_is_prepared_looked_at_and_paid_once(boss: Client, panel: Prolific) -> None:
    study = closed(panel)
    actions.compute_bonuses(study)
    address = f"/panel/studies/{study.slug}/payment/bonuses/"
    assert boss.post(address, {"do": "prepare", "panel_study": "study1"}).status_code == 302
    batch = BonusBatch.objects.get()
    amount = sum(b.amount for b in batch.bonuses.all())
    assert (batch.state, batch.total) == ("prepared", round(amount * Decimal("1.4"), 2))
    assert not panel.paid
    assert boss.post(address, {"do": "prepare", "panel_study": "study1"}).status_code == 422
    for _ in range(2):
        boss.post(f"{address}{batch.pk}/", {"do": "pay"})
    assert set(panel.paid.values()) == {1}
    assert BonusBatch.objects.get().state == "paid"
    assert boss.post(f"{address}list/").content == b""


def test_what_the_panel_refuses_is_free_again(panel: Prolific) -> None:
    study = closed()  # the panel knows nobody of them
    actions.compute_bonuses(study)
    with pytest.raises(Refused, match="Unknown"):
        actions.prepare(study=study, panel_study="study1", by=None)
    assert not Bonus.objects.exclude(batch=None).exists()
    assert BonusBatch.objects.get().state == "failed"


def test_a_lost_answer_is_never_paid_again_by_itself(panel: Prolific) -> None:
    study = closed(panel)
    actions.compute_bonuses(study)
    batch = actions.prepare(study=study, panel_study="study1", by=None)
    panel.fail("/pay/", "late")
    with pytest.raises(Refused, match="Look at Prolific"):
        actions.pay(batch=batch, by=None)
    with pytest.raises(Refused, match="uncertain"):
        actions.pay(batch=batch, by=None)
    with pytest.raises(Refused, match="left to pay"):
        actions.prepare(study=study, panel_study="study1", by=None)
    actions.decide(batch=batch, paid=True, by=None)
    assert set(panel.paid.values()) == {1}
    with pytest.raises(Refused):
        actions.decide(batch=batch, paid=False, by=None)


def test_a_payment_under_way_is_not_given_up(panel: Prolific) -> None:
    study = closed(panel)
    actions.compute_bonuses(study)
    batch = actions.prepare(study=study, panel_study="study1", by=None)
    batch.move(["prepared"], "paying")
    with pytest.raises(Refused, match="at this moment"):
        actions.decide(batch=batch, paid=False, by=None)
    BonusBatch.objects.update(moved_at=F("moved_at") - timezone.timedelta(minutes=6))
    batch.refresh_from_db()
    actions.decide(batch=batch, paid=False, by=None)
    assert Bonus.objects.filter(batch=None).count() == 11


@pytest.mark.django_db(transaction=True)
def test_many_clicks_at_once_pay_everybody_once_and_outside_any_transaction(
    panel: Prolific, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = closed(panel)
    actions.compute_bonuses(study)
    inside: list[bool] = []
    plain = httpx.Client.request

    def watched(self: httpx.Client, *args: Any, **also: Any) -> httpx.Response:
        inside.append(connection.in_atomic_block)
        return plain(self, *args, **also)

    monkeypatch.setattr(httpx.Client, "request", watched)
    made = at_once([(lambda: actions.prepare(study=study, panel_study="study1", by=None)) for _ in range(6)])
    batches = [batch for batch in made if isinstance(batch, BonusBatch)]
    paid = at_once([(lambda b=b: actions.pay(batch=b, by=None)) for b in batches for _ in range(6)])
    assert sum(not isinstance(result, Exception) for result in paid) == len(batches) == 1
    assert sum(panel.paid.values()) == len(panel.paid) == Bonus.objects.filter(amount__gt=0).count()
    assert not any(inside)
