"""What can be asked of a fit: predictions, random effects, simulated outcomes, refits."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import fit_mixed, likelihood_ratio
from tests.analysis.mixed.references import data, reference, slope_data, slopes

MODELS = [
    ("time ~ arm + hedged + (1 + hedged | participant) + (1 | item)", "gaussian", None),
    ("agree ~ arm * hedged + (1 | participant) + (1 | item)", "binomial", None),
    ("agree ~ arm + (1 | participant)", "binomial", "probit"),
    ("links ~ hedged + (1 | participant) + (1 | item)", "poisson", None),
    ("rating ~ arm + hedged + (1 | participant) + (1 | item)", "ordinal", None),
]


@pytest.fixture(scope="module")
def trials():
    return slope_data("g3")


@pytest.fixture(scope="module", params=MODELS, ids=lambda m: f"{m[1]} {m[2] or ''}")
def fitted(request, trials):
    formula, family, link = request.param
    return fit_mixed(formula, trials, family, link=link)


def test_a_refit_to_the_same_outcome_is_the_same_fit(fitted):
    again = fitted.refit(fitted.model.design.response.y)
    assert again.log_likelihood == pytest.approx(fitted.log_likelihood, abs=1e-7)
    assert np.abs((again.estimates - fitted.estimates) / fitted.fixed["se"]).max() < 1e-4
    assert np.abs(again.fixed["se"] / fitted.fixed["se"] - 1).max() < 5e-4
    assert np.abs(again.random["sd"] - fitted.random["sd"]).max() < 1e-4


def test_a_refit_to_a_simulated_outcome_equals_a_fit_from_scratch(fitted, trials):
    y = fitted.simulate(np.random.default_rng(3))
    outcome = fitted.model.design.response.text
    scratch = fit_mixed(fitted.formula, trials.assign(**{outcome: y}), fitted.family, link=fitted.model.link)
    quick = fitted.refit(y)
    assert quick.log_likelihood == pytest.approx(scratch.log_likelihood, abs=1e-6)
    assert np.abs((quick.estimates - scratch.estimates) / scratch.fixed["se"]).max() < 1e-3
    assert np.abs(quick.fixed["se"] / scratch.fixed["se"] - 1).max() < 1e-3


def test_the_same_seed_simulates_the_same_outcome(fitted):
    one, other = (fitted.simulate(np.random.default_rng(8)) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, fitted.simulate(np.random.default_rng(9)))


def test_predictions_of_the_rows_fitted_and_of_the_same_rows_given_anew_agree(fitted, trials):
    assert fitted.predict().to_numpy() == pytest.approx(fitted.predict(trials).to_numpy())
    assert list(fitted.predict(trials.iloc[5:9]).index) == [5, 6, 7, 8]


def test_people_never_seen_are_predicted_as_average(fitted, trials):
    strangers = trials.iloc[:4].assign(participant="nobody", item="nothing")
    with_effects = fitted.predict(strangers, scale="link")
    assert with_effects.to_numpy() == pytest.approx(
        fitted.predict(strangers, scale="link", random=False).to_numpy()
    )


def test_predictions_on_the_response_scale_are_the_inverse_link(fitted, trials):
    eta, mean = fitted.predict(scale="link").to_numpy(), fitted.predict().to_numpy()
    if fitted.family == "gaussian":
        assert mean == pytest.approx(eta)
    if fitted.family == "poisson":
        assert mean == pytest.approx(np.exp(eta))
    if fitted.model.link == "logit" and fitted.family == "binomial":
        assert mean == pytest.approx(1 / (1 + np.exp(-eta)))
    if fitted.family == "ordinal":
        shares = fitted.category_probabilities()
        assert list(shares.columns) == ["1", "2", "3", "4", "5"]
        assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
        assert mean == pytest.approx((shares * [1, 2, 3, 4, 5]).sum(axis=1).to_numpy())


@pytest.mark.parametrize("name", ["sleepstudy_rs", "rel60_logtime", "verbagg", "rel404_trust7"])
def test_conditional_modes_equal_r(name):
    ref = reference(name)
    table = data({"sleepstudy_rs": "sleepstudy", "verbagg": "VerbAgg"}.get(name, name.split("_")[0]))
    family = {"verbagg": "binomial", "rel404_trust7": "ordinal"}.get(name, "gaussian")
    effects = fit_mixed(ref["formula"], table, family).ranef()
    for group, first in ref["ranef"].items():
        # R sorts numbers read as text in their own order: compare the levels R put first
        ours = effects[group]["(Intercept)"]
        order = sorted(ours.index, key=lambda v: (int(v) if v.isdigit() else 0, v))
        assert ours[order].to_numpy()[: len(first)] == pytest.approx(first, abs=2e-3)


def test_conditional_modes_with_slopes_equal_r():
    ref = slopes()["g1"]
    effects = fit_mixed(ref["formula"], slope_data("g1")).ranef()["participant"]
    for i, row in enumerate(ref["ranef"]["participant"]):
        assert effects["(Intercept)"].iloc[i] == pytest.approx(row["(Intercept)"], abs=1e-5)
        assert effects["hedged"].iloc[i] == pytest.approx(row["hedged"], abs=1e-5)


@pytest.mark.parametrize("name", ["rel404_agree", "rel40_singular", "rel404_conf5", "rel60_logtime"])
def test_likelihood_ratios_equal_r(name):
    ref = reference(name)
    table = data("rel40_singular" if name == "rel40_singular" else name.split("_")[0])
    family = {"rel404_conf5": "ordinal", "rel60_logtime": "gaussian"}.get(name, "binomial")
    null = ref["lrt"]["null"].replace("+condition", "+ condition")
    test = likelihood_ratio(fit_mixed(null, table, family), fit_mixed(ref["formula"], table, family))
    assert test.statistic == pytest.approx(ref["lrt"]["chisq"], abs=1e-4)
    assert test.df == ref["lrt"]["df"]
    assert test.p == pytest.approx(ref["lrt"]["p"], abs=1e-4)
