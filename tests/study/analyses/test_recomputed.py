"""What the report says is found again by hand-written pandas from the exported CSV, and is what was put in."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from study.tables.export import write
from study.tables.tidy import tidy

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def exported(study, tmp_path_factory):
    """The exported CSV files as anybody would read them."""
    folder = tmp_path_factory.mktemp("export")
    write(tidy(study), folder)
    read = {name: pd.read_csv(folder / f"{name}.csv") for name in ("participants", "trials", "responses")}
    return read | {"consort": json.loads((folder / "consort.json").read_text())}


@pytest.fixture(scope="module")
def kept(exported):
    """Trials of those who completed and made no error in the comprehension check: the plan's rule by hand."""
    people = exported["participants"]
    stay = people[(people["outcome"] == "complete") & ~(people["comprehension_errors"] > 0)]
    return exported["trials"][exported["trials"]["participant"].isin(stay["participant"])]


def test_the_people_analysed_are_counted_by_hand(analysed, exported, kept):
    sample = analysed.results.sample
    assert sample.people == len(exported["participants"])
    assert sample.analysed == kept["participant"].nunique()
    assert sample.trials == len(kept)
    by_arm = kept.groupby("arm")["participant"].nunique().to_dict()
    assert {arm: n for arm, n in sample.analysed_by_arm.items() if n} == by_arm


def test_trials_are_rebuilt_from_the_long_responses(exported):
    long = exported["responses"]
    parts = long["page"].str.split(".", expand=True)
    finals = long[(parts[2] == "final") & (long["question"] == "answer")].assign(item=parts[1])
    rebuilt = finals.set_index(["participant", "item"])["value"].sort_index()
    trials = exported["trials"].set_index(["participant", "item"])["final"].sort_index()
    pd.testing.assert_series_equal(rebuilt, trials, check_names=False)


def test_every_measure_is_recomputed_by_hand(analysed, kept):
    shown = kept[kept["advice"].notna()]
    wrong, right = shown[shown["advice"] != shown["truth"]], shown[shown["advice"] == shown["truth"]]
    by_hand = {
        "agreement": (shown["final"] == shown["advice"]).groupby(shown["arm"]).mean(),
        "accuracy": (kept["final"] == kept["truth"]).groupby(kept["arm"]).mean(),
        "overreliance": (wrong["final"] == wrong["advice"]).groupby(wrong["arm"]).mean(),
        "underreliance": (right["final"] != right["advice"]).groupby(right["arm"]).mean(),
    }
    found = {(row.measure, row.by["arm"]): row for row in analysed.results.measures}
    for measure, values in by_hand.items():
        for arm, value in values.items():
            assert found[measure, arm].estimate.value == pytest.approx(value, abs=1e-12)
    assert found["agreement", "no-ai"].estimate.value is None
    assert found["agreement", "no-ai"].estimate.missing == (kept["arm"] == "no-ai").sum()


def test_outcome_means_are_recomputed_by_hand(analysed, exported, kept):
    people = exported["participants"].set_index("participant").loc[kept["participant"].unique()]
    agreed = kept["agree"].map({True: 1.0, False: 0.0, "true": 1.0, "false": 0.0})
    expected = {"agree": agreed.groupby(kept["arm"]).mean(), "trust": people.groupby("arm")["trust"].mean()}
    for group in analysed.results.summaries:
        value = expected[group.outcome][group.by["arm"]]
        assert group.mean.value == (pytest.approx(value) if np.isfinite(value) else None)


def test_the_flow_is_counted_by_hand(analysed, exported):
    people = exported["participants"]
    flow = analysed.run.flow
    assert flow["arrived"] == len(people)
    assert flow["declined"] == (people["outcome"] == "declined").sum()
    for arm in flow["arms"]:
        own = people[people["arm"] == arm["arm"]]
        assert arm["assigned"] == len(own)
        assert arm["completed"] == (own["outcome"] == "complete").sum()
        assert (
            arm["excluded"]["declined"]
            == ((own["outcome"] == "complete") & (own["comprehension_errors"] > 0)).sum()
        )
        assert arm["analysed"] == arm["completed"] - sum(arm["excluded"].values())


def test_agreement_with_right_and_wrong_advice_is_what_the_participants_were_made_from(analysed, study):
    """Four shares at once from few trials: each lies within 3.3 of its standard errors (99.9 %)."""
    assumed = study.draft["assumptions"]
    found = {(row.measure, row.by["arm"]): row.estimate for row in analysed.results.measures}
    for arm in ("control", "hedged"):
        over, under = found["overreliance", arm], found["underreliance", arm]
        for estimate, truth in (
            (over, assumed["agree_wrong"][arm]),
            (under, 1 - assumed["agree_right"][arm]),
        ):
            assert abs(estimate.value - truth) < 3.3 * np.sqrt(truth * (1 - truth) / estimate.n)


def test_the_tested_effect_is_covered_by_its_interval(analysed, study):
    """The registered contrast averages log odds over right and wrong advice."""
    assumed = study.draft["assumptions"]

    def log_odds(table: str, arm: str) -> float:
        return np.log(assumed[table][arm] / (1 - assumed[table][arm]))

    tables = ("agree_right", "agree_wrong")
    truth = np.mean([log_odds(table, "hedged") - log_odds(table, "control") for table in tables])
    found = analysed.results.hypothesis("h1").estimate
    assert found.low <= truth <= found.high
