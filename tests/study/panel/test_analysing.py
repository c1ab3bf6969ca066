"""The analysis from the panel: blinded until the end, then run, read and downloaded."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from study.analyses import actions as analyses
from study.analyses import tasks
from study.analyses.blinding import may_see_outcomes
from study.analyses.models import AnalysisRun
from study.registration.models import AuditEntry
from tests import factories
from tests.study.closed import walked

pytestmark = pytest.mark.django_db
ADDRESS = "/panel/studies/tiny-rehearsal/analysis/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def test_before_the_end_nothing_is_shown_run_or_exported(boss: Client) -> None:
    walked(close=False)
    assert "Outcomes are blinded" in boss.get(ADDRESS).content.decode()
    assert boss.post(ADDRESS + "run/").status_code == 422
    assert boss.post(ADDRESS + "tables/").status_code == 422
    assert not AnalysisRun.objects.exists()


def test_opening_early_needs_a_reason_and_is_on_the_record(boss: Client) -> None:
    study = walked(close=False)
    assert boss.post(ADDRESS + "unblind/", {"reason": " "}).status_code == 422
    assert not may_see_outcomes(study)
    assert boss.post(ADDRESS + "unblind/", {"reason": "A page did harm."}).status_code == 302
    assert AuditEntry.objects.get(action="unblinded").data["reason"] == "A page did harm."
    assert "stamped exploratory" in boss.get(ADDRESS).content.decode()


def test_one_click_or_two_ask_for_one_run(
    boss: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    study = walked()
    sent: list[Any] = []
    monkeypatch.setattr(tasks.analyse, "apply_async", lambda args=None, *rest, **more: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        boss.post(ADDRESS + "run/")
        boss.post(ADDRESS + "run/")
    assert [args[0] for args in sent] == [str(study.pk)]
    page = boss.get(ADDRESS).content.decode()
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page


def test_verdicts_report_and_tables_are_there_after_the_run(boss: Client) -> None:
    study = walked()
    analyses.analyse(study=study, by=factories.user("boss"))
    page = boss.get(ADDRESS)
    verdict = page.context["verdicts"][0]["verdict"]
    assert verdict in page.content.decode()
    assert "/reports/tiny-rehearsal/" in page.content.decode()
    assert boss.get("/reports/tiny-rehearsal/").status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(boss.post(ADDRESS + "tables/").content))
    assert {"participants.csv", "trials.csv", "codebook.csv"} <= set(archive.namelist())
    assert AuditEntry.objects.filter(study=study, action="exported the tables").count() == 1


def test_a_failed_run_says_why(boss: Client) -> None:
    study = walked()
    registration = study.registrations.get()
    AnalysisRun.objects.create(
        study=study, registration=registration, state="failed", problem="ModelError: no variance"
    )
    assert "no variance" in boss.get(ADDRESS).content.decode()


def test_a_running_analysis_says_at_which_step_it_is(boss: Client) -> None:
    """The page is looked at from inside the run, at every step, as somebody who watches would see it."""
    study = walked()
    seen: list[tuple[int, str]] = []

    def look(text: str) -> None:
        page = boss.get(ADDRESS, HTTP_HX_REQUEST="true").content.decode()
        said = page.split('role="status">')[1].split("</p>")[0]
        row = AnalysisRun.objects.get()
        assert f"step {row.steps_done} of at most {row.steps_total}" in said
        assert row.step == text
        seen.append((row.steps_done, text))

    analyses.analyse(study=study, step=look)
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert [text for _, text in seen][:3] == ["tables", "exclusions", "model agreement"]
    assert seen[-1][1] == "report"
    assert len(seen) <= 1 + analyses.BESIDE_MODELS
    assert "What was found" in boss.get(ADDRESS).content.decode()
