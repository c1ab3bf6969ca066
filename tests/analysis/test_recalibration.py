"""Recalibration: against scikit-learn, on probabilities whose truth is known, and by refusal."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from analysis.recalibration import isotonic, recalibrate, temperature


def overconfident(n: int, factor: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose log-odds are `factor` times the true ones, and what happened."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.2, n)
    happened = rng.random(n) < 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-factor * odds)), happened.astype(float)


def test_isotonic_regression_equals_scikit_learns() -> None:
    stated, happened = overconfident(400, 2)
    stated = stated.round(2)
    new = np.linspace(0, 1, 101)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(stated, happened).predict(new)
    assert np.abs(isotonic(stated, happened, new) - theirs).max() < 1e-12


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_undoes_a_known_overconfidence(factor: float) -> None:
    stated, happened = overconfident(40_000, factor)
    truth = 1 / (1 + np.exp(-np.log(stated / (1 - stated)) / factor))
    assert np.abs(temperature(stated, happened, stated) - truth).max() < 0.03


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_overconfident_probabilities_get_a_better_score_on_items_left_out(method: str) -> None:
    stated, happened = overconfident(2000, 3)
    better = recalibrate(stated, happened, method=method, rng=np.random.default_rng(2))  # type: ignore[arg-type]
    assert np.mean((better - happened) ** 2) < np.mean((stated - happened) ** 2) - 0.01


def test_an_items_own_outcome_never_corrects_it() -> None:
    stated, happened = overconfident(200, 2)
    first = recalibrate(stated, happened, method="isotonic", rng=np.random.default_rng(3))
    turned = happened.copy()
    turned[0] = 1 - turned[0]
    second = recalibrate(stated, turned, method="isotonic", rng=np.random.default_rng(3))
    assert first[0] == second[0]


@pytest.mark.parametrize(
    ("stated", "happened", "message"),
    [
        ([0.1] * 20, [1] * 19, "one length"),
        ([1.1] * 20, [1] * 20, "between 0 and 1"),
        ([float("nan")] * 20, [1] * 20, "between 0 and 1"),
        ([0.1] * 20, [2] * 20, "true or false"),
        ([0.1] * 9, [1] * 9, "too few"),
    ],
)
def test_what_cannot_be_recalibrated_is_refused(
    stated: list[float], happened: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recalibrate(stated, happened, method="temperature", rng=np.random.default_rng(1))
