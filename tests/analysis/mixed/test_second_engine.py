"""Another engine, written by other people in another language, on a hundred random designs."""

from __future__ import annotations

import warnings

import glmm
import numpy as np
import pytest

from analysis import fit_mixed
from tests.analysis.mixed.designs import random_design


@pytest.mark.parametrize("block", range(10))
def test_a_second_engine_agrees_on_random_designs(block):
    for seed in range(10 * block, 10 * block + 10):
        formula, table, family = random_design(seed)
        ours = fit_mixed(formula, table, family)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = glmm.fit({c: table[c].to_list() for c in table}, formula, family, anova_test="Wald")
        where = f"seed {seed}: {formula} ({family})"
        assert ours.converged, where
        assert not ours.separated, where
        assert ours.log_likelihood == pytest.approx(theirs.loglik, abs=1e-7), where
        assert np.abs(ours.estimates - theirs.beta).max() < 1e-5, where
        assert np.abs(ours.fixed["se"] / theirs.se - 1).max() < 1e-5, where


def _refereed(result):
    """Standard errors from a Hessian of another make: the exact gradient differenced at three widths about the optimum
    that was handed back, extrapolated to none (Richardson)."""
    engine, fit = result.engine, result.laplace
    active = np.flatnonzero(fit.active)
    spread = np.sqrt(np.diag(fit.covariance()[0]))

    def slope(place, width):
        step = np.zeros(len(fit.phi))
        step[place] = width * spread[place]
        ends = []
        for sign in (1, -1):
            engine.u = fit.mode.u.copy()
            ends.append(engine.value_and_gradient(fit.phi + sign * step)[1][active])
        return (ends[0] - ends[1]) / (2 * step[place])

    rows = []
    for place in active:
        wide, middle, narrow = (slope(place, width) for width in (4e-2, 2e-2, 1e-2))
        first, second = (4 * middle - wide) / 3, (4 * narrow - middle) / 3
        rows.append((16 * second - first) / 15)
    H = np.array(rows)
    return np.sqrt(np.diag(np.linalg.inv(0.5 * (H + H.T))))[: len(result.estimates)]


@pytest.mark.parametrize("seed", [10, 13, 16, 22, 28, 34])
def test_a_referee_agrees_with_the_standard_errors(seed):
    """The designs on which the two engines were once furthest apart."""
    formula, table, family = random_design(seed)
    result = fit_mixed(formula, table, family)
    assert np.abs(result.fixed["se"] / _refereed(result) - 1).max() < 5e-6
