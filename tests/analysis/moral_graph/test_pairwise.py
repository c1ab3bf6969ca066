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
from tests.analysis.moral_graph.voters import World, many, shares, vote, votes, world


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


def recovery(truth: World, rng: np.random.Generator, worlds: int, **people: int) -> dict[str, np.ndarray]:
    """Whether intervals of strengths, positions and habits cover the truth, over simulated studies."""
    found: dict[str, list] = {"strength": [], "position": [], "habits": []}
    habits = (truth.acquiescence, truth.tie, truth.spread)
    for _ in range(worlds):
        fitted = pairwise.fit(encoded(vote(truth, rng, **people)), seed=rng)
        table = fitted.strengths.sort_values("value")
        found["strength"].append((table["low"] <= truth.strength) & (truth.strength <= table["high"]))
        within = (table["position_low"] <= truth.position) & (truth.position <= table["position_high"])
        found["position"].append(within)
        estimates = (fitted.acquiescence, fitted.tie, fitted.spread)
        found["habits"].append([e.low <= true <= e.high for e, true in zip(estimates, habits, strict=True)])
    return {name: np.array(covered, dtype=float) for name, covered in found.items()}


def test_intervals_cover_the_true_strengths() -> None:
    """Short version of the soak test below; the tolerance is four Monte-Carlo errors of 40 studies."""
    rng = np.random.default_rng(2026)
    covered = recovery(world(10, 20, 1.5, rng), rng, 40, people=150, each=6)
    assert 0.90 <= covered["strength"].mean() <= 0.985
    assert 0.88 <= covered["habits"].mean() <= 1
    assert covered["position"].mean() >= 0.93


@pytest.mark.soak
def test_intervals_cover_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(7)
    covered = recovery(world(20, 60, 2.0, rng), rng, 300, people=500, each=6)
    assert 0.93 <= covered["strength"].mean() <= 0.97
    assert covered["position"].mean() >= 0.93
    assert 0.93 <= covered["habits"].mean() <= 0.975
