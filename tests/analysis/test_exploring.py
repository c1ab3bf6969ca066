"""Means by group: by hand, by the plan's own route, by refusal."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from analysis.exploring import groups_of, means_by, people_by


def people(values: list[float], groups: list[object]) -> pd.DataFrame:
    """One row a participant."""
    return pd.DataFrame({"participant": range(len(values)), "y": values, "g": groups})


def test_one_row_a_person_gives_the_textbook_interval() -> None:
    found = means_by(people([1.0, 2.0, 4.0, 9.0], ["a", "a", "a", "b"]), "y", "g").set_index("group")
    mean, sd = 7 / 3, np.std([1, 2, 4], ddof=1)
    half = student.ppf(0.975, 2) * sd / math.sqrt(3)
    assert found.loc["a", ["value", "low", "high"]].tolist() == pytest.approx(
        [mean, mean - half, mean + half]
    )
    assert math.isnan(found.loc["b", "low"])
    assert "one participant" in found.loc["b", "note"]


def test_several_rows_of_a_person_count_as_one_cluster() -> None:
    once = people([0.0, 1.0, 1.0, 0.0, 1.0], ["a"] * 5)
    five = pd.concat([once] * 5)
    a, b = means_by(once, "y", "g").iloc[0], means_by(five, "y", "g").iloc[0]
    assert (b["value"], b["se"], b["clusters"]) == pytest.approx((a["value"], a["se"], 5))
    assert (a["n"], b["n"]) == (5, 25)


def test_numbers_of_many_values_are_cut_at_their_quartiles_and_words_keep_their_order() -> None:
    values = pd.Series(np.arange(100.0), name="x")
    assert groups_of(values).value_counts().tolist() == [25, 25, 25, 25]
    words = pd.Series(pd.Categorical(["b", "a", None], ["b", "a", "never"]), name="x")
    assert list(groups_of(words).cat.categories) == ["b", "a"]
    assert groups_of(words).isna().tolist() == [False, False, True]


def test_dots_are_one_mean_a_person_and_group() -> None:
    rows = pd.DataFrame({"participant": [1, 1, 2], "y": [True, False, True], "g": ["a", "a", "b"]})
    assert people_by(rows, "y", "g")[["group", "value"]].values.tolist() == [["a", 0.5], ["b", 1.0]]


@pytest.mark.parametrize("wrong", ["words", "too many", "nothing"])
def test_what_cannot_be_compared_is_refused(wrong: str) -> None:
    rows = people([1.0] * 20, [f"g{n}" for n in range(20)])
    if wrong == "words":
        rows["y"] = "yes"
    if wrong == "nothing":
        rows["g"] = None
    with pytest.raises(ValueError):
        means_by(rows, "y", "g")
