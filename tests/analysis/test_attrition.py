"""Losses by arm: by hand, by a second route, by simulation of a fair study, by refusal."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from analysis.attrition import differential_attrition


def test_the_statistic_is_pearsons() -> None:
    result = differential_attrition({"a": 10, "b": 30}, {"a": 100, "b": 100}, rng=np.random.default_rng(1))
    expected = stats.chi2_contingency([[10, 90], [30, 70]], correction=False)
    assert result.statistic == pytest.approx(12.5)  # 4 × 10² × (1/20 + 1/80) / 2
    assert result.p == pytest.approx(expected.pvalue)
    assert (result.df, result.method) == (1, "chi-square")


def test_small_tables_agree_with_fishers_exact_test() -> None:
    result = differential_attrition({"a": 0, "b": 5}, {"a": 8, "b": 8}, rng=np.random.default_rng(1))
    assert result.p == pytest.approx(stats.fisher_exact([[0, 8], [5, 3]]).pvalue, abs=0.01)
    assert "draws" in result.method


def test_shares_carry_exact_intervals() -> None:
    arm = differential_attrition({"a": 2, "b": 3}, {"a": 20, "b": 20}, rng=np.random.default_rng(1)).arms[0]
    known = stats.binomtest(2, 20).proportion_ci(method="exact")
    assert (arm.share, arm.low, arm.high) == pytest.approx((0.1, known.low, known.high))


def test_a_fair_study_alarms_rarely() -> None:
    rng = np.random.default_rng(3)
    arms = {"a": 60, "b": 60, "c": 60}
    found = [
        differential_attrition({arm: rng.binomial(n, 0.3) for arm, n in arms.items()}, arms, rng=rng).p < 0.05
        for _ in range(400)
    ]
    assert 0.02 < np.mean(found) < 0.085


@pytest.mark.parametrize(
    ("lost", "ended"),
    [
        ({"a": 1}, {"a": 5}),
        ({"a": 6, "b": 1}, {"a": 5, "b": 5}),
        ({}, {"a": 5, "b": 5}),
        ({"a": 5, "b": 5}, {"a": 5, "b": 5}),
    ],
)
def test_what_cannot_be_compared_is_refused(lost: dict[str, int], ended: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"arm|nobody"):
        differential_attrition(lost, ended, rng=np.random.default_rng(1))


def test_the_monitor_does_not_wait_for_all_of_scipys_statistics() -> None:
    asked = "import sys, analysis.attrition; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_drawn_tables_have_the_probability_that_scipy_gives_them() -> None:
    lost, ended = {"a": 1, "b": 4, "c": 6}, {"a": 9, "b": 10, "c": 9}
    found = differential_attrition(lost, ended, rng=np.random.default_rng(2))
    rows = np.array([[lost[arm], ended[arm] - lost[arm]] for arm in ended])
    margins = stats.random_table(rows.sum(axis=1), rows.sum(axis=0))
    tables = margins.rvs(40_000, random_state=np.random.default_rng(3))
    expected = np.outer(rows.sum(axis=1), rows.sum(axis=0)) / rows.sum()
    drawn = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    assert found.p == pytest.approx(np.mean(drawn >= found.statistic - 1e-9), abs=0.015)
