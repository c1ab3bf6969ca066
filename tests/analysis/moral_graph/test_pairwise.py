"""The pairwise model: by hand, against direct integration, in simulation, and where it must refuse."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

from analysis import moral_graph
from analysis.moral_graph import pairwise
from analysis.moral_graph.likelihood import Likelihood, strength_design
from analysis.moral_graph.votes import Ballots
from tests.analysis.moral_graph.voters import many, shares, vote, votes, world


def encoded(frame) -> Ballots:
    return moral_graph.encode(moral_graph.check(frame))


@pytest.fixture(scope="module")
def small() -> Ballots:
    rng = np.random.default_rng(11)
    return encoded(vote(world(5, 8, 1.0, rng), rng, people=25, each=5))


def test_the_log_likelihood_equals_direct_integration(small: Ballots) -> None:
    model = Likelihood(small, strength_design(small), 5.0)
    rng = np.random.default_rng(1)
    at = np.concatenate([rng.normal(size=model.size), [0.4, -0.3, np.log(0.9)]])
    source, target = small.source[small.pair], small.target[small.pair]

    def person(code: int) -> float:
        own = small.participant == code
        eta = at[target[own]] - at[source[own]] + 0.4

        def density(z: float) -> float:
            said = shares(eta + 0.9 * z, -0.3)[np.arange(own.sum()), small.verdict[own]]
            return float(said.prod() * norm.pdf(z))

        return float(np.log(quad(density, -9, 9, epsabs=0, epsrel=1e-10)[0]))

    expected = sum(person(code) for code in range(len(small.participants)))
    assert model.loglik(at) == pytest.approx(expected, abs=1e-6)


def test_gradient_scores_and_information_equal_finite_differences(small: Ballots) -> None:
    model = Likelihood(small, strength_design(small), 2.0)
    at = np.random.default_rng(2).normal(size=model.size + 3) * 0.5
    step = 1e-5
    ways = np.eye(len(at)) * step
    gradient = model.loss(at)[1]
    slope = [(model.loss(at + way)[0] - model.loss(at - way)[0]) / (2 * step) for way in ways]
    curve = [(model.loss(at + way)[1] - model.loss(at - way)[1]) / (2 * step) for way in ways]
    assert gradient == pytest.approx(np.array(slope), abs=1e-6)
    assert model.information(at) == pytest.approx(np.array(curve), abs=1e-6)
    total = np.asarray(model.scores(at).sum(axis=0)).ravel()
    total[: model.size] -= at[: model.size] / 4
    assert -total == pytest.approx(gradient, abs=1e-9)


def test_another_optimiser_finds_the_same_maximum(small: Ballots) -> None:
    fitted = pairwise.fit(small)
    model = Likelihood(small, strength_design(small), pairwise.PRIOR_SD)
    other = minimize(
        lambda at: model.loss(at)[0], model.start(), method="Powell", options={"maxiter": 200, "ftol": 1e-12}
    )
    theta = other.x[:-3] - other.x[:-3].mean()
    assert model.loss(fitted.parameters)[0] <= other.fun + 1e-6
    assert fitted.parameters[:-3] == pytest.approx(theta, abs=0.02)


def test_symmetric_votes_know_no_difference_and_no_habit() -> None:
    fitted = pairwise.fit(encoded(many(("a", "b", 10, 10, 5), ("b", "a", 10, 10, 5))))
    assert fitted.strengths["strength"].to_numpy() == pytest.approx(0, abs=1e-5)
    assert fitted.acquiescence.value == pytest.approx(0, abs=1e-5)
    answers = fitted.probabilities("a", "b")
    assert answers["wiser"] == pytest.approx(answers["not_wiser"], abs=1e-5)
    assert sum(answers.values()) == pytest.approx(1)
    assert fitted.explained == pytest.approx(0, abs=1e-6)


def test_yes_to_both_directions_is_habit_and_not_wisdom() -> None:
    fitted = pairwise.fit(encoded(many(("a", "b", 40, 5, 5), ("b", "a", 40, 5, 5))))
    assert fitted.strengths["strength"].to_numpy() == pytest.approx(0, abs=1e-4)
    assert fitted.acquiescence.low > 1
    assert fitted.spread.value == 0
    assert "do not differ" in fitted.spread.note


def test_a_value_that_won_everything_has_a_finite_strength() -> None:
    fitted = pairwise.fit(
        encoded(many(("a", "b", 30, 0, 2), ("b", "a", 0, 30, 2), ("b", "c", 5, 9, 3), ("c", "b", 5, 9, 3)))
    )
    top = fitted.strengths.set_index("value").loc["b"]
    assert np.isfinite(top[["strength", "se"]].to_numpy(float)).all()
    assert top["strength"] > 1


def test_positions_follow_strengths_and_intervals_contain_them(small: Ballots) -> None:
    table = pairwise.fit(small).strengths
    assert table["strength"].is_monotonic_decreasing
    assert table["position"].tolist() == [1, 2, 3, 4, 5]
    assert (
        (table["position_low"] <= table["position"]) & (table["position"] <= table["position_high"])
    ).all()
    assert table["strength"].mean() == pytest.approx(0, abs=1e-9)


def test_where_nothing_surprised_the_error_is_that_of_the_likelihood() -> None:
    """70 of 70 votes for b: no residual to square, yet the odds of b are known from one side only."""
    frame = many(("a", "b", 34, 0, 1), ("b", "a", 0, 34, 1), ("b", "c", 9, 9, 2), ("c", "b", 9, 9, 2))
    ballots = encoded(frame)
    table = pairwise.fit(ballots).strengths.set_index("value")
    model = Likelihood(ballots, strength_design(ballots), pairwise.PRIOR_SD)
    likely, robust = model.covariances(pairwise.fit(ballots).parameters)
    own = [pairwise.centred(one, 3)[list(ballots.values).index("a")] for one in (likely, robust)]
    at = list(ballots.values).index("a")
    assert own[1][at] < own[0][at] / 2
    assert table["se"]["a"] == pytest.approx(np.sqrt(own[0][at]))


def test_votes_that_go_together_in_ways_the_model_does_not_know_widen_the_error() -> None:
    """Everybody votes four times alike on two pairs: the clusters' error counts, not the model's."""
    rng = np.random.default_rng(3)
    rows = []
    for person in range(120):
        likes = "wiser" if rng.random() < 0.5 else "not_wiser"
        other = {"wiser": "not_wiser", "not_wiser": "wiser"}[likes]
        rows += [(person, "a", "b", likes), (person, "b", "a", other), (person, "b", "c", "unsure")]
        rows += [(person, "c", "b", rng.choice(["wiser", "not_wiser"]))]
    ballots = encoded(votes(*rows))
    fitted = pairwise.fit(ballots)
    model = Likelihood(ballots, strength_design(ballots), pairwise.PRIOR_SD)
    likely, robust = (np.diag(pairwise.centred(one, 3)) for one in model.covariances(fitted.parameters))
    errors = fitted.strengths.set_index("value")["se"].reindex(ballots.values)
    assert robust[0] > 1.3 * likely[0]
    assert errors.to_numpy() == pytest.approx(np.sqrt(np.maximum(likely, robust)[:3]))


def test_places_of_values_as_strong_as_each_other_stay_open() -> None:
    """Mogstad and others' sets by hand: with two clear groups of equals, a place is anywhere within its group."""
    theta = np.array([2.0, 2.1, 1.9, -2.0, -1.9, -2.1])
    low, high = pairwise.position_interval(theta, np.eye(6) * 0.25, 0.95, np.random.default_rng(0))
    assert low.tolist() == [1, 1, 1, 4, 4, 4]
    assert high.tolist() == [3, 3, 3, 6, 6, 6]


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (
            votes(("p", "a", "b", "wiser"), ("p", "b", "a", "unsure"), ("p", "b", "c", "not_wiser")),
            "one participant",
        ),
        (many(("a", "b", 5, 5, 0), ("b", "a", 5, 5, 0)), "no vote says 'unsure'"),
        (many(("a", "b", 5, 5, 2), ("b", "a", 5, 5, 2), ("c", "d", 1, 1, 1)), "no comparison connects"),
        (many(("a", "b", 5, 5, 2), ("b", "c", 5, 5, 2)), "every story ran the same way"),
        (
            many(("a", "c", 5, 5, 2), ("b", "c", 5, 5, 2), ("b", "d", 5, 5, 2), ("a", "d", 5, 5, 2)),
            "ran the same way",
        ),
    ],
)
def test_votes_that_cannot_tell_are_refused(frame, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        pairwise.fit(encoded(frame))


def test_a_cycle_of_one_direction_identifies_the_habit() -> None:
    frame = many(("a", "b", 20, 5, 2), ("b", "c", 20, 5, 2), ("c", "a", 20, 5, 2))
    fitted = pairwise.fit(encoded(frame))
    assert fitted.strengths["strength"].to_numpy() == pytest.approx(0, abs=1e-4)
    assert fitted.acquiescence.value > 1


def test_an_unknown_value_and_a_prior_of_nothing_are_refused(small: Ballots) -> None:
    with pytest.raises(ValueError, match="value 99 is not in the model"):
        pairwise.fit(small).probabilities(99, 0)
    with pytest.raises(ValueError, match="prior_sd is 0"):
        pairwise.fit(small, prior_sd=0)
