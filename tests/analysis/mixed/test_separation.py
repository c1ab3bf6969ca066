"""Separation stops the contrasts it sends to infinity, and only these."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import fit_mixed, marginal_means
from analysis.means import contrasts
from analysis.mixed.result import MixedResult
from tests.analysis.plan import made


def _table(seed: int = 5) -> pd.DataFrame:
    """Trials of two arms in which everybody of the second follows every right answer."""
    trials = made.tables(seed=seed)["trials"]
    all_agree = (trials["arm"] == "hedged") & trials["ai_correct"]
    rating = np.where(all_agree, 4, trials["confidence"].clip(1, 3))
    links = np.where(all_agree, 0, trials["confidence"])
    return trials.assign(
        arm=pd.Categorical(trials["arm"], list(made.ARMS)),
        agree=(trials["agree"] | all_agree).astype(int),
        rating=rating,
        links=links,
    )


def _cells(result: MixedResult) -> tuple[dict[tuple[str, bool], np.ndarray], MixedResult]:
    means = marginal_means(result, ["arm", "ai_correct"])
    keys = [(row.arm, bool(row.ai_correct)) for row in means.table.itertuples()]
    return dict(zip(keys, means.link_rows, strict=True)), result


@pytest.mark.parametrize("random", ["", " + (1 | participant) + (1 | item)"], ids=["plain", "mixed"])
@pytest.mark.parametrize("family", ["binomial", "ordinal", "poisson"])
def test_only_what_holds_the_perfect_cell_runs_off(family: str, random: str) -> None:
    outcome = {"binomial": "agree", "ordinal": "rating", "poisson": "links"}[family]
    cell, result = _cells(fit_mixed(f"{outcome} ~ arm * ai_correct{random}", _table(), family))
    assert result.separated
    asked = {
        "the arms on wrong answers": cell["hedged", False] - cell["control", False],
        "right against wrong in the first arm": cell["control", True] - cell["control", False],
        "the perfect cell": cell["hedged", True],
        "the arms on right answers": cell["hedged", True] - cell["control", True],
        "the difference of differences": cell["hedged", True]
        - cell["control", True]
        - cell["hedged", False]
        + cell["control", False],
    }
    off = dict(zip(asked, result.runs_off(np.array(list(asked.values()))), strict=True))
    assert [name for name, runs in off.items() if runs] == list(asked)[2:]


def test_a_fit_without_separation_runs_off_nowhere() -> None:
    result = fit_mixed("agree ~ arm * ai_correct", made.tables()["trials"], "binomial")
    assert not result.separated
    assert not result.runs_off(np.eye(4)).any()


@pytest.mark.parametrize("random", ["", " + (1 | participant) + (1 | item)"], ids=["plain", "mixed"])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_what_stays_is_the_estimate_without_the_perfect_cell(random: str, seed: int) -> None:
    """In the limit the perfect cell says nothing of anybody: a second route is to leave its rows out."""
    table = _table(seed)
    rest = table[~((table["arm"] == "hedged") & table["ai_correct"])]
    cell = (rest["arm"].astype(str) + rest["ai_correct"].map({True: ":right", False: ":wrong"})).to_numpy()
    whole = fit_mixed(f"agree ~ arm * ai_correct{random}", table, "binomial")
    part = fit_mixed(f"agree ~ cell{random}", rest.assign(cell=cell), "binomial")
    ours = contrasts(
        marginal_means(whole, "arm", at={"ai_correct": False}), {"effect": [-1.0, 1.0]}, adjust="none"
    )
    names = marginal_means(part, "cell").table["cell"].tolist()
    weights = [float(n == "hedged:wrong") - float(n == "control:wrong") for n in names]
    other = contrasts(marginal_means(part, "cell"), {"effect": weights}, adjust="none")
    assert whole.separated and not part.separated
    for column in ("estimate", "se", "low", "high"):
        assert ours[column][0] == pytest.approx(other[column][0], rel=2e-4), column


def test_on_the_response_scale_a_mean_at_the_end_of_the_scale_is_enough() -> None:
    """Two perfect cells differ by nothing on the link scale of an additive model; their shares have no interval."""
    table = _table()
    table["agree"] = np.where(table["ai_correct"], 1, table["agree"])
    result = fit_mixed("agree ~ arm + ai_correct", table, "binomial")
    weights = np.array([-1.0, 1.0])
    link = marginal_means(result, "arm", at={"ai_correct": True})
    response = marginal_means(result, "arm", at={"ai_correct": True}, scale="response")
    assert result.separated
    assert not link.runs_off(weights, result)
    assert response.runs_off(weights, result)
    assert link.run_off(result).all()
