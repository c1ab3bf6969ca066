"""What stands in the report beside verdicts and models: scales, calibration, simulated power, single participants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.utils.html import escape

from analysis.plan import single
from analysis.plan.runner import analysed_tables
from study.analyses.actions import Analysed
from study.analyses.pictures import reliability, simulated_power, unplanned_reliability
from study.analyses.report import StudyReport, render
from study.analyses.scales import scale_rows
from study.registration.frozen import protocol_of
from study.registration.models import Study
from study.tables.consort import flow
from tests import factories
from tests.analysis.plan import made

pytestmark = pytest.mark.django_db

POWER: dict[str, Any] = {
    "runs": 100,
    "participants": 36,
    "target": 0.8,
    "hypotheses": {"h1": {"power": 0.71, "low": 0.61, "high": 0.79}},
    "left_out": {"h2": "The assumptions say nothing of 'trust'."},
    "notes": [],
    "curve": [
        {"test": "h1", "size": size, "power": power, "simulations": 100}
        for size, power in ((18, 0.4), (36, 0.71), (54, 0.86))
    ],
}


def _with_power(analysed: Analysed, study: Study, power: dict[str, Any]) -> str:
    registration = study.registrations.get()
    registration.power = power
    counts = flow(analysed.tables.participants, analysed.results.sample)
    protocol = protocol_of(registration.pk)
    report = StudyReport(
        study, [registration], protocol, analysed.results, counts, [], analysed.run, analysed.tables
    )
    return render(report)


def test_alpha_of_a_scale_is_the_one_worked_out_by_hand(analysed: Analysed) -> None:
    protocol = factories.tiny()
    people = analysed_tables(protocol.plan, analysed.tables.as_dict())["participants"]
    (row, *_) = scale_rows(protocol, people)
    scale = protocol.scales[0]
    ratings = people[[item.id for item in scale.items]].astype("float64").dropna()
    for item in scale.items:
        if item.reverse:
            ratings[item.id] = scale.points + 1 - ratings[item.id]
    k = len(scale.items)
    by_hand = k / (k - 1) * (1 - ratings.var().sum() / ratings.sum(axis=1).var())
    assert row.alpha.value == pytest.approx(by_hand, abs=1e-12)
    assert row.alpha.n == len(ratings)
    assert escape(row.title) in analysed.run.html.split('aria-label="Scales"')[1]


def test_a_scale_that_nobody_tells_apart_has_its_reason_and_stops_nothing() -> None:
    protocol = factories.tiny()
    same = pd.DataFrame({item.id: [3, 3, 3, 3] for scale in protocol.scales for item in scale.items})
    row = scale_rows(protocol, same)[0]
    assert row.alpha.value is None
    assert "same rating in every row" in row.problem


def test_the_report_looks_at_each_hypothesis_without_one_participant(analysed: Analysed) -> None:
    assert single.VARIATION in analysed.run.html
    assert "They are exploratory" in analysed.run.html.split('id="sensitivity"')[1]


def test_simulated_power_stands_with_what_was_registered_and_its_curve_beside_it(
    analysed: Analysed, study: Study
) -> None:
    section = _with_power(analysed, study, POWER).split('id="registered"')[1].split("</section>")[0]
    assert "71.0" in section
    assert "not simulated: The assumptions say nothing of" in section
    assert "the target of 80% is reached with 54 participants" in section
    assert "data:image/svg+xml" in section


def test_power_at_the_registered_sample_alone_is_a_table_without_a_figure(
    analysed: Analysed, study: Study
) -> None:
    section = _with_power(analysed, study, {k: v for k, v in POWER.items() if k != "curve"})
    section = section.split('id="registered"')[1].split("</section>")[0]
    assert "71.0" in section
    assert "<img" not in section
    assert simulated_power({**POWER, "curve": []}, made.plan()) is None


def _percent() -> dict[str, pd.DataFrame]:
    data = made.tables(people=24)
    rng = np.random.default_rng(4)
    chance = rng.integers(50, 101, len(data["trials"])).astype(float)
    return {**data, "trials": data["trials"].assign(chance=chance)}


def test_a_reliability_diagram_is_drawn_where_the_plan_asks_for_calibration() -> None:
    plan = made.plan(measures=[{"measures": ["brier"], "probability": "chance", "draws": 100}])
    (picture,) = reliability(plan, _percent(), {"control": "Plain answers"})
    assert "Plain answers: " in picture.alt
    assert "Brier score" in picture.alt
    assert "chance said it was" in picture.caption
    assert reliability(made.plan(), _percent(), {}) == []


def test_probabilities_that_the_plan_does_not_ask_about_are_for_the_exploratory_part() -> None:
    data = _percent()
    trials = data["trials"].assign(truth=np.where(data["trials"]["truth"] == "yes", 100.0, 0.0))
    answers = {**data, "trials": trials.assign(final=trials["chance"])}
    assert unplanned_reliability(made.plan(), answers, {}) is not None
    planned = made.plan(measures=[{"measures": ["brier"], "draws": 100}])
    assert unplanned_reliability(planned, answers, {}) is None
    assert len(reliability(planned, answers, {})) == 1
    assert unplanned_reliability(made.plan(), data, {}) is None
