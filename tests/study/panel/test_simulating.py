"""Power and simulated participants, asked for in the panel and made by a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from study.panel import simulating, tasks
from study.panel.models import Simulation
from study.registration.models import AuditEntry, Study
from tests import factories
from tests.factories import PROTOCOLS

pytestmark = pytest.mark.django_db
REGISTER = "/panel/studies/tiny/register/"
POWER = "/panel/studies/tiny/power/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the simulations that a worker was told of."""
    told: list[int] = []
    monkeypatch.setattr("study.panel.simulating.wake", lambda task, number, lost: told.append(number))
    return told


def test_power_is_asked_for_once_made_and_kept_with_the_registration(boss: Client, sent: list[int]) -> None:
    study = factories.draft()
    assert boss.post(POWER, {"runs": "20"}).status_code == 302
    boss.post(POWER, {"runs": "20"})
    assert len(sent) == 1
    assert "0 of 80 done" in boss.get(POWER, HTTP_HX_REQUEST="true").content.decode()
    tasks.simulate(sent[0])
    tasks.simulate(sent[0])
    page = boss.get(REGISTER)
    assert [row["id"] for row in page.context["power"]] == ["h1"]
    assert "power-never-simulated" not in page.content.decode()
    curve = boss.get(POWER + "curve.svg")
    assert curve.headers["Content-Type"] == "image/svg+xml"
    assert b"95% Monte-Carlo interval" in curve.content
    assert [row["size"] for row in page.context["simulated"]["curve"]] == [6, 9, 12, 15]
    boss.post(REGISTER, {"seen": page.context["document"].sha256})
    kept = study.registrations.get().power
    assert kept == Simulation.objects.get().result
    assert kept["runs"] == 20
    assert "20 simulated studies" in boss.get("/panel/studies/tiny/").content.decode()
    assert AuditEntry.objects.filter(action="asked for simulated power", actor="boss").count() == 1


def test_power_of_an_older_document_is_not_taken_for_the_new_one(boss: Client, sent: list[int]) -> None:
    study = factories.draft()
    simulating.ask(study=study, kind="power", wanted=20, by=None)
    Simulation.objects.update(result={"runs": 20, "hypotheses": {}}, finished_at=timezone.now())
    text = (PROTOCOLS / "tiny.yaml").read_text().replace("target: 12", "target: 24")
    seen = boss.get("/panel/studies/tiny/edit/").context["document"].sha256
    boss.post("/panel/studies/tiny/edit/", {"text": text, "seen": seen})
    assert boss.get(REGISTER).context["simulated"] is None


@pytest.mark.parametrize("runs", ["19", "1001", "many", "-5"])
def test_an_impossible_number_of_runs_is_refused(boss: Client, sent: list[int], runs: str) -> None:
    factories.draft()
    assert "Between 20 and 1000" in boss.post(POWER, {"runs": runs}, follow=True).content.decode()
    assert not sent


def test_a_silent_worker_does_not_block_for_ever(sent: list[int]) -> None:
    study = factories.draft()
    first = simulating.ask(study=study, kind="power", wanted=20, by=None)
    Simulation.objects.update(asked_at=timezone.now() - timedelta(minutes=6))
    second = simulating.ask(study=study, kind="power", wanted=20, by=None)
    assert second.pk != first.pk
    first.refresh_from_db()
    assert first.problem == "The worker went silent."


def test_a_failure_is_kept_with_its_reason(boss: Client, sent: list[int], monkeypatch: Any) -> None:
    study = factories.draft()
    simulating.ask(study=study, kind="power", wanted=20, by=None)
    Study.objects.filter(pk=study.pk).update(draft={"heed": 1})
    with pytest.raises(ValueError, match="protocol"):
        tasks.simulate(sent[0])
    assert Simulation.objects.get().problem.startswith("ProtocolError")


def test_simulated_people_enter_open_rehearsals_only(boss: Client, sent: list[int]) -> None:
    factories.collecting()
    refused = boss.post("/panel/studies/tiny/rehearse/", {"wanted": "5"}, follow=True)
    assert "enter rehearsals only" in refused.content.decode()
    factories.registered(mode="rehearsal")
    refused = boss.post("/panel/studies/tiny-rehearsal/rehearse/", {"wanted": "5"}, follow=True)
    assert "Open the study first" in refused.content.decode()
    assert not sent


def test_a_simulation_is_taken_back_and_its_worker_stops(
    boss: Client, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = factories.draft()
    simulating.ask(study=study, kind="power", wanted=100, by=None)
    monkeypatch.setattr(simulating, "WRITTEN_EVERY", timedelta(0))
    stages: list[int] = []

    def taken_back_half_way(one: Simulation) -> dict[str, Any]:
        tell = simulating._told(one)
        tell(10, 400)
        stages.append(Simulation.objects.get().done)
        boss.post(POWER + "cancel/")
        tell(20, 400)
        stages.append(20)
        return {"result": {}}

    monkeypatch.setattr(simulating, "_power", taken_back_half_way)
    tasks.simulate(sent[0])
    assert stages == [10]
    made = Simulation.objects.get()
    assert (made.done, made.problem, made.result) == (10, "Cancelled by boss.", None)
    assert AuditEntry.objects.filter(action="cancelled simulated power").count() == 1
    boss.post(POWER + "cancel/")
    assert AuditEntry.objects.filter(action="cancelled simulated power").count() == 1
    assert boss.get(POWER + "curve.svg").status_code == 404
