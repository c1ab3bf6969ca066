"""Do 95 % intervals hold the truth 95 times in a hundred, and do tests of nothing reject 5 times?

2,000 outcomes a model in the soak set; a handful, with wider limits, in the ordinary tests.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.mixed import ModelError
from analysis.power_simulation import Batch, Effects, PowerDesign, PowerTest, Truth, draw_trials

ITEMS = tuple({"ai_correct": i % 2 == 0} for i in range(8))
ARMS = ("control", "citation")
TESTS = (PowerTest("arm", "arm", "citation", "control"),)
RIGHT = "y ~ arm + ai_correct + (1 | participant) + (1 | item)"
SDS = {"participant": 0.9, "item": 0.6}

CASES = {
    "linear, arm": ("gaussian", "armcitation", Effects({"armcitation": 0.3}, SDS)),
    "linear, nothing": ("gaussian", "armcitation", Effects({}, SDS)),
    "linear, item-level effect of 8 items": (
        "gaussian",
        "ai_correctTRUE",
        Effects({"ai_correctTRUE": 0.5}, SDS),
    ),
    "binomial, arm": ("binomial", "armcitation", Effects({"armcitation": 0.5}, SDS)),
    "binomial, nothing": ("binomial", "armcitation", Effects({}, SDS)),
    "ordinal, arm": (
        "ordinal",
        "armcitation",
        Effects({"armcitation": 0.5}, SDS, thresholds=(-1.5, -0.3, 0.8, 2.0)),
    ),
}


def _covered(case: str, simulations: int, people: int, seed: int) -> np.ndarray:
    """Whether each simulated interval holds the truth."""
    family, term, effects = CASES[case]
    plan = PowerDesign(RIGHT, ARMS, TESTS, ITEMS, family=family)
    rng = np.random.default_rng(seed)
    batch = Batch(plan, effects, people, 1, rng)
    truth = Truth(batch, draw_trials(batch, [ARMS[i % 2] for i in range(people)]))
    value, hits = effects.fixed.get(term, 0.0), []
    while len(hits) < simulations:
        result = truth.fit(rng)
        if result is None:
            raise ModelError("a simulated outcome allowed no fit")
        row = result.fixed.set_index("term").loc[term]
        hits.append(row["low"] <= value <= row["high"])
    return np.array(hits)


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_the_truth_as_often_as_they_say(case):
    share = _covered(case, 120, 60, seed=20240607).mean()
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 120)


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_in_two_thousand_simulations_coverage_is_93_to_97_percent(case):
    share = _covered(case, 2000, 100, seed=20240608).mean()
    print(f"{case}: {share:.4f}")
    assert 0.93 <= share <= 0.97
    if case.endswith("nothing"):
        assert abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 2000)


def test_a_test_of_an_item_level_effect_uses_about_six_degrees_of_freedom_not_hundreds():
    family, term, effects = CASES["linear, item-level effect of 8 items"]
    batch = Batch(
        PowerDesign(RIGHT, ARMS, TESTS, ITEMS, family=family), effects, 300, 1, np.random.default_rng(1)
    )
    truth = Truth(batch, draw_trials(batch, [ARMS[i % 2] for i in range(300)]))
    result = truth.fit(batch.rng)
    assert isinstance(result.fixed, pd.DataFrame)
    assert 5.5 < result.fixed.set_index("term").loc[term, "df"] < 6.5
