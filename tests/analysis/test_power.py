"""Power by simulation: right where theory knows the answer, the same whoever computes it, loud about nonsense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.mixed import ModelError
from analysis.power import Effects, PowerDesign, PowerTest, simulate_power

ITEMS = tuple({"ai_correct": i % 2 == 0} for i in range(8))
TRIALS = PowerDesign(
    "agree ~ arm * ai_correct + (1 | participant) + (1 | item)",
    ("control", "citation"),
    (PowerTest("arm", "arm", "citation", "control", op=">"),),
    ITEMS,
)
ASSUMED = Effects(
    {"(Intercept)": 0.3, "armcitation": 0.5, "ai_correctTRUE": 0.5}, {"participant": 0.8, "item": 0.6}
)
SCALE = PowerDesign(
    "trust ~ arm",
    ("control", "citation"),
    (PowerTest("arm", "arm", "citation", "control"),),
    family="gaussian",
)


def test_power_of_a_two_sample_comparison_is_what_the_noncentral_t_says():
    curve = simulate_power(
        SCALE, Effects({"armcitation": 0.5}), [80], np.random.default_rng(1), simulations=1000, workers=1
    )
    df, shift, edge = 78, 0.5 / np.sqrt(4 / 80), stats.t.ppf(0.975, 78)
    theory = stats.nct.sf(edge, df, shift) + stats.nct.cdf(-edge, df, shift)
    row = curve.table.iloc[0]
    assert abs(row["power"] - theory) < 4 * row["error"]
    assert row["width"] == pytest.approx(2 * edge * np.sqrt(4 / 80), rel=0.02)


def test_without_an_effect_power_is_alpha():
    curve = simulate_power(SCALE, Effects({}), [60], np.random.default_rng(2), simulations=1000, workers=1)
    assert abs(curve.table["power"].iloc[0] - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1000)


def test_the_number_of_processes_changes_nothing():
    one = simulate_power(TRIALS, ASSUMED, [24, 32], np.random.default_rng(3), simulations=60, workers=1)
    two = simulate_power(TRIALS, ASSUMED, [24, 32], np.random.default_rng(3), simulations=60, workers=2)
    assert one.table.equals(two.table)


def test_progress_counts_every_simulation_once():
    seen = []
    simulate_power(SCALE, Effects({}), [20, 30], np.random.default_rng(4), simulations=60, workers=1,
                   progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert seen[-1] == (120, 120)
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_the_smallest_size_is_the_first_from_which_power_stays_above_target():
    plan = replace(SCALE, target=0.8)
    curve = simulate_power(plan, Effects({"armcitation": 0.8}), [20, 40, 60, 80], np.random.default_rng(5),
                           simulations=400, workers=1)  # fmt: skip
    power = curve.table.set_index("size")["power"]
    assert curve.smallest["arm"] in (60, 80)
    assert power[curve.smallest["arm"]] >= 0.8 > power[20]
    assert curve.smallest_for_width("arm", 1.0) in (60, 80)
    assert curve.smallest_for_width("arm", 0.01) is None


def test_attrition_and_exclusions_cost_participants():
    plan = replace(SCALE, attrition=0.2, excluded=0.1)
    curve = simulate_power(
        plan, Effects({"armcitation": 0.5}), [100], np.random.default_rng(6), simulations=400, workers=1
    )
    assert curve.table["analysed"].iloc[0] == pytest.approx(72, abs=4)
    assert "28%" in " ".join(curve.notes)


def test_several_tests_share_alpha_by_holm_and_are_counted_together():
    tests = (
        PowerTest("above", "arm", "citation", "control", op=">"),
        PowerTest("both", "arm", "citation", "control", within=("ai_correct", True, False)),
    )
    curve = simulate_power(
        replace(TRIALS, tests=tests), ASSUMED, [60], np.random.default_rng(7), simulations=50, workers=1
    )
    by = curve.table.set_index("test")["power"]
    assert by["all of them"] <= min(by["above"], by["both"])
    assert by["above"] > by["both"]


def test_ordinal_outcomes_risk_differences_and_equivalence_can_be_powered():
    ordinal = PowerDesign(
        "rating ~ arm + (1 | participant)", ("control", "citation"),
        (PowerTest("same", "arm", "citation", "control", op="equivalent", low=-1.5, high=1.5),),
        ({}, {}, {}), family="ordinal",
    )  # fmt: skip
    curve = simulate_power(ordinal, Effects({}, {"participant": 1.0}, thresholds=(-1.0, 0.0, 1.0)), [60],
                           np.random.default_rng(8), simulations=20, workers=1)  # fmt: skip
    assert curve.table["power"].iloc[0] > 0.5
    risk = replace(
        TRIALS,
        tests=(PowerTest("risk", "arm", "citation", "control", at={"ai_correct": False}, scale="response"),),
    )
    curve = simulate_power(risk, ASSUMED, [40], np.random.default_rng(9), simulations=20, workers=1)
    assert 0 < curve.table["width"].iloc[0] < 1


@pytest.mark.parametrize(
    ("change", "effects", "sizes", "words"),
    [
        ({}, {"armnone": 1.0}, [40], "no term 'armnone'"),
        ({"attrition": 1.0}, {}, [40], "attrition is 1.0"),
        ({"alpha": 5.0}, {}, [40], "alpha is 5.0"),
        ({"tests": ()}, {}, [40], "at least one test"),
        ({"arms": ("a", "a")}, {}, [40], "each once"),
        ({}, {}, [2], "fewer than two participants an arm"),
        ({}, {}, [], "no sample sizes"),
        ({"tests": (PowerTest("x", "arm", "nobody", "control"),)}, {}, [40], "no level 'nobody'"),
        ({"tests": (PowerTest("x", "arm", "citation", "control", op="~"),)}, {}, [40], "op '~'"),
        (
            {"tests": (PowerTest("x", "arm", "citation", "control", op="equivalent"),)},
            {},
            [40],
            "low and high",
        ),
        ({"adjust": "tukey"}, {}, [40], "adjust 'tukey'"),
        (
            {"formula": "trust ~ arm + (1 | item)", "items": ITEMS},
            {},
            [40],
            "standard deviation is not given",
        ),
        ({"per_person": 3}, {}, [40], "there are 1 items"),
    ],
)
def test_nonsense_is_refused_in_words(change, effects, sizes, words):
    with pytest.raises(ModelError, match=words):
        simulate_power(
            replace(SCALE, **change),
            Effects(effects),
            sizes,
            np.random.default_rng(1),
            simulations=20,
            workers=1,
        )


def test_a_random_effect_that_the_model_does_not_have_is_refused():
    with pytest.raises(ModelError, match="no random effect 'rater'"):
        simulate_power(
            SCALE, Effects({}, {"rater": 1.0}), [40], np.random.default_rng(1), simulations=20, workers=1
        )


def test_a_perfect_cell_costs_only_the_tests_that_hold_it():
    """Nearly everybody follows right answers: at this size some arm does so without exception in most simulations."""
    wrong = PowerTest("wrong", "arm", "citation", "control", at={"ai_correct": False})
    right = PowerTest("right", "arm", "citation", "control", at={"ai_correct": True})
    design = replace(TRIALS, tests=(wrong, right))
    effects = replace(ASSUMED, fixed=ASSUMED.fixed | {"ai_correctTRUE": 4.5})
    table = simulate_power(design, effects, [16], np.random.default_rng(9), simulations=60, workers=1).table
    failed = dict(zip(table["test"], table["failed"], strict=True))
    assert failed["wrong"] < 0.1
    assert failed["right"] > 0.5
    assert failed["all of them"] == pytest.approx(max(failed["wrong"], failed["right"]), abs=0.1)
