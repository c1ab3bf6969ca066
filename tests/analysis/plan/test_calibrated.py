"""A plan may ask for calibration: scores of stated probabilities in the measures, and what the diagram is drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.calibration_scores import SCORES
from analysis.plan.calibrated import diagrams, stated
from analysis.plan.runner import prepare, run
from analysis.plan.types import CALIBRATION
from tests.analysis.plan import made


def _with_percent(seed: int = 3):
    data = made.tables(people=30)
    rng = np.random.default_rng(seed)
    data["trials"]["chance"] = rng.integers(50, 101, len(data["trials"])).astype(float)
    return data


def test_the_names_a_plan_may_use_are_those_that_are_computed():
    assert CALIBRATION == SCORES


def test_scores_of_a_column_in_percent_are_those_worked_out_by_hand():
    data = _with_percent()
    plan = made.plan(
        measures=[
            {
                "by": ["arm"],
                "measures": ["accuracy", "brier", "overconfidence"],
                "probability": "chance",
                "draws": 100,
            }
        ]
    )
    results = run(plan, data)
    assert results.warnings == []
    found = {(row.by["arm"], row.measure): row for row in results.measures}
    assert {measure for _, measure in found} == {"accuracy", "brier", "overconfidence"}
    for arm, group in data["trials"].groupby("arm"):
        p, right = group["chance"] / 100, group["correct"].astype(float)
        assert found[arm, "brier"].estimate.value == pytest.approx(
            float(((p - right) ** 2).mean()), abs=1e-12
        )
        assert found[arm, "overconfidence"].estimate.value == pytest.approx(
            float((p - right).mean()), abs=1e-12
        )
        assert found[arm, "brier"].estimate.clusters == 15
        assert found[arm, "brier"].bootstrap.low < found[arm, "brier"].estimate.value


def test_a_plan_without_calibration_keeps_its_canonical_form():
    assert "probability" not in made.plan().model_dump(mode="json")["measures"][0]


def test_answers_that_are_probabilities_are_held_against_the_truth():
    data = _with_percent()
    trials = data["trials"].assign(truth=np.where(data["trials"]["truth"] == "yes", 100.0, 0.0))
    trials["final"] = trials["chance"]
    table = stated(trials, None)
    assert table["it_happened"].tolist() == (trials["truth"] / 100).tolist()
    bins = diagrams(trials, None)
    assert set(bins) == {"control", "hedged"}
    assert sum(found.n for found in bins.values()) == len(trials)


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ({"measures": ["ece"], "probability": "sureness"}, "needs a column 'sureness'"),
        ({"measures": ["ece"]}, "column 'final' holds no numbers"),
        ({"measures": ["ece"], "probability": "advice"}, "column 'advice' holds no numbers"),
        ({"measures": ["ece"], "probability": "seconds"}, "values must be from 0 to 1"),
    ],
)
def test_what_is_no_probability_is_refused_in_words_and_stops_nothing_else(measures, message):
    data = made.tables(people=20)
    data["trials"]["seconds"] += 200
    results = run(made.plan(measures=[measures, {"draws": 100}]), data)
    assert message in results.warnings[0]
    assert {row.measure for row in results.measures} == {
        "agreement",
        "accuracy",
        "overreliance",
        "underreliance",
    }


def test_levels_are_shown_in_the_order_of_the_plan():
    data = _with_percent()
    trials = prepare(made.plan(levels={"arm": ["hedged", "control"]}), data)[0]["trials"]
    assert list(diagrams(trials, "chance")) == ["hedged", "control"]
