"""Partial proportional odds: its two ends, the optimum between them, choosing by cross-validation."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import approx_fprime, minimize
from statsmodels.miscmodels.ordinal_model import OrderedModel

from analysis.partial_odds import Problem, fit, mean_loss, slopes, stationarity
from analysis.presto import presto


def rated(rng: np.random.Generator, people: int = 120, each: int = 8, *, change: float = 0.0) -> pd.DataFrame:
    """Five-point ratings; hedging raises them by 0.6 log odds, `change` less above the middle, as does age."""
    who = np.repeat(np.arange(people), each)
    hedged = who % 2
    age = rng.standard_normal(people * each)
    thresholds = np.array([-2.0, -0.7, 0.5, 1.8])
    effect = 0.6 - np.array([0, 0, 1, 1]) * change
    below = 1 / (1 + np.exp(-(thresholds - hedged[:, None] * effect - 0.3 * age[:, None])))
    rating = (rng.random(len(who))[:, None] > below).sum(axis=1) + 1
    arm = np.where(hedged == 1, "hedged", "control")
    return pd.DataFrame({"participant": who, "arm": arm, "age": age, "trust": rating})


def problem(data: pd.DataFrame, *columns: str) -> Problem:
    x = np.column_stack(
        [(data["arm"] == "hedged") * 1.0 if name == "arm" else data[name] for name in columns]
    )
    return Problem(x, (data["trust"] - 1).to_numpy(), 4)


def test_a_large_penalty_gives_the_proportional_odds_model():
    made = problem(rated(np.random.default_rng(1), change=0.5), "arm", "age")
    found, _ = fit(made, np.inf)
    other = OrderedModel(made.y, made.x, distr="logit").fit(method="newton", disp=0)
    assert np.ptp(found.effects, axis=0) == pytest.approx([0, 0], abs=1e-12)
    np.testing.assert_allclose(found.effects[0], other.params[:2], atol=1e-6)
    assert found.loss * len(made.y) == pytest.approx(-other.llf, rel=1e-10)
    large, _ = fit(made, 1.0)
    np.testing.assert_allclose(large.effects, found.effects, atol=1e-6)


def test_without_penalty_a_two_valued_predictor_gives_the_separate_logits():
    made = problem(rated(np.random.default_rng(2), change=0.5), "arm")
    found, _ = fit(made, 0.0)
    for cut in range(4):
        logit = sm.Logit((made.y > cut).astype(float), sm.add_constant(made.x)).fit(disp=0)
        assert found.effects[cut, 0] == pytest.approx(logit.params[1], abs=1e-6)
        assert found.thresholds[cut] == pytest.approx(-logit.params[0], abs=1e-6)


def test_without_penalty_any_predictor_gives_the_unconstrained_likelihood():
    made = problem(rated(np.random.default_rng(3), change=0.4), "arm", "age")
    found, parameters = fit(made, 0.0)
    rng = np.random.default_rng(1)
    away = parameters + 0.01 * rng.standard_normal(len(parameters))
    other = minimize(
        lambda at: mean_loss(made, at), away, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-12}
    )
    assert found.loss <= other.fun + 1e-9
    assert stationarity(made, parameters, 0.0) < 1e-7


def test_as_the_penalty_vanishes_the_fit_goes_to_the_unpenalised_one():
    made = problem(rated(np.random.default_rng(4), change=0.4), "arm", "age")
    free, _ = fit(made, 0.0)
    distance = [
        np.abs(fit(made, penalty)[0].effects - free.effects).max() for penalty in (1e-2, 1e-3, 1e-4, 1e-6)
    ]
    assert distance == sorted(distance, reverse=True)
    assert distance[-1] < 1e-3


def test_the_gradient_is_that_of_finite_differences():
    made = problem(rated(np.random.default_rng(5)), "arm", "age")
    at = made.start()
    at[4:] += 0.05 * np.random.default_rng(1).standard_normal(len(at) - 4)
    gradient, information = slopes(made, at)
    np.testing.assert_allclose(gradient, approx_fprime(at, lambda q: mean_loss(made, q), 1e-7), atol=1e-6)
    assert np.linalg.eigvalsh(information).min() > 0


@pytest.mark.parametrize("penalty", [0.02, 0.005, 0.001])
def test_between_the_ends_the_optimality_conditions_hold(penalty):
    made = problem(rated(np.random.default_rng(6), change=0.6), "arm", "age")
    found, parameters = fit(made, penalty)
    assert found.converged
    assert stationarity(made, parameters, penalty) < 1e-7


def test_a_stronger_penalty_never_allows_more_change():
    made = problem(rated(np.random.default_rng(7), change=0.6), "arm", "age")
    sizes = [
        np.abs(np.diff(fit(made, penalty)[0].effects, axis=0)).sum()
        for penalty in np.geomspace(0.05, 1e-4, 12)
    ]
    assert sizes == sorted(sizes)


def test_proportional_data_are_mostly_called_proportional_and_a_change_is_found_where_it_is():
    calm = [explored(seed, 0.0).proportional for seed in range(6)]
    assert np.mean(calm) >= 0.6
    found = explored(1, 1.5, people=240)
    assert not found.proportional
    changed = found.effects[found.effects["changes"]]
    biggest = (
        found.effects[found.effects.term == "armhedged"]
        .set_index("threshold")["estimate"]
        .diff()
        .abs()
        .idxmax()
    )
    assert "armhedged" in set(changed["term"])
    assert biggest == "3|4"


def explored(seed: int, change: float, people: int = 120):
    rng = np.random.default_rng(seed)
    path = np.geomspace(0.05, 1e-3, 7)
    return presto(
        rated(rng, people, change=change), "trust", ["arm", "age"], rng=rng, folds=4, penalties=path
    )


def test_the_result_is_stamped_exploratory_and_in_units_of_the_predictors():
    data = rated(np.random.default_rng(8))
    data["years"] = 40 + 10 * data["age"]
    found = presto(data, "trust", ["years"], rng=np.random.default_rng(1), penalties=[10.0])
    other = OrderedModel(data["trust"], data[["age"]], distr="logit").fit(method="newton", disp=0)
    assert found.stamp.startswith("exploratory")
    assert found.proportional
    np.testing.assert_allclose(found.effects["estimate"], other.params["age"] / 10, atol=1e-6)
    cut = float(found.thresholds["estimate"][0]) - 40 * other.params["age"] / 10
    assert cut == pytest.approx(other.params.iloc[1], abs=1e-4)


def test_the_same_seed_chooses_the_same_penalty():
    first, again = (explored(3, 0.5) for _ in range(2))
    pd.testing.assert_frame_equal(first.path, again.path)
    assert first.penalty == again.penalty


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, {"predictors": []}, "predictors is empty"),
        (lambda t: t, {"predictors": ["mood"]}, "'mood' is missing"),
        (lambda t: t.drop(columns="participant"), {}, "'participant' is missing"),
        (lambda t: t.assign(trust=None), {}, "'trust' is empty"),
        (lambda t: t.assign(trust=t.trust.astype(str)), {}, "'trust' holds text"),
        (lambda t: t.assign(trust=t.trust.astype("category")), {}, "'trust' is an unordered categorical"),
        (lambda t: t.assign(trust=t.trust > 2).astype({"trust": int}), {}, "'trust' has 2 ratings"),
        (lambda t: t.assign(trust=range(len(t))), {}, "more than 20 are no rating scale"),
        (lambda t: t.assign(age=1.0), {}, "'age' has only the value 1"),
        (lambda t: t.assign(age=np.inf), {}, "'age' holds an infinite value"),
        (lambda t: t.assign(arm="a"), {}, "'arm' has only the value 'a'"),
        (lambda t: t.assign(old=t.age * 2), {"predictors": ["age", "old"]}, "repeat one another"),
        (lambda t: t, {"folds": 1}, "folds is 1"),
        (lambda t: t, {"folds": 99}, "folds is 99"),
        (lambda t: t, {"penalties": [-1.0]}, "penalties must be numbers"),
        (lambda t: t, {"penalties": []}, "penalties must be numbers"),
        (lambda t: t.assign(trust=np.where(t.index == 0, 9, t.trust)), {}, "so rare that one of"),
    ],
)
def test_what_cannot_be_explored_is_refused(change, options, message):
    arguments = {"predictors": ["arm", "age"], "rng": np.random.default_rng(1)} | options
    with pytest.raises(ValueError, match=message):
        presto(change(rated(np.random.default_rng(9), 20)), "trust", **arguments)


def test_an_ordered_categorical_is_read_in_its_order():
    data = rated(np.random.default_rng(10), 40)
    words = ["never", "seldom", "sometimes", "often", "always"]
    spelt = data.assign(
        trust=pd.Categorical([words[rating - 1] for rating in data.trust], words, ordered=True)
    )
    options = {"rng": np.random.default_rng(1), "penalties": [0.01]}
    plain, named = presto(data, "trust", ["arm"], **options), presto(spelt, "trust", ["arm"], **options)
    np.testing.assert_allclose(plain.effects["estimate"], named.effects["estimate"])
    assert named.thresholds["threshold"][0] == "never|seldom"
