"""How sure the model is of a study's own questions, on a page of the panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from sklearn.metrics import brier_score_loss

from llm.models import Call
from study.model_confidence import items_of, of_study
from tests import factories
from tests.llm.conftest import _connections_closed_at_the_end, model, quick, rehearsal_server
from tests.study.panel.test_browser import looked_at

__all__ = ["_connections_closed_at_the_end", "model", "quick", "rehearsal_server"]

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/panel/studies/tiny/confidence/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


def test_before_anybody_asked_the_page_says_how(boss: Client) -> None:
    factories.draft()
    assert "manage.py calibrate tiny --study" in boss.get(ADDRESS).content.decode()
    assert boss.get(ADDRESS + "0.svg").status_code == 404


def test_what_calibrate_asked_is_shown_with_its_figures_and_asked_once(
    boss: Client, model: Any, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    study = factories.draft()
    for _ in range(2):
        call_command("calibrate", "tiny", "--study", "--ways", "number", "tokens", "--out", str(tmp_path))
    assert Call.objects.of_study(study.pk).count() == 8
    (number, tokens) = of_study(study.pk, items_of(factories.tiny()))
    assert [str(number.way), str(tokens.way)] == ["number", "tokens"]
    brier = brier_score_loss(number.rows["right"], number.rows["confidence"])
    assert number.scores["as stated"].brier == pytest.approx(brier, abs=1e-12)
    with django_assert_max_num_queries(12):
        text = boss.get(ADDRESS).content.decode()
    assert f"{brier:.3f}" in text
    assert [n for n in range(3) if f"/confidence/{n}.svg" in text] == [0, 1]
    drawn = boss.get(ADDRESS + "1.svg")
    assert (drawn.status_code, drawn["Content-Type"]) == (200, "image/svg+xml")
    assert "<script" not in drawn.content.decode()


def test_a_record_that_changed_is_scored_again_and_one_that_did_not_is_not(
    boss: Client, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = factories.draft()
    call_command("calibrate", "tiny", "--study", "--ways", "number", "--out", str(tmp_path))
    before, drawn = boss.get(ADDRESS).context["rows"], boss.get(ADDRESS + "0.svg").content
    with monkeypatch.context() as patched:
        patched.setattr("study.model_confidence.score", None)  # would fail if anything was computed
        assert boss.get(ADDRESS).context["rows"] == before
        assert boss.get(ADDRESS + "0.svg").content == drawn
    call = Call.objects.of_study(study.pk).latest("key")
    said = dict(call.data)
    Call.objects.filter(pk=call.pk).update(data=said | {"answer": "no" if said["answer"] == "yes" else "yes"})
    assert boss.get(ADDRESS).context["rows"] != before
    assert boss.get(ADDRESS + "0.svg").content != drawn
    Call.objects.filter(pk=call.pk).erase()
    assert boss.get(ADDRESS).context["rows"][0]["failed"] == 1


def test_the_page_is_accessible_and_fits(
    page: Any, server: str, axe: Any, model: Any, tmp_path: Path
) -> None:
    factories.draft()
    call_command("calibrate", "tiny", "--study", "--ways", "number", "--out", str(tmp_path))
    client = Client()
    client.force_login(factories.user("boss", is_superuser=True))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
    looked_at(page, axe, ADDRESS)
