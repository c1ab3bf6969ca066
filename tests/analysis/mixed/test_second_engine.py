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
        assert np.abs(ours.fixed["se"] / theirs.se - 1).max() < 1e-4, where
