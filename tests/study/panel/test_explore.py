"""Exploring: only after the end, always on the record, always stamped."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from study.analyses import blinding
from study.analyses.models import Exploration
from study.panel import tasks
from study.registration.models import AuditEntry
from study.tables.progress import quiet
from study.tables.tidy import tidy
from tests import factories
from tests.study.closed import walked

pytestmark = pytest.mark.django_db
ADDRESS = "/panel/studies/tiny-rehearsal/analysis/explore/"
LOOK = {"outcome": "trials.agree", "predictor": "trials.arm", "subgroup": "", "value": ""}


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the looks that a worker was told of."""
    told: list[int] = []
    monkeypatch.setattr("study.analyses.exploring.wake", lambda task, number, lost: told.append(number))
    return told


def test_before_the_end_nothing_can_be_looked_at(boss: Client, sent: list[int]) -> None:
    study = walked(close=False)
    assert "Outcomes are blinded" in boss.get(ADDRESS).content.decode()
    assert "Outcomes are blinded" in boss.post(ADDRESS, LOOK).content.decode()
    assert not Exploration.objects.exists()
    # Even a look that somehow stands there is neither made nor shown.
    made = Exploration.objects.create(
        study=study, outcome="trials.agree", predictor="trials.arm", figure="<svg/>"
    )
    tasks.explore(made.pk)
    made.refresh_from_db()
    assert made.result is None
    assert boss.get(f"{ADDRESS}{made.pk}/figure.svg").status_code == 404


def test_a_look_is_logged_stamped_and_equals_what_pandas_says(boss: Client, sent: list[int]) -> None:
    study = walked()
    assert boss.post(ADDRESS, LOOK).status_code == 302
    waiting = boss.get(ADDRESS).content.decode()
    assert "A worker is at it" in waiting
    tasks.explore(sent[0])
    tasks.explore(sent[0])
    entry = AuditEntry.objects.get(action="explored")
    assert (entry.actor, entry.data) == ("boss", LOOK)
    page = boss.get(ADDRESS, HTTP_HX_REQUEST="true").content.decode()
    assert page.count("EXPLORATORY: not in the registered plan") >= 2
    made = Exploration.objects.get()
    figure = boss.get(f"{ADDRESS}{made.pk}/figure.svg").content.decode()
    assert "EXPLORATORY" in figure
    tables = tidy(study, progress=quiet)
    done = tables.participants.loc[tables.participants["outcome"] == "complete", "participant"]
    trials = tables.trials[tables.trials["participant"].isin(done)]
    wanted = trials.dropna(subset=["agree"]).groupby("arm", observed=True)["agree"].agg(["mean", "size"])
    for row in made.result["rows"]:
        if row["n"]:
            assert row["value"] == pytest.approx(float(wanted.loc[row["group"], "mean"]))
            assert row["n"] == wanted.loc[row["group"], "size"]
        else:
            assert row["value"] is None
    assert pd.notna(wanted["mean"]).all()


def test_a_subgroup_is_all_that_is_looked_at(boss: Client, sent: list[int]) -> None:
    walked()
    boss.post(ADDRESS, LOOK | {"subgroup": "trials.ai_correct", "value": "true"})
    tasks.explore(sent[0])
    boss.post(ADDRESS, LOOK)
    tasks.explore(sent[1])
    whole, part = (sum(row["n"] for row in one.result["rows"]) for one in Exploration.objects.all())
    assert part * 2 == whole  # two of the four items
    boss.post(ADDRESS, LOOK | {"subgroup": "trials.ai_correct", "value": "maybe"})
    tasks.explore(sent[2])
    assert Exploration.objects.first().problem == "Nobody is in this subgroup."


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "trials.participant"},
        {"outcome": "study_submission.payload"},
        {"predictor": "trials.truth; DROP"},
        {"predictor": "trials.agree"},
        {"outcome": "participants.trust"},
        {"subgroup": "trials.arm"},
        {"subgroup": "", "value": "x"},
        {"outcome": ""},
    ],
)
def test_what_cannot_be_compared_is_refused_and_not_logged(
    boss: Client, sent: list[int], wrong: dict[str, str]
) -> None:
    walked()
    assert boss.post(ADDRESS, LOOK | wrong).status_code == 422
    assert not sent
    assert not AuditEntry.objects.filter(action="explored").exists()


def test_the_page_costs_the_same_for_many_looks(boss: Client, sent: list[int]) -> None:
    study = walked()
    one: dict[str, Any] = {"outcome": "trials.agree", "predictor": "trials.arm", "by": factories.user("boss")}
    Exploration.objects.create(study=study, **one)
    boss.get(ADDRESS)
    with CaptureQueriesContext(connection) as few:
        boss.get(ADDRESS)
    for _ in range(9):
        Exploration.objects.create(study=study, **one)
    with CaptureQueriesContext(connection) as many:
        boss.get(ADDRESS)
    assert len(many) == len(few) <= 9
    assert blinding.may_see_outcomes(study)
