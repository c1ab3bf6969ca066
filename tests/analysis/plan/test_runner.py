"""The plan is run as written: exclusions, models, verdicts, measures, sensitivity."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import reliance
from analysis.mixed import fit_mixed
from analysis.plan.results import Results
from analysis.plan.runner import run, sha256
from analysis.plan.types import Plan
from tests.analysis.plan import made


@pytest.fixture(scope="module")
def data():
    return made.tables()


@pytest.fixture(scope="module")
def results(data):
    return run(made.plan(), data)


def test_the_effect_that_was_put_in_is_found_and_its_interval_covers_it(results):
    found = results.hypothesis("overreliance")
    assert found.verdict == "supported"
    assert found.estimate.low < -1.2 < found.estimate.high
    assert found.estimate.n == 640
    assert found.estimate.clusters == 80


def test_a_contrast_at_a_level_is_the_coefficient_sum_worked_out_by_hand(data, results):
    frame = data["trials"].assign(arm=pd.Categorical(data["trials"]["arm"], list(made.ARMS)))
    model = fit_mixed("agree ~ arm * ai_correct + (1 | participant) + (1 | item)", frame, "binomial")
    fixed, V = model.fixed.set_index("term")["estimate"], model.covariance
    found = results.hypothesis("overreliance").estimate
    assert found.value == pytest.approx(fixed["armhedged"], abs=1e-8)
    assert found.se == pytest.approx(np.sqrt(V.loc["armhedged", "armhedged"]), rel=1e-6)


def test_a_difference_of_differences_is_the_interaction(data):
    hypothesis = made.hypothesis(
        contrast={
            "factor": "arm",
            "level": "hedged",
            "reference": "control",
            "within": {"factor": "ai_correct", "level": True, "reference": False},
        },
        criterion={"op": ">"},
    )
    results = run(made.plan(hypotheses=[hypothesis]), data)
    interaction = {t.name: t.estimate for t in results.model("agreement").terms}["armhedged:ai_correctTRUE"]
    found = results.hypothesis("overreliance").estimate
    assert (found.value, found.se) == pytest.approx((interaction.value, interaction.se), rel=1e-9)


def test_the_response_scale_is_a_difference_of_probabilities_by_hand(data, results):
    terms = {t.name: t.estimate.value for t in results.model("agreement").terms}
    by_hand = 1 / (1 + np.exp(-(terms["(Intercept)"] + terms["armhedged"]))) - 1 / (
        1 + np.exp(-terms["(Intercept)"])
    )
    effects = {e.name: e.estimate for e in results.hypothesis("overreliance").effects}
    assert effects["difference in probability"].value == pytest.approx(by_hand)
    assert effects["odds ratio"].value == pytest.approx(np.exp(terms["armhedged"]))


def test_a_participant_outcome_has_hc3_errors_worked_out_by_hand(data, results):
    people = data["participants"]
    X = np.column_stack([np.ones(len(people)), people["arm"] == "hedged"])
    y = people["trust"].to_numpy()
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    scaled = X * ((y - X @ beta) / (1 - np.einsum("ij,jk,ik->i", X, inverse, X)))[:, None]
    V = inverse @ scaled.T @ scaled @ inverse
    term = results.model("trusting").terms[1].estimate
    assert (term.value, term.se, term.df) == pytest.approx((beta[1], np.sqrt(V[1, 1]), len(people) - 2))


def test_measures_are_those_of_reliance_with_the_plans_seed(data, results):
    trials = data["trials"].assign(arm=pd.Categorical(data["trials"]["arm"], list(made.ARMS)))
    names = ["agreement", "accuracy", "overreliance", "underreliance"]
    rng = np.random.default_rng([made.plan().seed, 0])
    expected = reliance(trials, by="arm", measures=names, rng=rng, replicates=200)
    for row, found in zip(expected.to_dict("records"), results.measures, strict=True):
        assert (found.by["arm"], found.measure) == (row["arm"], row["measure"])
        assert (found.estimate.value, found.estimate.low) == pytest.approx((row["value"], row["low"]))
        assert found.bootstrap.low == pytest.approx(row["boot_low"])
        assert found.estimate.n == row["n"]


def test_overreliance_is_counted_by_hand(data, results):
    wrong = data["trials"][~data["trials"]["ai_correct"]]
    by_hand = (wrong["final"] == wrong["advice"]).groupby(wrong["arm"]).mean()
    found = {r.by["arm"]: r.estimate.value for r in results.measures if r.measure == "overreliance"}
    assert found == pytest.approx(by_hand.to_dict())


def test_the_same_plan_and_data_give_the_same_bytes(data, results):
    assert run(made.plan(), data).model_dump_json() == results.model_dump_json()


def test_results_come_back_from_their_json_and_hold_no_nan(results):
    text = results.model_dump_json()
    assert Results.model_validate_json(text) == results
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the results"))


def test_rules_are_counted_in_order_and_only_exclusions_remove(data):
    people = data["participants"].assign(
        fast_trials=[3] * 5 + [2] * 7 + [0] * 68, age=[17.0] * 3 + [np.nan] + [30.0] * 76
    )
    plan = made.plan(
        exclusions=[
            {"id": "minor", "sentence": "Minors are left out.", "measured": "before",
             "when": [{"column": "age", "op": "<", "value": 18}]},
            {"id": "fast", "sentence": "Very fast people are left out.", "measured": "after",
             "when": [{"column": "fast_trials", "op": ">=", "value": 3}]},
            {"id": "quick", "sentence": "Fast people are marked.", "measured": "after", "action": "flag",
             "when": [{"column": "fast_trials", "op": ">=", "value": 2}]},
        ]
    )  # fmt: skip
    sample = run(plan, data | {"participants": people}).sample
    assert [(r.matched, r.removed, r.undecided) for r in sample.rules] == [(3, 3, 1), (5, 2, 0), (12, 0, 0)]
    assert (sample.eligible, sample.excluded, sample.flagged, sample.analysed) == (80, 5, 7, 75)
    assert sum(sample.analysed_by_arm.values()) == 75


def test_all_conditions_of_a_rule_must_hold(data):
    people = data["participants"].assign(fast_trials=[3] * 40 + [0] * 40)
    rule = [
        {"column": "fast_trials", "op": ">=", "value": 3},
        {"column": "arm", "op": "==", "value": "control"},
    ]
    plan = made.plan(exclusions=[{"id": "both", "sentence": "Both.", "measured": "after", "when": rule}])
    assert run(plan, data | {"participants": people}).sample.excluded == 20


def test_only_people_who_finished_are_analysed_unless_the_plan_says_all(data):
    people = data["participants"].assign(outcome=["withdrawn"] * 10 + ["complete"] * 70)
    tables = data | {"participants": people}
    assert run(made.plan(), tables).sample.analysed == 70
    assert run(made.plan(population="all"), tables).sample.analysed == 80


def test_a_rule_about_an_absent_column_removes_nobody_and_says_so(data):
    rule = [{"column": "pulse", "op": ">", "value": 90}]
    plan = made.plan(exclusions=[{"id": "pulse", "sentence": "Pulse.", "measured": "after", "when": rule}])
    sample = run(plan, data).sample
    assert sample.excluded == 0
    assert "pulse" in sample.rules[0].problem


def test_holm_runs_within_families_and_not_across(data):
    hypotheses = [
        made.hypothesis(id="a"),
        made.hypothesis(id="b", contrast={"factor": "arm", "level": "hedged", "reference": "control"}),
        made.hypothesis(id="c", model="trusting", family="trust",
                        contrast={"factor": "arm", "level": "hedged", "reference": "control"}),
    ]  # fmt: skip
    plan = made.plan(hypotheses=hypotheses, multiplicity={"main": "holm", "trust": "none"})
    a, b, c = run(plan, data).hypotheses
    first, second = sorted([a, b], key=lambda h: h.p)
    assert first.p_adjusted == pytest.approx(min(1, 2 * first.p))
    assert second.p_adjusted == pytest.approx(max(first.p_adjusted, second.p))
    assert c.p_adjusted == c.p
    assert c.adjustment == "none"


def test_a_hypothesis_that_cannot_be_tested_is_not_evaluable_and_leaves_the_others_alone(data):
    hypotheses = [
        made.hypothesis(),
        made.hypothesis(id="no-model", model="nothing"),
        made.hypothesis(
            id="no-level", contrast={"factor": "arm", "level": "shouting", "reference": "control"}
        ),
        made.hypothesis(id="no-factor", contrast={"factor": "mood", "level": "a", "reference": "b"}),
        made.hypothesis(id="no-outcome", model="missing-outcome"),
        made.hypothesis(id="no-column", model="missing-column"),
        made.hypothesis(id="constant", model="constant"),
    ]
    outcomes = [
        *made.plan().model_dump()["outcomes"],
        {"id": "pulse", "label": "Pulse", "column": "pulse", "kind": "continuous"},
        {"id": "same", "label": "Same", "column": "same", "kind": "continuous"},
    ]
    models = [
        *made.plan().model_dump()["models"],
        {"id": "missing-outcome", "outcome": "nope", "formula": "arm", "family": "gaussian"},
        {"id": "missing-column", "outcome": "pulse", "formula": "arm", "family": "gaussian"},
        {"id": "constant", "outcome": "same", "formula": "arm", "family": "gaussian"},
    ]
    tables = data | {"trials": data["trials"].assign(same=1.0)}
    results = run(made.plan(outcomes=outcomes, models=models, hypotheses=hypotheses), tables)
    assert results.hypotheses[0].verdict == "supported"
    for hypothesis in results.hypotheses[1:]:
        assert hypothesis.verdict == "not evaluable", hypothesis.id
        assert len(hypothesis.reason) > 15
        assert hypothesis.estimate.value is None
    assert "shouting" in results.hypothesis("no-level").reason
    assert "pulse" in results.hypothesis("no-column").reason


def test_perfect_separation_is_not_evaluable(data):
    trials = data["trials"].assign(agree=data["trials"]["arm"] == "control")
    found = run(made.plan(), data | {"trials": trials}).hypothesis("overreliance")
    assert found.verdict == "not evaluable"
    assert "eparation" in found.reason


@pytest.mark.parametrize("empty", ["trials", "participants", "both"])
def test_a_study_without_data_gives_verdicts_and_no_exception(data, empty):
    tables = {name: table.iloc[:0] if empty in (name, "both") else table for name, table in data.items()}
    results = run(made.plan(), tables)
    assert {h.verdict for h in results.hypotheses} == {"not evaluable"}
    assert Results.model_validate_json(results.model_dump_json()) == results


def test_one_arm_alone_is_not_evaluable(data):
    kept = {name: table[table["arm"] == "control"] for name, table in data.items()}
    assert run(made.plan(), kept).hypothesis("overreliance").verdict == "not evaluable"


def test_two_people_are_too_few_to_say_anything(data):
    kept = {name: table[table["participant"].isin(["p000", "p001"])] for name, table in data.items()}
    assert run(made.plan(), kept).hypothesis("overreliance").verdict in ("not evaluable", "inconclusive")


def test_missing_outcomes_are_left_out_and_counted(data):
    trials = data["trials"].copy()
    trials["agree"] = trials["agree"].astype("boolean")
    trials.loc[trials.index[:9], "agree"] = pd.NA
    results = run(made.plan(), data | {"trials": trials})
    assert results.model("agreement").missing == 9
    assert results.model("agreement").rows == 631
    assert next(m for m in results.missing if m.outcome == "agree").missing == 9


def test_an_outcome_that_an_arm_never_has_is_told_apart_from_missing(data):
    trials = data["trials"].astype({"agree": "boolean"})
    trials.loc[trials["arm"] == "control", "agree"] = pd.NA
    found = next(m for m in run(made.plan(), data | {"trials": trials}).missing if m.outcome == "agree")
    assert (found.missing, found.without) == (0, ["control"])


def test_without_and_with_people_stand_beside_the_registered_result(data):
    rules = [
        {"id": "quick", "sentence": "Marked.", "measured": "after", "action": "flag",
         "when": [{"column": "fast_trials", "op": ">=", "value": 1}]},
        {"id": "very", "sentence": "Out.", "measured": "after",
         "when": [{"column": "fast_trials", "op": ">=", "value": 2}]},
    ]  # fmt: skip
    results = run(made.plan(exclusions=rules), data)
    rows = {row.variation: row for row in results.sensitivity}
    without = next(row for name, row in rows.items() if name.startswith("without"))
    everybody = next(row for name, row in rows.items() if name.startswith("with the"))
    assert without.estimate.clusters == results.sample.analysed - results.sample.flagged
    assert everybody.estimate.clusters == 80
    assert any(name.startswith("GEE") for name in rows)


def test_gee_of_a_coefficient_equals_statsmodels_directly(data):
    import statsmodels.api as sm

    trials = data["trials"]
    hedged, right = trials["arm"] == "hedged", trials["ai_correct"]
    X = np.column_stack([np.ones(len(trials)), hedged, right, hedged & right]).astype(float)
    fitted = sm.GEE(
        trials["agree"].astype(float), X, groups=trials["participant"],
        family=sm.families.Binomial(), cov_struct=sm.cov_struct.Exchangeable(),
    ).fit()  # fmt: skip
    results = run(made.plan(), data)
    row = next(r for r in results.sensitivity if r.variation.startswith("GEE"))
    assert (row.estimate.value, row.estimate.se) == pytest.approx(
        (fitted.params.iloc[1], fitted.bse.iloc[1]), rel=1e-5
    )


def test_ratings_and_log_times_are_modelled_as_the_plan_says(data):
    models = [
        {
            "id": "sure",
            "outcome": "confidence",
            "formula": "arm + (1 | participant) + (1 | item)",
            "family": "ordinal",
        },
        {
            "id": "slow",
            "outcome": "time",
            "formula": "arm + (1 | participant) + (1 | item)",
            "family": "gaussian",
        },
    ]
    contrast = {"factor": "arm", "level": "hedged", "reference": "control"}
    hypotheses = [made.hypothesis(id=m["id"], model=m["id"], contrast=contrast) for m in models]
    results = run(made.plan(models=models, hypotheses=hypotheses), data)
    sure, slow = results.hypotheses
    assert sure.unit == "log odds of a higher category"
    assert {e.name for e in sure.effects} == {"odds ratio", "difference in mean category"}
    assert slow.unit == "log s"
    assert slow.estimate.df < 200
    assert slow.effects[0].estimate.value == pytest.approx(np.exp(slow.estimate.value))


def test_one_number_a_participant_and_a_rank_test_by_hand(data):
    discernment = {
        "id": "discernment", "label": "Discernment", "column": "correct", "kind": "continuous",
        "per_participant": {
            "of": [{"column": "ai_correct", "op": "==", "value": True}],
            "less": [{"column": "ai_correct", "op": "==", "value": False}],
        },
    }  # fmt: skip
    plan = made.plan(
        outcomes=[discernment],
        models=[{"id": "d", "outcome": "discernment", "formula": "arm", "family": "gaussian"}],
        hypotheses=[],
        rank_tests=[{"id": "u", "outcome": "discernment", "level": "hedged", "reference": "control"}],
    )
    results = run(plan, data)
    trials = data["trials"]
    value = (
        trials[trials["ai_correct"]].groupby("participant")["correct"].mean()
        - trials[~trials["ai_correct"]].groupby("participant")["correct"].mean()
    )
    arm = data["participants"].set_index("participant")["arm"]
    groups = [value[arm == name] for name in ("control", "hedged")]
    expected = stats.f_oneway(*groups)
    test = results.model("d").tests[0]
    assert (test.statistic, test.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (test.df, test.df_residual) == (1, 78)
    ranked = results.rank_tests[0]
    assert ranked.u == pytest.approx(stats.mannwhitneyu(*groups).statistic)
    assert ranked.superiority.value == pytest.approx(1 - ranked.u / (40 * 40))
    assert ranked.superiority.low < ranked.superiority.value < ranked.superiority.high


def test_every_number_of_the_results_carries_its_interval_and_its_n(results):
    quantities = [
        *(h.estimate for h in results.hypotheses),
        *(e.estimate for h in results.hypotheses for e in h.effects),
        *(r.estimate for r in results.measures),
        *(g.mean for g in results.summaries),
        *(t.estimate for m in results.models for t in m.terms),
        *(x.estimate for m in results.models for x in m.means),
    ]
    assert len(quantities) > 20
    for found in quantities:
        assert found.value is not None
        assert found.low <= found.value <= found.high
        assert found.n > 0


def test_probabilities_are_percentages_in_tables_and_shares_in_the_measures():
    rng = np.random.default_rng(2)
    n, items = 30, 10
    truth = np.tile([100.0, 0.0] * (items // 2), n)
    advice = np.where(np.tile(np.arange(items) < 5, n), truth, 100 - truth)
    initial = rng.integers(10, 91, n * items).astype(float)
    final = initial + 0.5 * (advice - initial)
    trials = pd.DataFrame(
        {"participant": np.repeat(np.arange(n), items), "item": np.tile(np.arange(items), n), "arm": "only",
         "truth": truth, "advice": advice, "initial": initial, "final": final}
    )  # fmt: skip
    people = pd.DataFrame({"participant": range(n), "arm": "only", "outcome": "complete"})
    plan = Plan.model_validate(
        {"measures": [{"by": ["arm"], "measures": ["weight_of_advice"], "draws": 100}]}
    )
    row = run(plan, {"trials": trials, "participants": people}).measures[0]
    assert row.estimate.value == pytest.approx(0.5)


def test_the_hash_of_a_plan_changes_with_any_part():
    hashes = {sha256(made.plan()), sha256(made.plan(seed=1)), sha256(made.plan(hypotheses=[]))}
    assert len(hashes) == 3
    assert sha256(made.plan()) == sha256(Plan.model_validate_json(made.plan().model_dump_json()))


def test_tables_that_are_absent_or_have_no_participant_are_refused_by_name(data):
    with pytest.raises(ValueError, match="participants"):
        run(made.plan(), {"trials": data["trials"]})
    with pytest.raises(ValueError, match="no column 'participant'"):
        run(made.plan(), data | {"trials": data["trials"].drop(columns="participant")})


def test_the_reason_of_a_verdict_names_the_separation_and_not_a_singular_fit(data):
    trials = data["trials"].assign(agree=data["trials"]["arm"] == "control")
    reason = run(made.plan(), data | {"trials": trials}).hypothesis("overreliance").reason
    assert "Singular" not in reason


def test_separation_in_one_cell_stops_only_the_hypotheses_that_hold_it(data):
    """Everybody of the second arm follows every right answer: the arms still differ by something on wrong ones."""
    trials = data["trials"]
    trials = trials.assign(agree=trials["agree"] | ((trials["arm"] == "hedged") & trials["ai_correct"]))
    arms = {"factor": "arm", "level": "hedged", "reference": "control"}
    plan = made.plan(
        hypotheses=[
            made.hypothesis(),
            made.hypothesis(id="right", contrast=arms | {"at": {"ai_correct": True}}),
            made.hypothesis(
                id="difference",
                contrast=arms | {"within": {"factor": "ai_correct", "level": False, "reference": True}},
            ),
        ]
    )
    results = run(plan, data | {"trials": trials})
    wrong = results.hypothesis("overreliance")
    assert wrong.verdict == "supported"
    assert wrong.estimate.low < -1.2 < wrong.estimate.high
    for name in ("right", "difference"):
        assert results.hypothesis(name).verdict == "not evaluable"
        assert "eparation" in results.hypothesis(name).reason
    means = {(m.at["arm"], m.at["ai_correct"]): m.estimate for m in results.model("agreement").means}
    assert [at for at, estimate in means.items() if not estimate.available] == [("hedged", True)]
    assert "alike" in means["hedged", True].note
    assert 0 < means["hedged", False].low < means["hedged", False].high < 1
