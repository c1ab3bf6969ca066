"""Probes: asked on schedule, stored once, compared with the first round."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from llm import worker
from llm.models import Call
from study.advice import drift
from study.advice.models import ProbeRound
from study.advice.probing import tend
from study.advice.tasks import probe
from study.analyses.deviations import _probes
from study.panel import monitor
from study.protocol.advice import Probes
from study.registration import actions
from study.registration.models import Study
from tests.factories import collecting, user
from tests.study.advice.protocols import live

PROBES = {
    "every_hours": 6,
    "repeats": 2,
    "questions": [
        {"id": "whales", "prompt": "Is a whale a mammal?", "labels": ["Yes", "No"]},
        {"id": "rain", "prompt": "Is rain wet?"},
    ],
}


def probed(**changes: Any) -> Study:
    return collecting(live(_probes=PROBES | changes))


def work() -> None:
    for call in Call.objects.filter(state=Call.State.QUEUED):
        worker.drive(call.pk)


def one_round(study: Study, after: float = 0) -> ProbeRound:
    """The round that is due `after` so many hours, asked and concluded."""
    now = timezone.now() + timedelta(hours=after)
    assert tend(study, now) is None
    work()
    found = tend(study, now)
    assert found is not None
    return found


@pytest.mark.django_db(transaction=True)
def test_the_first_round_is_the_reference_and_the_same_model_stays_within_the_tolerance(model: Any) -> None:
    study = probed()
    first = one_round(study)
    assert (first.number, first.reference, first.changes) == (1, 1, [])
    assert len(first.answers) == 4
    assert {a["label"] for a in first.answers if a["probe"] == "whales"} <= {"Yes", "No"}
    second = one_round(study, after=6.1)
    assert (second.reference, second.changes) == (1, [])
    assert second.distance == pytest.approx(0, abs=1e-6)
    assert second.same_share == 1.0


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_before_it_is_due_and_nothing_twice(model: Any) -> None:
    study = probed()
    for _ in range(3):
        probe()
    assert Call.objects.filter(purpose="study.probe").count() == 4
    work()
    probe()
    probe()
    assert ProbeRound.objects.filter(study=study).count() == 1
    probe()
    assert Call.objects.filter(purpose="study.probe").count() == 4
    actions.pause(study=study, by=None)
    ProbeRound.objects.filter(study=study)
    probe()
    assert Call.objects.filter(purpose="study.probe").count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_model_that_answers_otherwise_warns_on_the_monitor_and_in_the_deviation_report(
    model: Any, client: Any
) -> None:
    study = probed()
    one_round(study)
    model.fault("instructions")
    changed = one_round(study, after=7)
    assert any("Answers to 'rain' are" in change for change in changed.changes)
    assert any("0 % of the labels" in change for change in changed.changes)
    assert [r.number for r in monitor.probes(study)["changed"]] == [2]
    client.force_login(user("boss", is_superuser=True))
    watched = client.get(f"/panel/studies/{study.slug}/monitor/").content.decode()
    assert "does not answer as it did" in watched
    told = report(study)
    assert {line.level for line in told} == {"deviation"}
    assert len(told) == len(changed.changes) == 2


@pytest.mark.django_db(transaction=True)
def test_another_models_name_is_a_change_even_where_its_words_are_the_same(model: Any, settings: Any) -> None:
    settings.HEED_LLM_MODEL_ALIASES = {"heed-rehearsal-1": ["another-model-7b"]}
    study = probed()
    one_round(study)
    model.fault("wrong_model")
    changed = one_round(study, after=7)
    assert changed.changes == ["The model was 'heed-rehearsal-1' and is 'another-model-7b'."]


@pytest.mark.django_db(transaction=True)
def test_a_service_that_is_away_makes_no_reference_and_no_change(model: Any) -> None:
    study = probed(repeats=1)
    model.fault("status", value=400)
    away = one_round(study)
    assert (away.reference, away.unanswered, away.changes) == (None, 2, [])
    assert "in none was every question answered" in report(study)[0].finding
    model.reset()
    assert one_round(study, after=7).reference == 2
    assert [(line.level) for line in report(study)] == ["as planned", "note"]


def report(study: Study) -> list[Any]:
    class Seen:
        """What the check looks at of the evidence."""

    seen: Any = Seen()
    seen.study, seen.protocol = study, live(_probes=PROBES)
    return _probes(seen)


@pytest.mark.django_db(transaction=True)
def test_a_round_is_never_rewritten(model: Any) -> None:
    one_round(probed())
    with pytest.raises(IntegrityError), transaction.atomic():
        ProbeRound.objects.update(changes=["nothing"])
    with pytest.raises(IntegrityError), transaction.atomic():
        ProbeRound.objects.all().delete()


def said(probe: str, text: str = "", label: str | None = None) -> dict[str, Any]:
    return {"probe": probe, "text": text, "label": label, "model": "m", "fingerprint": "f", "error": ""}


def test_distance_is_taken_between_mean_vectors_and_the_largest_counts() -> None:
    asked = Probes.model_validate(
        {
            "every_hours": 1,
            "most_distance": 0.2,
            "questions": [{"id": "a", "prompt": "?"}, {"id": "b", "prompt": "?"}],
        }
    )
    vectors = {"x": [1.0, 0.0], "y": [0.0, 1.0], "z": [1.0, 1.0]}
    before = [said("a", "x"), said("a", "y"), said("b", "x")]
    found = drift.compare(asked, before, [said("a", "z"), said("b", "z")], vectors)
    assert found.distance == pytest.approx(1 - np.sqrt(0.5))
    assert len(found.changes) == 1
    assert found.changes[0].startswith("Answers to 'b' are 0.293")


def test_labels_are_compared_with_the_usual_one_of_the_reference() -> None:
    asked = Probes.model_validate(
        {
            "every_hours": 1,
            "least_same": 0.75,
            "questions": [{"id": "a", "prompt": "?", "labels": ["Yes", "No"]}],
        }
    )
    before = [said("a", label=label) for label in ("Yes", "Yes", "No")]
    now = [said("a", label=label) for label in ("Yes", "Yes", "Yes", None)]
    assert drift.compare(asked, before, now, {}).same_share == 0.75
    assert drift.compare(asked, before, now, {}).changes == []
    assert drift.compare(asked, before, now[1:], {}).changes[0].startswith("67 % of the labels")
