"""Calibration: by hand, against scikit-learn, by simulation and by refusal."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from analysis.calibration import calibration, calibration_table
from analysis.calibration_scores import SCORES
from tests.analysis.trials import value


def made(rng: np.random.Generator, people: int = 50, each: int = 10, bias: float = 0.1) -> pd.DataFrame:
    """People whose probabilities are `bias` too high on average, each with a lean of their own."""
    who = np.repeat(np.arange(people), each)
    true = rng.uniform(0.15, 0.75, people * each)
    stated = np.clip(true + bias + 0.08 * rng.standard_normal(people)[who], 0.02, 0.98)
    happened = rng.random(people * each) < true
    return pd.DataFrame({"participant": who, "probability": stated, "outcome": happened})


def test_each_score_is_what_a_calculation_by_hand_gives():
    found = calibration([0.1, 0.2, 0.7, 0.9], [0, 1, 1, 1], bins=2)
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.09 + 0.01) / 4)
    assert found.skill == pytest.approx(1 - 0.1875 / 0.1875)
    assert found.log_score == pytest.approx(-np.log([0.9, 0.2, 0.7, 0.9]).mean())
    # bins: mean 0.15 against 1/2, mean 0.8 against 1
    assert found.ece == pytest.approx((0.35 + 0.2) / 2)
    assert found.mce == pytest.approx(0.35)
    # running sums of p - y: 0.1, -0.7, -1.0, -1.1
    assert found.ks == pytest.approx(1.1 / 4)
    assert found.auc == 1.0
    assert found.overconfidence == pytest.approx(1.9 / 4 - 3 / 4)


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_scores_equal_those_of_scikit_learn(decimals):
    trials = made(np.random.default_rng(decimals), bias=0.05)
    stated, happened = np.clip(trials.probability.round(decimals), 0.01, 0.99), trials.outcome
    found = calibration(stated, happened)
    assert found.brier == pytest.approx(brier_score_loss(happened, stated), abs=1e-12)
    assert found.auc == pytest.approx(roc_auc_score(happened, stated), abs=1e-12)
    assert found.log_score == pytest.approx(log_loss(happened, stated), abs=1e-12)


@pytest.mark.parametrize("binning", ["width", "quantile"])
def test_bins_equal_those_of_scikit_learn(binning):
    trials = made(np.random.default_rng(7))
    names = {"width": "uniform", "quantile": "quantile"}
    share, mean = calibration_curve(trials.outcome, trials.probability, n_bins=8, strategy=names[binning])
    bins = calibration(trials.probability, trials.outcome, bins=8, binning=binning).bins
    np.testing.assert_allclose(bins["share"], share)
    np.testing.assert_allclose(bins["probability"], mean)
    assert bins["n"].sum() == len(trials)


def test_tens_fall_into_the_lower_bin_and_zero_into_the_first():
    bins = calibration(np.arange(11) / 10, np.arange(11) % 2).bins
    assert list(bins["n"]) == [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_quantile_bins_with_ties_are_merged_and_lose_no_trial():
    stated = np.repeat([0.0, 0.5, 1.0], [40, 50, 10])
    found = calibration(stated, np.arange(100) % 2, bins=10, binning="quantile")
    assert found.bins["n"].sum() == 100
    assert list(found.bins["probability"]) == [0.0, 0.5, 1.0]


def test_perfect_and_useless_probabilities_score_as_they_should():
    outcome = np.array([0, 1] * 50)
    perfect, useless = calibration(outcome, outcome), calibration(np.full(100, 0.5), outcome)
    assert (perfect.brier, perfect.skill, perfect.auc, perfect.log_score) == (0, 1, 1, 0)
    assert (useless.brier, useless.skill, useless.auc, useless.ks) == (0.25, 0, 0.5, 0)


def test_an_event_called_impossible_costs_an_infinite_log_score_without_a_warning():
    found = calibration([0.0, 0.5], [1, 0])
    assert found.log_score == np.inf


def test_a_constant_outcome_leaves_skill_and_auc_missing():
    found = calibration([0.2, 0.4], [0, 0])
    assert np.isnan([found.skill, found.auc]).all()
    assert found.brier == pytest.approx(0.1)
    table = calibration_table(
        pd.DataFrame({"participant": [1, 2], "probability": [0.2, 0.4], "outcome": [0, 0]})
    )
    assert "same in every trial" in table.set_index("measure").loc["auc", "note"]


def test_incomplete_pairs_are_left_out_and_counted():
    found = calibration([0.2, None, 0.4, 0.9], [0, 1, None, 1])
    assert (found.n, found.missing) == (2, 2)
    assert found.brier == pytest.approx((0.04 + 0.01) / 2)


def test_bootstrap_replicates_are_scores_of_the_drawn_trials():
    """The totals behind the fast bootstrap give what a replicate built trial by trial gives."""
    trials = made(np.random.default_rng(3), people=12, each=5)
    rng = np.random.default_rng(9)
    slow = []
    for _ in range(400):
        drawn = pd.concat([trials[trials.participant == who] for who in rng.integers(0, 12, 12)])
        slow.append(roc_auc_score(drawn.outcome, drawn.probability))
    fast = calibration(
        trials.probability,
        trials.outcome,
        participants=trials.participant,
        rng=np.random.default_rng(1),
        replicates=4000,
    )
    assert fast.intervals["auc"].se == pytest.approx(np.std(slow, ddof=1), rel=0.15)


def test_with_thousands_of_people_intervals_come_without_the_costly_acceleration_and_agree_with_the_formula():
    trials = made(np.random.default_rng(5), people=2100, each=2)
    trials["probability"] = trials["probability"].round(2)
    table = calibration_table(trials, rng=np.random.default_rng(1), replicates=2000).set_index("measure")
    for score in ("brier", "overconfidence"):
        row = table.loc[score]
        assert row["boot_low"] == pytest.approx(row["low"], abs=0.2 * row["se"])
        assert row["boot_high"] == pytest.approx(row["high"], abs=0.2 * row["se"])


def test_the_table_has_every_score_of_every_group():
    trials = made(np.random.default_rng(3))
    trials["arm"] = np.where(trials.participant % 2, "a", "b")
    table = calibration_table(trials, by="arm", rng=np.random.default_rng(1), replicates=200)
    assert list(table["measure"]) == [*SCORES, *SCORES]
    part = trials[trials.arm == "b"]
    alone = calibration(part.probability, part.outcome)
    assert value(table[table.arm == "b"], "ks") == alone.ks
    assert (table["boot_low"] <= table["value"]).all()
    assert (table["clusters"] == 25).all()


def test_means_have_cluster_robust_errors_and_other_scores_have_none():
    table = calibration_table(made(np.random.default_rng(3)), rng=np.random.default_rng(1)).set_index(
        "measure"
    )
    assert table.loc["brier", "se"] == pytest.approx(table.loc["brier", "boot_se"], rel=0.1)
    assert np.isnan(table.loc["ece", "se"])
    assert table.loc["ece", "boot_se"] > 0


def test_overconfidence_is_covered_by_both_of_its_intervals():
    rng, inside, boot_inside = np.random.default_rng(21), [], []
    for _ in range(120):
        table = calibration_table(
            made(rng, people=40).round({"probability": 2}), rng=rng, replicates=300
        ).set_index("measure")
        row = table.loc["overconfidence"]
        inside.append(row["low"] <= 0.1 <= row["high"])
        boot_inside.append(row["boot_low"] <= 0.1 <= row["boot_high"])
    assert 0.90 <= np.mean(inside) <= 0.99
    assert 0.90 <= np.mean(boot_inside) <= 0.99


@pytest.mark.soak
def test_bootstrap_intervals_of_smooth_scores_cover_between_93_and_97_percent():
    rng = np.random.default_rng(22)
    large = made(rng, people=100_000).round({"probability": 2})
    truth = calibration(large.probability, large.outcome, participants=large.participant)
    names = ("brier", "skill", "log_score", "auc", "overconfidence")
    inside = {name: [] for name in names}
    for _ in range(2000):
        trials = made(rng, people=80).round({"probability": 2})
        found = calibration(
            trials.probability, trials.outcome, participants=trials.participant, rng=rng, replicates=600
        )
        for name in names:
            inside[name].append(
                found.intervals[name].low <= getattr(truth, name) <= found.intervals[name].high
            )
    covered = {name: float(np.mean(hits)) for name, hits in inside.items()}
    assert all(0.93 <= share <= 0.97 for share in covered.values()), covered


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.1, 0.2], [1]), {}, "differ in length: 2 and 1"),
        (([0.1, 1.2], [1, 0]), {}, "probabilities holds 1.2"),
        (([-0.1, 0.2], [1, 0]), {}, "probabilities holds -0.1"),
        (([1, 2, 3, 4, 5], [1, 0, 1, 0, 1]), {}, "a rating is not a probability"),
        (([50, 70], [1, 0]), {}, "Divide percentages by 100"),
        (([0.5, np.inf], [1, 0]), {}, "probabilities holds an infinite value"),
        ((["0.5", "0.6"], [1, 0]), {}, "probabilities holds text"),
        (([0.5, 0.6], ["yes", "no"]), {}, "outcomes holds text"),
        (([0.5, 0.6], [2, 0]), {}, "outcomes holds 2"),
        (([[0.5, 0.6]], [[1, 0]]), {}, "probabilities has 2 dimensions"),
        ((0.5, 1), {}, "probabilities has 0 dimensions"),
        (([0.5j, 0.6], [1, 0]), {}, "something that is not a number"),
        (([], []), {}, "no complete pair"),
        (([None, 0.5], [1, None]), {}, "no complete pair"),
        (([0.5, 0.6], [1, 0]), {"bins": 1}, "bins is 1"),
        (([0.5, 0.6], [1, 0]), {"bins": 2.5}, "bins is 2.5"),
        (([0.5, 0.6], [1, 0]), {"bins": True}, "bins is True"),
        (([0.5, 0.6], [1, 0]), {"binning": "equal"}, "binning is 'equal'"),
        (([0.5, 0.6], [1, 0]), {"level": 1.0}, "level is 1.0"),
        (([0.5, 0.6], [1, 0]), {"participants": [1]}, "participants has length 1"),
        (([0.5, 0.6], [1, 0]), {"participants": [1, None]}, "participants is empty in 1 rows"),
        (([0.5, 0.6], [1, 0]), {"rng": np.random.default_rng(1)}, "participants is missing"),
        (
            ([0.5, 0.6], [1, 0]),
            {"rng": np.random.default_rng(1), "participants": [1, 1]},
            "one participant only",
        ),
    ],
)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        calibration(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": "sure"}, "'sure' is missing"),
        ({"by": "outcome"}, "'outcome' cannot be a group"),
        ({"by": "arm"}, "'arm' is missing"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        calibration_table(made(np.random.default_rng(1)), **options)
