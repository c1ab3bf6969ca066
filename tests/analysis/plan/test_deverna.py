"""A published study, run again from its own data: DeVerna, Yan, Yang and Menczer, PNAS 2024."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.plan.columns import mapped
from analysis.plan.reading import read_data, read_plan
from analysis.plan.runner import run
from tests.shared_data import shared

PLAN = Path(__file__).resolve().parents[3] / "docs" / "tutorial" / "deverna2024.plan.yaml"


@pytest.fixture(scope="module")
def results():
    data = read_data(shared("data", "deverna2024", "long_form.parquet"))
    plan = read_plan(PLAN)
    return run(plan, mapped(plan, data))


def means(results, *names):
    return {tuple(g.by.values()): g.mean.value for g in results.summaries if tuple(g.by) == names}


def test_every_published_group_mean_is_found_exactly(results):
    published = pd.read_csv(shared("data", "deverna2024", "published", "group_mean_ci.csv"))
    found = means(results, "group", "arm", "truth")
    assert len(published) == len(found) == 16
    for row in published.itertuples():
        assert found[row.Group, row.Condition, str(row.veracity).lower()] == pytest.approx(
            row.mean_said_yes, abs=1e-12
        )


def test_every_published_mean_by_headline_type_is_found_exactly(results):
    published = pd.read_csv(shared("data", "deverna2024", "published", "five_headline_type_mean_ci.csv"))
    found = means(results, "group", "arm", "truth", "advice")
    assert len(published) == 30
    for row in published.itertuples():
        key = (row.Group, row.Condition, str(row.ground_truth).lower(), str(row.cGPT_thinks).lower())
        assert found[key] == pytest.approx(row.mean_said_yes, abs=1e-12)


@pytest.mark.parametrize(
    ("model", "f", "df"), [("belief-discernment", 25.649711, 1045), ("share-discernment", 12.221038, 1106)]
)
def test_the_published_analysis_of_variance_is_found(results, model, f, df):
    test = results.model(model).tests[0]
    assert test.statistic == pytest.approx(f, abs=5e-7)
    assert (test.df, test.df_residual) == (3, df)


def test_the_published_differences_in_discernment_are_found(results):
    terms = {t.name: t.estimate.value for t in results.model("belief-discernment").terms}
    published = {"armForced": -0.0450, "armOptional": -0.0027, "armHuman-FC": 0.1806}
    for name, value in published.items():
        assert terms[name] == pytest.approx(value, abs=5e-5)


def test_the_published_rank_test_is_found(results):
    test = results.rank_tests[0]
    assert test.u == 35936.5
    assert test.p == pytest.approx(4.7619130334684356e-05, rel=1e-9)


def test_the_mixed_model_lies_at_or_above_the_reference_and_agrees_with_it(results):
    """The reference's optimiser stopped 0.003 below this log-likelihood; hence a tolerance of 0.02 standard errors."""
    model = results.model("belief-agreement")
    assert model.rows == 12_200
    assert model.log_likelihood >= -5681.615 - 5e-4
    reference = {"(Intercept)": (-1.1014, 0.2382), "armForced": (0.7741, 0.1962),
                 "ai_correctTRUE": (2.3065, 0.2306), "armForced:ai_correctTRUE": (-0.6713, 0.1302)}  # fmt: skip
    for term in model.terms:
        value, se = reference[term.name]
        assert term.estimate.value == pytest.approx(value, abs=0.02 * se)
        assert term.estimate.se == pytest.approx(se, rel=0.025)
    assert [sd.sd for sd in model.random] == pytest.approx([1.751, 0.387], abs=1.5e-3)


def test_verdicts_on_published_data_follow_from_the_plan(results):
    verdicts = {h.id: h.verdict for h in results.hypotheses}
    assert verdicts == {
        "forced-lowers-discernment": "inconclusive",
        "people-help": "supported",
        "wrong-verdicts-followed": "supported",
    }
