"""Scale scores and their reliability."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.multivariate.factor import Factor

from analysis.scales import alpha_of, omega_of, one_factor, reliability, scale_scores

ITEMS = ["a", "b", "c"]


def ratings(rng: np.random.Generator, people: int = 200, loadings=(0.9, 0.7, 0.5, 0.6)) -> pd.DataFrame:
    """Ratings of one trait, continuous, on a scale wide enough to hold them."""
    trait = rng.standard_normal(people)
    noise = rng.standard_normal((people, len(loadings)))
    values = trait[:, None] * np.array(loadings) + noise * np.sqrt(1 - np.array(loadings) ** 2)
    return pd.DataFrame(np.clip(values, -6, 6), columns=[f"q{number}" for number in range(len(loadings))])


def true_alpha(loadings) -> float:
    loadings = np.array(loadings)
    covariance = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    return alpha_of(covariance)


def test_a_reversed_item_is_turned_round_on_its_own_scale():
    answers = pd.DataFrame({"a": [1, 5], "b": [5, 1], "c": [3, 4]})
    scores = scale_scores(answers, ITEMS, low=1, high=5, reverse=["b"])
    assert list(scores) == pytest.approx([(1 + 1 + 3) / 3, (5 + 5 + 4) / 3])


def test_a_score_needs_as_many_answers_as_declared():
    answers = pd.DataFrame({"a": [1, 5], "b": [np.nan, 4], "c": [3, 3]})
    assert scale_scores(answers, ITEMS, low=1, high=5).isna().tolist() == [True, False]
    assert scale_scores(answers, ITEMS, low=1, high=5, answered=2).tolist() == [2, 4]


def test_alpha_is_what_a_calculation_by_hand_gives():
    # variances 1, 1 and covariance 1/2: alpha = 2 (1 - 2/3)
    assert alpha_of(np.array([[1, 0.5], [0.5, 1]])) == pytest.approx(2 / 3)


def test_forgetting_to_reverse_an_item_ruins_alpha():
    answers = ratings(np.random.default_rng(1))
    turned = answers.assign(q0=-answers["q0"])
    options = {"low": -6, "high": 6}
    good = reliability(turned, list(turned), reverse=["q0"], **options).alpha.value
    assert good == pytest.approx(reliability(answers, list(answers), **options).alpha.value)
    assert reliability(turned, list(turned), **options).alpha.value < 0.3 < good


def test_omega_equals_that_of_a_second_factor_analysis():
    values = ratings(np.random.default_rng(2), 400).to_numpy()
    covariance = np.cov(values, rowvar=False)
    other = Factor(corr=np.corrcoef(values, rowvar=False), n_factor=1, method="ml", nobs=400).fit(tol=1e-12)
    spread = np.sqrt(np.diag(covariance))
    loadings, unique = np.abs(other.loadings[:, 0]) * spread, other.uniqueness * spread**2
    mine, rest = one_factor(covariance)
    np.testing.assert_allclose(np.abs(mine), loadings, rtol=1e-3)
    np.testing.assert_allclose(rest, unique, rtol=2e-3)
    assert omega_of(covariance) == pytest.approx(
        loadings.sum() ** 2 / (loadings.sum() ** 2 + unique.sum()), abs=1e-4
    )


def test_omega_equals_alpha_when_all_loadings_are_alike():
    loadings = np.full(4, 0.6)
    covariance = np.outer(loadings, loadings) + np.diag(1 - loadings**2)
    assert omega_of(covariance) == pytest.approx(alpha_of(covariance), abs=1e-6)


def test_two_items_have_alpha_and_no_omega():
    answers = ratings(np.random.default_rng(1), loadings=(0.8, 0.8))
    found = reliability(answers, list(answers), low=-6, high=6)
    assert found.alpha.available
    assert "not identified" in found.omega.note


def test_rows_with_a_gap_are_left_out_and_counted():
    answers = ratings(np.random.default_rng(1))
    answers.iloc[:7, 0] = np.nan
    found = reliability(answers, list(answers), low=-6, high=6)
    assert (found.alpha.n, found.alpha.missing) == (193, 7)


def test_an_item_that_does_not_belong_shows_in_alpha_without_it():
    rng = np.random.default_rng(3)
    answers = ratings(rng).assign(stray=rng.standard_normal(200))
    table = reliability(answers, list(answers), low=-6, high=6).without.set_index("item")
    assert table["alpha_without"].idxmax() == "stray"
    assert abs(table.loc["stray", "correlation_with_rest"]) < 0.2


def test_feldts_interval_of_alpha_covers_as_often_as_it_says():
    # Feldt's interval is exact for items that load alike
    loadings, rng, inside = (0.6, 0.6, 0.6, 0.6), np.random.default_rng(4), []
    for _ in range(300):
        found = reliability(ratings(rng, 60, loadings), ["q0", "q1", "q2", "q3"], low=-6, high=6).alpha
        inside.append(found.low <= true_alpha(loadings) <= found.high)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_the_bootstrap_interval_of_omega_holds_the_value_and_repeats():
    answers = ratings(np.random.default_rng(5), 40)
    first, again = (
        reliability(
            answers, list(answers), low=-6, high=6, rng=np.random.default_rng(1), replicates=200
        ).omega
        for _ in range(2)
    )
    assert first == again
    assert first.low < first.value < first.high


GOOD = pd.DataFrame({"a": [1, 2, 5, 3], "b": [5, 1, 3, 2], "c": [3, 4, 2, 5]})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"items": []}, "items must be a list"),
        ({}, {"items": "abc"}, "items must be a list"),
        ({}, {"items": ["a", "a"]}, "names a column twice"),
        ({}, {"items": ["a", "z"]}, "'z' is missing"),
        ({}, {"low": 5, "high": 1}, "low is 5 and high 1"),
        ({}, {"reverse": ["z"]}, "'z' is not an item"),
        ({}, {"high": 4}, "'a' holds 5: values must be from 1 to 4"),
        ({"b": ["x", "y", "z", "w"]}, {}, "'b' holds 'x': numbers are needed"),
        ({"b": [np.inf, 1, 2, 3]}, {}, "'b' holds an infinite value"),
        ({}, {"answered": 4}, "answered is 4"),
        ({}, {"answered": 0}, "answered is 0"),
    ],
)
def test_bad_scales_are_refused(change, options, message):
    arguments = {"items": ITEMS, "low": 1, "high": 5} | options
    with pytest.raises(ValueError, match=message):
        scale_scores(GOOD.assign(**change), **arguments)


@pytest.mark.parametrize(
    ("change", "items", "message"),
    [
        ({}, ["a"], "at least two"),
        ({"a": 3}, ITEMS, "'a' has the same rating in every row"),
        ({"a": [1, None, None, 2]}, ITEMS, "only 2 rows answered all"),
    ],
)
def test_reliability_of_what_cannot_have_one_is_refused(change, items, message):
    with pytest.raises(ValueError, match=message):
        reliability(GOOD.assign(**change), items, low=1, high=5)


def test_without_a_bootstrap_omega_s_error_is_that_of_the_delta_method():
    """Second route: the spread of omega over a thousand samples of the same ratings."""
    rng = np.random.default_rng(5)

    def sample(rows):
        ratings = np.round(3 + 0.8 * rng.normal(size=(rows, 1)) + rng.normal(size=(rows, 4)))
        return pd.DataFrame(np.clip(ratings, 1, 5), columns=list("abcd"))

    found = reliability(sample(4000), list("abcd"), low=1, high=5).omega
    spread = np.std([omega_of(np.cov(sample(400).to_numpy(), rowvar=False)) for _ in range(120)])
    assert found.se * np.sqrt(10) == pytest.approx(spread, rel=0.25)
    assert found.low < found.value < found.high
    assert "delta method" in found.note


def test_items_that_undo_each_other_have_no_alpha():
    """Their sum does not vary, so the share of its variance that is common is not defined."""
    ratings = pd.DataFrame({"a": [1, 3, 5, 2], "b": [5, 3, 1, 4]})
    with pytest.raises(ValueError, match="their sum is the same in every row"):
        reliability(ratings, ["a", "b"], low=1, high=5)
    rest = reliability(ratings.assign(c=[1, 2, 5, 1]), ["a", "b", "c"], low=1, high=5).without
    assert rest.set_index("item")["alpha_without"].isna().to_dict() == {"a": False, "b": False, "c": True}
