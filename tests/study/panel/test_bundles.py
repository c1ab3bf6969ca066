"""The bundle from the panel: after closing, one at a time, kept with its hash, and what is downloaded verifies."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.embedded.layout import Layout
from study.evidence import verify
from study.panel import bundling, tasks
from study.panel.models import BundleRun
from study.registration import actions
from study.registration.models import AuditEntry, Study
from study.session import actions as session_actions
from study.session.models import Session
from tests import factories
from tests.study.closed import walked
from tests.study.session.test_races import at_once

ADDRESS = "/panel/studies/tiny-rehearsal/analysis/bundle/"


@pytest.fixture(autouse=True)
def state(settings: Any, tmp_path: Path) -> Path:
    """The state folder of this test alone."""
    settings.LAYOUT = Layout(tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the bundles that a worker was told of."""
    told: list[int] = []
    monkeypatch.setattr("study.panel.bundling.wake", lambda task, number, lost: told.append(number))
    return told


def kept(study: Study, **more: Any) -> BundleRun:
    """A finished bundle with a little file of its own."""
    one = BundleRun.objects.create(study=study, started_at=timezone.now(), finished_at=timezone.now())
    BundleRun.objects.filter(pk=one.pk).update(
        **{"file": f"{study.slug}/{one.pk}/{study.slug}-0.zip", "sha256": "0" * 64, "size": 4} | more
    )
    one.refresh_from_db()
    path = live_settings.LAYOUT.bundles / one.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK..")
    return one


@pytest.mark.django_db
def test_before_closing_there_is_a_sentence_and_no_bundle(boss: Client, sent: list[int]) -> None:
    walked(close=False)
    page = boss.get(ADDRESS).content.decode()
    assert bundling.TOO_EARLY in page
    assert "Make the bundle" not in page
    refused = boss.post(ADDRESS + "make/")
    assert refused.status_code == 422
    assert bundling.TOO_EARLY in refused.content.decode()
    assert not BundleRun.objects.exists()
    assert not sent


@pytest.mark.django_db
def test_what_is_made_and_downloaded_passes_the_verifier_and_is_on_the_record(
    boss: Client, sent: list[int], state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = walked()
    seen: list[str] = []
    told = bundling._told

    def looked_at(one: BundleRun) -> Callable[[str], None]:
        tell = told(one)

        def step(text: str) -> None:
            tell(text)
            seen.append(boss.get(ADDRESS, HTTP_HX_REQUEST="true").content.decode())

        return step

    monkeypatch.setattr(bundling, "_told", looked_at)
    assert boss.post(ADDRESS + "make/").status_code == 302
    boss.post(ADDRESS + "make/")
    assert len(sent) == 1
    waiting = boss.get(ADDRESS).content.decode()
    assert "Waiting for a worker" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    tasks.bundle(sent[0])
    tasks.bundle(sent[0])
    assert all(f"Step {number} of at most" in page for number, page in enumerate(seen, start=1))
    assert "notebooks" in "".join(seen)
    one = BundleRun.objects.get()
    assert one.problem == ""
    assert one.steps_done <= one.steps_total
    counted = Session.objects.counting_for(study).values_list("submitted", flat=True)
    assert (one.rows_of, one.rows_done) == ("submissions", sum(counted))

    page = boss.get(ADDRESS).content.decode()
    assert one.sha256 in page
    assert one.manifest_sha256 in page
    assert "boss" in page
    assert "hx-trigger" not in page
    answer = boss.post(f"{ADDRESS}{one.pk}/download/")
    assert answer.streaming
    assert f'filename="tiny-rehearsal-{one.sha256[:12]}.zip"' in answer.headers["Content-Disposition"]
    content = b"".join(answer)
    assert hashlib.sha256(content).hexdigest() == one.sha256
    assert len(content) == one.size

    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "read")
    report = verify.verify(tmp_path / "read" / "tiny-rehearsal")
    assert report.findings == []
    notebook = tmp_path / "read" / "tiny-rehearsal" / "notebooks" / "confirmatory.ipynb"
    assert "numbers of the report found again" in notebook.read_text()
    assert notebook.read_text().count("image/svg+xml") > len(
        list((notebook.parents[1] / "figures").glob("*.svg"))
    )
    actions_told = list(
        AuditEntry.objects.filter(study=study).order_by("number").values_list("actor", "action")
    )
    assert [told for told in actions_told if "bundle" in told[1]] == [
        ("boss", "asked for the bundle"),
        ("boss", "bundled"),
        ("boss", "made the bundle"),
        ("boss", "downloaded the bundle"),
    ]
    assert [path.name for path in state.rglob("*") if path.is_file()] == [one.download_name]


@pytest.mark.django_db
def test_a_failure_says_why_leaves_nothing_and_can_be_tried_again(
    boss: Client, sent: list[int], state: Path
) -> None:
    study = walked()
    boss.post(ADDRESS + "make/")
    blocked = state / "bundles" / study.slug / str(sent[0])
    blocked.mkdir(parents=True)
    with pytest.raises(FileExistsError):
        tasks.bundle(sent[0])
    page = boss.get(ADDRESS).content.decode()
    assert "FileExistsError" in page
    assert "Try again" in page
    assert not blocked.exists()
    boss.post(ADDRESS + "make/")
    assert len(sent) == 2


@pytest.mark.django_db
def test_a_silent_worker_does_not_block_for_ever_and_keeps_nothing(sent: list[int], state: Path) -> None:
    study = walked()
    lost = bundling.ask(study=study, by=None)
    assert bundling.ask(study=study, by=None) == lost
    BundleRun.objects.update(asked_at=timezone.now() - timedelta(minutes=6))
    again = bundling.ask(study=study, by=None)
    assert sent == [lost.pk, again.pk]
    lost.refresh_from_db()
    assert lost.problem == "The worker went silent."
    tasks.bundle(lost.pk)
    assert not state.exists()


@pytest.mark.django_db
def test_after_an_erasure_an_older_bundle_is_no_longer_given(boss: Client) -> None:
    study = walked()
    one = kept(study)
    assert b"".join(boss.post(f"{ADDRESS}{one.pk}/download/")) == b"PK.."
    session = Session.objects.filter(study=study, outcome="complete")[0]
    session_actions.withdraw(token=session.token, erase=True)
    refused = boss.post(f"{ADDRESS}{one.pk}/download/")
    assert refused.status_code == 422
    assert "withdrawn or erased after this bundle" in refused.content.decode()
    assert "outdated" in boss.get(ADDRESS).content.decode()
    fresh = kept(study)
    bundling.remove_outdated(study)
    assert not (live_settings.LAYOUT.bundles / one.file).exists()
    assert (live_settings.LAYOUT.bundles / fresh.file).exists()


@pytest.mark.django_db
def test_a_file_that_is_gone_and_a_bundle_of_another_study_are_not_given(boss: Client) -> None:
    study = walked()
    one = kept(study)
    (live_settings.LAYOUT.bundles / one.file).unlink()
    assert "no longer kept" in boss.post(f"{ADDRESS}{one.pk}/download/").content.decode()
    others = kept(factories.draft(slug="another"))
    assert boss.post(f"{ADDRESS}{others.pk}/download/").status_code == 404


@pytest.mark.django_db
def test_the_page_costs_the_same_for_many_bundles(boss: Client) -> None:
    study = walked()
    by = factories.user("boss")
    kept(study, by=by)
    boss.get(ADDRESS)
    with CaptureQueriesContext(connection) as few:
        boss.get(ADDRESS)
    for _ in range(9):
        kept(study, by=by)
    with CaptureQueriesContext(connection) as many:
        boss.get(ADDRESS)
    assert len(many) == len(few) <= 8


@pytest.mark.django_db(transaction=True)
def test_four_clicks_at_once_ask_for_one_bundle(sent: list[int]) -> None:
    study = factories.collecting()
    actions.close(study=study, by=None)
    results = at_once(lambda _: bundling.ask(study=study, by=None).pk, times=4)
    assert len(set(results)) == 1
    assert BundleRun.objects.count() == len(sent) == 1


@pytest.mark.django_db
def test_the_page_says_how_many_rows_are_written_and_how_long_the_rest_takes(boss: Client) -> None:
    study = walked()
    now = timezone.now()
    told = {
        "started_at": now,
        "active_at": now,
        "step": "answers and tables",
        "steps_done": 3,
        "steps_total": 9,
    }
    one = BundleRun.objects.create(study=study, **told)
    advance = bundling._counted(one)(1_000_000, "submissions")
    assert b"0 of 1,000,000 submissions</p>" in boss.get(ADDRESS).content  # no speed yet, so no time
    advance(1_000)  # within a second of the last word: kept for the next one
    assert BundleRun.objects.get(pk=one.pk).rows_done == 0
    BundleRun.objects.filter(pk=one.pk).update(
        rows_done=250_000, rows_since=now - timedelta(minutes=1), active_at=now
    )
    page = boss.get(ADDRESS, headers={"HX-Request": "true"}).content.decode()
    assert "250,000 of 1,000,000 submissions, about 3 minutes left for this step" in page
    assert 'max="1000000" value="250000"' in page
    advance(999_000)  # the end is always told
    assert b"1,000,000 of 1,000,000 submissions, less than a minute left" in boss.get(ADDRESS).content
    bundling._told(one)("results and forms")
    assert b"submissions" not in boss.get(ADDRESS).content
