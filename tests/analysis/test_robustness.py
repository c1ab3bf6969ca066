"""Second looks at a result: other errors, other people, other tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis import fit_mixed
from analysis.comparisons import likelihood_ratio
from analysis.influence import first_order, influence
from analysis.mixed import ModelError
from analysis.robustness import (
    bootstrap_test,
    cluster_robust,
    gee,
    heteroscedastic,
    without_flagged,
)
from tests.analysis.mixed.references import slope_data

MODELS = [
    ("time ~ arm + hedged + (1 | participant) + (1 | item)", "gaussian"),
    ("agree ~ arm + hedged + (1 | participant) + (1 | item)", "binomial"),
    ("links ~ arm + hedged + (1 | participant)", "poisson"),
    ("rating ~ arm + hedged + (1 | participant)", "ordinal"),
    ("time ~ arm + hedged", "gaussian"),
    ("agree ~ arm + hedged", "binomial"),
]


@pytest.fixture(scope="module")
def trials():
    return slope_data("g2")


@pytest.mark.parametrize(("formula", "family"), MODELS)
def test_leaving_a_participant_out_from_the_optimum_equals_a_fit_without_them(trials, formula, family):
    result = fit_mixed(formula, trials, family)
    moved = influence(result, trials["participant"])
    for who in ("P003", "P017"):
        fewer = fit_mixed(formula, trials[trials["participant"] != who], family)
        by_hand = (fewer.estimates - result.estimates) / result.fixed["se"].to_numpy()
        row = moved[moved["participant"] == who].iloc[0]
        assert np.abs(by_hand - row[list(result.fixed["term"])].to_numpy(dtype=float)).max() < 2e-4
        assert row["cook"] >= 0


@pytest.mark.parametrize(("formula", "family"), MODELS)
def test_to_first_order_everybodys_influence_is_nearly_what_refits_say(trials, formula, family):
    """Second route: the derivative against a refit for each of a third of the participants, term by term."""
    some = trials[trials["participant"].isin(sorted(trials["participant"].unique())[::3])]
    result = fit_mixed(formula, some, family)
    near, exact = first_order(result, some["participant"]), influence(result, some["participant"])
    assert list(near["participant"]) == list(exact["participant"])
    for term in result.fixed["term"]:
        assert np.corrcoef(near[term], exact[term])[0, 1] > 0.97, term
        assert np.polyfit(near[term], exact[term], 1)[0] == pytest.approx(1.1, abs=0.2), term


def test_a_planted_outlier_is_the_most_influential_participant(trials):
    table = trials.copy()
    table.loc[table["participant"] == "P007", "time"] += 12
    moved = influence(fit_mixed("time ~ arm + (1 | participant)", table))
    assert moved.loc[moved["cook"].idxmax(), "participant"] == "P007"


def test_hc3_errors_equal_statsmodels(trials):
    result = heteroscedastic(fit_mixed("time ~ arm * hedged", trials))
    other = smf.ols("time ~ arm * hedged", trials).fit(cov_type="HC3")
    assert result.fixed["se"].to_numpy() == pytest.approx(other.bse.to_numpy(), rel=1e-10)


def test_population_averaged_models_carry_the_same_signs_as_the_mixed_model(trials):
    result = fit_mixed(*MODELS[1][:1], trials, "binomial")
    for table in (gee(result), cluster_robust(result)):
        assert list(table["term"]) == list(result.fixed["term"])
        strong = np.abs(result.fixed["statistic"].to_numpy()) > 2
        assert (np.sign(table["estimate"]) == np.sign(result.fixed["estimate"]))[strong].all()
    assert cluster_robust(result)["df"].iloc[0] == trials["participant"].nunique() - 1


def test_with_and_without_flagged_participants_stand_side_by_side(trials):
    result = fit_mixed("time ~ arm + (1 | participant)", trials)
    table = without_flagged(result, trials, {"too fast": ["P001", "P002"], "honeypot": ["P009"]})
    assert list(table["left_out"].unique()) == ["", "too fast", "honeypot"]
    assert (table.loc[table["left_out"] == "", "shift"] == 0).all()
    again = fit_mixed(result.formula, trials[~trials["participant"].isin(["P001", "P002"])])
    assert table.loc[table["left_out"] == "too fast", "estimate"].to_numpy() == pytest.approx(again.estimates)


def test_a_bootstrap_of_a_likelihood_ratio_agrees_with_chi_square_where_that_holds(trials):
    large = fit_mixed("time ~ arm + hedged + (1 | participant)", trials)
    small = fit_mixed("time ~ arm + (1 | participant)", trials)
    test = bootstrap_test(small, large, np.random.default_rng(1), draws=99)
    assert test.failed == 0
    assert test.p == pytest.approx(likelihood_ratio(small, large).p, abs=0.15)
    assert test.statistic == pytest.approx(likelihood_ratio(small, large).statistic)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda r, t: heteroscedastic(r), "without random effects"),
        (lambda r, t: gee(r, "rater"), "column 'rater'"),
        (lambda r, t: influence(r, "rater"), "column 'rater'"),
        (lambda r, t: influence(r, "arm"), "'arm' has 2 levels"),
        (lambda r, t: gee(r, "arm"), "fewer than three clusters"),
        (lambda r, t: without_flagged(r, t, {"nobody": ["X"]}), "'nobody'"),
        (lambda r, t: without_flagged(r, t.drop(columns="participant"), {}), "column 'participant'"),
        (lambda r, t: bootstrap_test(r, r, np.random.default_rng(1), draws=5), "5 draws"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused_in_words(trials, call, words):
    result = fit_mixed("time ~ arm + hedged + (1 | participant)", trials)
    with pytest.raises(ModelError, match=words):
        call(result, trials)


def test_separation_stops_a_population_averaged_model_in_words():
    table = pd.DataFrame(
        {"y": [0, 1, 0, 1] * 10 + [1] * 40, "arm": ["a"] * 40 + ["b"] * 40, "p": np.arange(80) // 4}
    )
    result = fit_mixed("y ~ arm + (1 | p)", table, "binomial")
    assert result.separated
    with pytest.raises(ModelError, match="population-averaged"):
        cluster_robust(result, "p")
