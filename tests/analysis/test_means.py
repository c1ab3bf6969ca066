"""Marginal means, contrasts and comparisons against emmeans and lme4, in the corners the reference models leave out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis import contrasts, equivalence, fit_mixed, likelihood_ratio, marginal_means, standardised
from analysis.adjust import adjusted_p
from analysis.mixed import ModelError
from analysis.mixed.design import build_design
from tests.analysis.mixed.references import OWN, column, slope_data, values

R = json.loads((OWN / "means.json").read_text())
RANDOM = "(1 | participant) + (1 | item)"


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    table = slope_data("g3")
    table["fast"] = table["seconds"] < 12
    table["dose"] = np.array([10, 20, 40])[table["item"].str[1:].astype(int) % 3]
    table["dosef"] = table["dose"].astype(str)
    table["positive"] = np.exp(table["time"] / 4)
    return table


def _same(ours: pd.DataFrame, theirs: list[dict], estimate: str) -> None:
    low = next(name for name in ("lower.CL", "asymp.LCL") if name in theirs[0])
    assert ours["estimate"].to_numpy() == pytest.approx(column(theirs, estimate), abs=2e-6)
    assert ours["se"].to_numpy() == pytest.approx(column(theirs, "SE"), rel=1e-5)
    assert ours["low"].to_numpy() == pytest.approx(column(theirs, low), abs=2e-5)
    if theirs[0].get("df"):
        assert ours["df"].to_numpy() == pytest.approx(column(theirs, "df"), rel=1e-4)
    if "p.value" in theirs[0] and "p" in ours:
        assert ours["p"].to_numpy() == pytest.approx(column(theirs, "p.value"), abs=1e-5)


@pytest.fixture(scope="module")
def crossed(trials):
    return fit_mixed(f"time ~ arm * hedged + seconds + {RANDOM}", trials)


def test_means_within_groups_hold_covariates_at_their_mean(crossed):
    means = marginal_means(crossed, "arm", by="hedged")
    _same(means.table, R["by"]["means"], "emmean")
    _same(contrasts(means, adjust="none"), R["by"]["pairs"], "estimate")


def test_fixed_values_replace_means_and_averages(crossed):
    _same(marginal_means(crossed, "arm", at={"seconds": 5, "hedged": 1}).table, R["at"]["means"], "emmean")


def test_a_number_of_two_values_is_averaged_like_a_factor_and_contrasts_cross_it(crossed):
    means = marginal_means(crossed, ["arm", "hedged"])
    _same(means.table, R["both"]["means"], "emmean")
    _same(contrasts(means, {"diff": [1, -1, -1, 1]}, adjust="none"), R["both"]["interaction"], "estimate")


@pytest.mark.parametrize("adjust", ["holm", "tukey"])
def test_adjusted_p_and_widened_intervals_equal_emmeans(crossed, adjust):
    ours = contrasts(marginal_means(crossed, ["hedged", "arm"]), adjust=adjust)
    theirs = R["both"][f"pairs_{adjust}"]
    assert np.sort(ours["p"]) == pytest.approx(np.sort(column(theirs, "p.value")), abs=1e-5)
    width = (ours["high"] - ours["low"]).to_numpy()
    assert np.sort(width) == pytest.approx(
        np.sort(column(theirs, "upper.CL") - column(theirs, "lower.CL")), rel=1e-5
    )


def test_logical_columns_are_factors_and_contrasts_with_a_control_are_named_as_emmeans_names_them(trials):
    result = fit_mixed(f"time ~ dosef + fast + {RANDOM}", trials)
    assert list(result.fixed["term"]) == list(R["logical"]["coef"])
    _same(marginal_means(result, "dosef").table, R["logical"]["means"], "emmean")
    _same(marginal_means(result, "fast").table, R["logical"]["fast"], "emmean")
    control = contrasts(marginal_means(result, "dosef"), "control", control="20", adjust="none")
    assert list(control["contrast"]) == [row["contrast"] for row in R["logical"]["control"]]
    _same(control, R["logical"]["control"], "estimate")


@pytest.fixture(scope="module")
def logged(trials):
    return fit_mixed(f"log(positive) ~ arm + hedged + {RANDOM}", trials)


def test_a_logged_outcome_comes_back_as_geometric_means_and_ratios(logged):
    _same(marginal_means(logged, "arm", scale="response").table, R["log"]["response"], "response")
    ratio = contrasts(marginal_means(logged, "arm"), adjust="none")
    theirs = R["log"]["ratio"][0]
    assert ratio["ratio"].iloc[0] == pytest.approx(theirs["ratio"], rel=1e-6)
    assert ratio["ratio_low"].iloc[0] == pytest.approx(theirs["lower.CL"], rel=1e-5)
    assert ratio["p"].iloc[0] == pytest.approx(theirs["p.value"], abs=1e-6)


def test_a_likelihood_ratio_of_reml_fits_is_taken_by_maximum_likelihood_as_anova_does(logged, trials):
    test = likelihood_ratio(fit_mixed(f"log(positive) ~ hedged + {RANDOM}", trials), logged)
    assert test.statistic == pytest.approx(R["lrt"]["chisq"], abs=1e-5)
    assert test.df == R["lrt"]["df"]
    assert test.p == pytest.approx(R["lrt"]["p"], abs=1e-6)
    bare = fit_mixed("log(positive) ~ arm + hedged + (1 | item)", trials)
    assert "boundary" in likelihood_ratio(bare, logged).note


def test_equivalence_is_two_one_sided_tests_as_emmeans_has_them(logged):
    found = equivalence(contrasts(marginal_means(logged, "arm")), -0.1, 0.1)
    assert found["p"].iloc[0] == pytest.approx(R["equivalence"][0]["p.value"], abs=1e-6)
    inside = found["low"].iloc[0] > -0.1 and found["high"].iloc[0] < 0.1
    assert found["equivalent"].iloc[0] == inside


def test_counts_without_random_effects_equal_glm():
    result = fit_mixed("links ~ arm * hedged", slope_data("p1"), "poisson")
    assert result.estimates == pytest.approx(values(R["poisson"]["coef"]), abs=1e-7)
    assert result.fixed["se"].to_numpy() == pytest.approx(values(R["poisson"]["se"]), rel=1e-5)
    assert result.log_likelihood == pytest.approx(R["poisson"]["logLik"], abs=1e-7)
    means = marginal_means(result, "arm", by="hedged", scale="response")
    assert means.table["estimate"].to_numpy() == pytest.approx(
        column(R["poisson"]["means"], "rate"), rel=1e-6
    )
    ratios = contrasts(marginal_means(result, "arm", by="hedged"), adjust="none")
    assert ratios["ratio"].to_numpy() == pytest.approx(column(R["poisson"]["pairs"], "ratio"), rel=1e-6)


def test_a_probit_model_without_random_effects_equals_glm():
    result = fit_mixed("agree ~ arm + seconds", slope_data("b3"), "binomial", link="probit")
    assert result.estimates == pytest.approx(values(R["probit"]["coef"]), abs=1e-6)
    # R's errors rest on the expected information, ours on the observed: equal to a percent or two
    assert result.fixed["se"].to_numpy() == pytest.approx(values(R["probit"]["se"]), rel=0.03)
    assert result.log_likelihood == pytest.approx(R["probit"]["logLik"], abs=1e-7)


def test_cumulative_logits_without_random_effects_equal_clm():
    result = fit_mixed("rating ~ arm * hedged", slope_data("o2"), "ordinal")
    assert list(result.fixed["term"]) == list(R["clm"]["coef"])
    assert result.estimates == pytest.approx(values(R["clm"]["coef"]), abs=1e-6)
    assert result.fixed["se"].to_numpy() == pytest.approx(values(R["clm"]["se"]), rel=1e-5)
    assert result.log_likelihood == pytest.approx(R["clm"]["logLik"], abs=1e-7)
    _same(marginal_means(result, "arm", by="hedged").table, R["clm"]["latent"], "emmean")
    _same(
        marginal_means(result, "arm", by="hedged", scale="response").table,
        R["clm"]["meanclass"],
        "mean.class",
    )


def test_least_squares_equal_lm(trials):
    result = fit_mixed("time ~ arm * dosef", trials)
    assert list(result.fixed["term"]) == list(R["lm"]["coef"])
    assert result.estimates == pytest.approx(values(R["lm"]["coef"]), abs=1e-8)
    assert result.fixed["p"].to_numpy() == pytest.approx(values(R["lm"]["p"]), abs=1e-8)
    assert result.log_likelihood == pytest.approx(R["lm"]["logLik"], abs=1e-8)
    assert result.residual_sd == pytest.approx(R["lm"]["sigma"], abs=1e-8)
    _same(contrasts(marginal_means(result, "arm"), adjust="none"), R["lm"]["pairs"], "estimate")


@pytest.mark.parametrize("case", R["coding"], ids=lambda c: c["formula"])
def test_columns_are_coded_ordered_and_named_as_in_r(trials, case):
    design = build_design("time " + case["formula"], trials, "gaussian")
    assert sorted([*design.terms, *design.aliased]) == sorted(case["columns"])
    assert [c for c in case["columns"] if c in design.terms] == list(design.terms)


def test_a_mean_over_an_empty_cell_is_refused():
    table = slope_data("g1")
    table = table[~((table["arm"] == "citation") & (table["hedged"] == 1))].assign(
        hedged=lambda t: t["hedged"].astype(str)
    )
    result = fit_mixed(f"time ~ arm * hedged + {RANDOM}", table)
    with pytest.raises(ModelError, match="a combination of levels is missing"):
        marginal_means(result, "arm")


def test_standardised_differences_divide_by_what_one_answer_varies(crossed):
    d = standardised(contrasts(marginal_means(crossed, "arm"), adjust="none"), crossed)
    total = np.sqrt(crossed.residual_sd**2 + (crossed.random["sd"] ** 2).sum())
    by_hand = contrasts(marginal_means(crossed, "arm"), adjust="none")["estimate"] / total
    assert d["d"].to_numpy() == pytest.approx(by_hand.to_numpy())
    assert (d["low"] < d["d"]).all()
    binary = fit_mixed("agree ~ arm + (1 | participant)", slope_data("b1"), "binomial")
    table = contrasts(marginal_means(binary, "arm"))
    assert standardised(table, binary)["d"].iloc[0] == pytest.approx(
        table["estimate"].iloc[0] * np.sqrt(3) / np.pi
    )


def test_adjusted_p_values_equal_r_s_p_adjust():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    assert adjusted_p(p, "holm") == pytest.approx([0.04, 0.09, np.nan, 0.09, 0.5], nan_ok=True)
    assert adjusted_p(p, "fdr") == pytest.approx([0.04, 0.16 / 3, np.nan, 0.16 / 3, 0.5], nan_ok=True)
    assert adjusted_p(p, "bonferroni") == pytest.approx([0.04, 0.16, np.nan, 0.12, 1.0], nan_ok=True)
    assert adjusted_p(p, "none") == pytest.approx(p, nan_ok=True)
