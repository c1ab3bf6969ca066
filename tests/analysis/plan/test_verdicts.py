"""The verdict is a total function of estimate, criterion, alpha and family."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.comparisons import equivalence
from analysis.plan.results import Quantity
from analysis.plan.types import Criterion
from analysis.plan.verdicts import holm, interval, judge, p_value

VERDICTS = {"supported", "contradicted", "inconclusive", "not evaluable"}
numbers = st.floats(-50, 50)


def estimate(
    value: float | None, se: float | None = 0.2, df: float | None = None, note: str = ""
) -> Quantity:
    return Quantity(value=value, se=se, df=df, n=100, clusters=20, note=note)


def verdict(found: Quantity, criterion: Criterion, alpha: float = 0.05, family: int = 1) -> str:
    return judge(
        found, criterion, alpha=alpha, p_adjusted=p_value(found, criterion), family_size=family
    ).verdict


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("<", -1.0, "supported"),
        ("<=", -1.0, "supported"),
        ("<", 1.0, "contradicted"),
        ("<", -0.1, "inconclusive"),
        ("<", 0.1, "inconclusive"),
        (">", 1.0, "supported"),
        (">=", 1.0, "supported"),
        (">", -1.0, "contradicted"),
    ],
)
def test_a_direction_is_judged_two_sided_on_the_side_it_names(op, value, expected):
    assert verdict(estimate(value), Criterion(op=op)) == expected


@pytest.mark.parametrize(
    ("value", "se", "expected"),
    [
        (0.0, 0.1, "supported"),
        (0.45, 0.1, "inconclusive"),
        (0.0, 1.0, "inconclusive"),
        (2.0, 0.1, "contradicted"),
        (-2.0, 0.1, "contradicted"),
    ],
)
def test_equivalence_needs_both_one_sided_tests(value, se, expected):
    criterion = Criterion(op="equivalent", low=-0.5, high=0.5)
    assert verdict(estimate(value, se), criterion) == expected


def test_equal_within_a_tolerance_is_equivalence_around_the_value():
    criterion = Criterion(op="==", value=3.0, tolerance=0.5)
    assert criterion.bounds == (2.5, 3.5)
    assert verdict(estimate(3.0, 0.1), criterion) == "supported"
    assert verdict(estimate(0.0, 0.1), criterion) == "contradicted"


def test_without_a_standard_error_nothing_is_evaluable_and_the_reason_stays():
    found = judge(
        estimate(None, None, note="the outcome is constant"), Criterion(op="<"), alpha=0.05, p_adjusted=None
    )
    assert found.verdict == "not evaluable"
    assert found.reason == "the outcome is constant"


@given(
    numbers,
    st.floats(0, 10),
    st.none() | st.floats(1, 1e4),
    st.sampled_from(["<", "<=", ">", ">=", "equivalent", "=="]),
)
def test_every_estimate_and_criterion_has_exactly_one_verdict(value, se, df, op):
    criterion = Criterion(op=op, value=0.3, low=-1, high=1, tolerance=0.2)
    assert verdict(estimate(value, se, df), criterion) in VERDICTS


@given(numbers, st.floats(0.01, 10))
def test_turning_the_direction_round_swaps_supported_and_contradicted(value, se):
    swap = {"supported": "contradicted", "contradicted": "supported"}
    up, down = (verdict(estimate(value, se), Criterion(op=op)) for op in (">", "<"))
    assert down == swap.get(up, up)


def test_p_values_are_those_of_the_t_and_the_normal_distribution():
    assert p_value(estimate(0.5, 0.2, 12.0), Criterion(op="<")) == pytest.approx(2 * stats.t.sf(2.5, 12))
    assert p_value(estimate(0.5, 0.2), Criterion(op="<", value=0.1)) == pytest.approx(2 * stats.norm.sf(2))


@pytest.mark.parametrize("df", [None, 9.0])
def test_the_p_of_equivalence_agrees_with_the_contrasts_own_test(df):
    table = pd.DataFrame({"estimate": [0.12], "se": [0.2], "df": [math.inf if df is None else df]})
    expected = equivalence(table, -0.5, 0.5)["p"].iloc[0]
    assert p_value(estimate(0.12, 0.2, df), Criterion(op="equivalent", low=-0.5, high=0.5)) == pytest.approx(
        expected
    )


def test_holm_by_hand_and_a_missing_p_does_not_count():
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([]) == []


def test_the_interval_at_another_level_is_the_textbook_one():
    low, high = interval(estimate(1.0, 0.5, 10.0), 0.9)
    assert (low, high) == pytest.approx((1 - 0.5 * stats.t.ppf(0.95, 10), 1 + 0.5 * stats.t.ppf(0.95, 10)))


def test_the_wrong_conclusion_is_rare_where_there_is_no_effect():
    rng = np.random.default_rng(1)
    found = [verdict(estimate(float(z), 1.0), Criterion(op="<")) for z in rng.standard_normal(4000)]
    share = sum(v != "inconclusive" for v in found) / len(found)
    assert abs(share - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "equivalent", "low": 1.0, "high": -1.0},
        {"op": "equivalent", "low": 1.0},
        {"op": "=="},
        {"op": "==", "tolerance": 0},
        {"op": "~"},
    ],
)
def test_a_criterion_that_cannot_be_judged_is_refused_when_read(wrong):
    with pytest.raises(ValueError):
        Criterion.model_validate(wrong)
