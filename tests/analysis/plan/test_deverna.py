"""A published study, run again from its own data: DeVerna, Yan, Yang and Menczer, PNAS 2024."""

import json
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


def test_the_mixed_model_equals_r_s_strict_optimum_and_lies_above_the_published_one(results):
    """The published digits are glmer's with its default stop, 0.0034 below the maximum of the likelihood; R's own strict
    optimum (tests/reference/deverna.R) differs from them in the third decimal, and is what is computed here."""
    stored = json.loads((Path(__file__).parents[2] / "reference" / "deverna.json").read_text())
    strict, default = stored["strict"], stored["default"]
    model = results.model("belief-agreement")
    assert model.rows == 12_200
    assert model.log_likelihood == pytest.approx(strict["log_likelihood"], abs=1e-4)
    assert model.log_likelihood > default["log_likelihood"] + 0.003
    for term, value, se in zip(model.terms, strict["estimate"], strict["se"], strict=True):
        assert term.estimate.value == pytest.approx(value, abs=1e-3 * se)
        assert term.estimate.se == pytest.approx(se, rel=1e-3)
    assert [sd.sd for sd in model.random] == pytest.approx(strict["sd"], abs=1e-4)
    published = [-1.1014, 0.7741, 2.3065, -0.6713]
    assert default["estimate"] == pytest.approx(published, abs=5e-5), (
        "R with its defaults gives the printed digits"
    )


def test_verdicts_on_published_data_follow_from_the_plan(results):
    verdicts = {h.id: h.verdict for h in results.hypotheses}
    assert verdicts == {
        "forced-lowers-discernment": "inconclusive",
        "people-help": "supported",
        "wrong-verdicts-followed": "supported",
    }
