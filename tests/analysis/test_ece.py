"""Expected calibration error: against scikit-learn's bins, and how often its interval holds the known truth."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from analysis.calibration import calibration

LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
GAPS = np.array([0.15, -0.15, 0.15, -0.15, -0.15])
TRUTH = 0.15  # every level is stated equally often and is off by as much


@pytest.mark.parametrize("seed", range(5))
def test_ece_and_mce_equal_what_scikit_learns_bins_give(seed):
    rng = np.random.default_rng(seed)
    stated = rng.uniform(0, 1, 600)
    happened = rng.random(600) < stated**1.3
    share, mean = calibration_curve(happened, stated, n_bins=10, strategy="uniform")
    sizes = np.histogram(stated, bins=np.linspace(0, 1, 11))[0]
    found = calibration(stated, happened, bins=10)
    assert found.ece == pytest.approx(np.average(np.abs(share - mean), weights=sizes), abs=1e-12)
    assert found.mce == pytest.approx(np.abs(share - mean).max(), abs=1e-12)


@pytest.mark.parametrize(
    ("runs", "least", "most"),
    [
        pytest.param(100, 0.88, 0.995, id="short"),
        pytest.param(2000, 0.93, 0.97, id="full", marks=pytest.mark.soak),
    ],
)
def test_the_interval_of_ece_holds_the_truth_as_often_as_it_says(runs, least, most):
    rng = np.random.default_rng(31)
    inside = []
    for _ in range(runs):
        stated = np.repeat(LEVELS, 160)
        happened = rng.random(len(stated)) < np.repeat(LEVELS + GAPS, 160)
        found = calibration(
            stated, happened, bins=5, participants=np.arange(len(stated)), rng=rng, replicates=400
        )
        inside.append(found.intervals["ece"].low <= TRUTH <= found.intervals["ece"].high)
    assert least <= np.mean(inside) <= most, np.mean(inside)
