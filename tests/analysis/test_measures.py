"""Reliance measures: by hand, by a second route, by simulation, by refusal, and on published data."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import f_oneway, mannwhitneyu

from analysis import reliance, weight_of_advice
from analysis.measures import MEASURES
from tests.analysis.trials import hand_made, simulated, value
from tests.shared_data import shared

BY_HAND = {
    "agreement": Fraction(7, 12),
    "accuracy": Fraction(7, 12),
    "overreliance": Fraction(3, 6),
    "underreliance": Fraction(2, 6),
    "initial_accuracy": Fraction(6, 12),
    "switch_fraction": Fraction(4, 8),
    "rair": Fraction(2, 3),
    "rsr": Fraction(2, 3),
}


@pytest.mark.parametrize("measure", BY_HAND)
def test_each_share_is_what_counting_by_hand_gives(measure):
    assert value(reliance(hand_made()), measure) == pytest.approx(float(BY_HAND[measure]), abs=1e-15)


def test_a_wrong_first_answer_and_other_wrong_advice_belong_to_neither_rair_nor_rsr():
    both = hand_made()
    neither = (both.initial != both.truth) & (both.advice != both.truth)
    assert (neither & (both.initial != both.advice)).sum() == 2
    everything, without = reliance(both), reliance(both[~neither])
    for measure in ("rair", "rsr"):
        assert value(everything, measure) == value(without, measure)
        assert value(everything, measure, "n") == 3


def test_the_error_of_a_share_is_the_cluster_robust_one_counted_by_hand():
    # overreliance: ann 0 of 2, ben 2 of 2, cem 1 of 2; share 1/2; scores -1, 1, 0 of 6 trials
    found = reliance(hand_made(), scale="linear")
    assert value(found, "overreliance", "se") == pytest.approx(np.sqrt(3 / 2 * 2) / 6)
    assert value(found, "overreliance", "clusters") == 3


@pytest.mark.parametrize("measure", BY_HAND)
def test_values_and_errors_equal_a_cluster_robust_regression(measure):
    trials = simulated(np.random.default_rng(5), people=40)
    counted = {
        "agreement": (trials.final == trials.advice, trials.final == trials.final),
        "accuracy": (trials.final == trials.truth, trials.final == trials.final),
        "overreliance": (trials.final == trials.advice, trials.advice != trials.truth),
        "underreliance": (trials.final != trials.advice, trials.advice == trials.truth),
        "initial_accuracy": (trials.initial == trials.truth, trials.final == trials.final),
        "switch_fraction": (trials.final == trials.advice, trials.initial != trials.advice),
        "rair": (
            trials.final == trials.truth,
            (trials.initial != trials.truth) & (trials.advice == trials.truth),
        ),
        "rsr": (
            trials.final == trials.truth,
            (trials.initial == trials.truth) & (trials.advice != trials.truth),
        ),
    }
    hit, among = counted[measure]
    data = pd.DataFrame({"y": hit[among].astype(float), "who": trials.participant[among]})
    model = smf.ols("y ~ 1", data).fit(
        cov_type="cluster", cov_kwds={"groups": data["who"], "use_correction": True}, use_t=True
    )
    found = reliance(trials, scale="linear")
    assert value(found, measure) == pytest.approx(model.params.iloc[0], abs=1e-12)
    assert value(found, measure, "se") == pytest.approx(model.bse.iloc[0], rel=1e-9)
    low, high = model.conf_int().iloc[0]
    assert value(found, measure, "low") == pytest.approx(low, abs=1e-9)
    assert value(found, measure, "high") == pytest.approx(high, abs=1e-9)


def test_the_bootstrap_agrees_with_the_formula_where_both_hold():
    found = reliance(simulated(np.random.default_rng(8), people=300), rng=np.random.default_rng(2))
    found = found[found["value"].notna()]
    assert np.allclose(found["boot_se"], found["se"], rtol=0.08)
    assert np.allclose(found["boot_low"], found["low"], atol=0.25 * found["se"].max())


def test_the_same_seed_gives_the_same_bootstrap_and_another_seed_another():
    trials = simulated(np.random.default_rng(1), people=20)
    first, again, other = (reliance(trials, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again)
    assert value(first, "agreement", "boot_low") != value(other, "agreement", "boot_low")


def test_the_order_of_rows_changes_no_number():
    trials = simulated(np.random.default_rng(4), people=20)
    shuffled = trials.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(reliance(trials), reliance(shuffled))


def test_groups_are_what_the_measure_gives_on_each_group_alone():
    trials = simulated(np.random.default_rng(4), people=40)
    trials["arm"] = np.where(trials.participant % 2, "hedged", "plain")
    together = reliance(trials, by="arm")
    for arm, rows in trials.groupby("arm"):
        alone = reliance(rows)
        part = together[together["arm"] == arm].drop(columns="arm").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone)


def test_two_grouping_columns_keep_their_names_and_come_first():
    trials = simulated(np.random.default_rng(4), people=40)
    trials["arm"], trials["wave"] = trials.participant % 2, trials.participant % 3
    found = reliance(trials, by=["arm", "wave"])
    assert list(found.columns[:3]) == ["arm", "wave", "measure"]
    assert len(found) == 6 * len(MEASURES)


def test_a_one_stage_study_says_why_four_measures_are_not_there():
    found = reliance(hand_made().drop(columns="initial"))
    for measure in ("switch_fraction", "rair", "rsr", "weight_of_advice", "initial_accuracy"):
        assert np.isnan(value(found, measure))
        assert "one-stage" in found.set_index("measure").loc[measure, "note"]
    assert value(found, "accuracy") == pytest.approx(7 / 12)


def test_an_arm_without_advice_has_accuracy_and_no_agreement():
    trials = hand_made()
    trials["arm"] = np.where(trials.participant == "ann", "No-AI", "AI")
    trials.loc[trials.arm == "No-AI", "advice"] = None
    found = reliance(trials, by="arm").set_index(["arm", "measure"])
    assert found.loc[("No-AI", "accuracy"), "value"] == 1.0
    assert np.isnan(found.loc[("No-AI", "agreement"), "value"])
    assert found.loc[("No-AI", "agreement"), "missing"] == 4
    assert "'advice' is empty" in found.loc[("No-AI", "agreement"), "note"]


def test_missing_answers_are_left_out_and_counted_and_never_zero():
    trials = hand_made()
    trials.loc[[0, 5], "final"] = None
    found = reliance(trials)
    assert value(found, "agreement") == pytest.approx(5 / 10)
    assert value(found, "agreement", "missing") == 2
    assert value(found, "rair") == pytest.approx(1 / 2)
    assert value(found, "rair", "missing") == 1


def test_an_unsure_verdict_is_no_advice():
    trials = hand_made()
    trials.loc[0, "advice"] = "unsure"
    found = reliance(trials, no_verdict=["unsure"])
    assert value(found, "agreement", "n") == 11
    assert value(found, "agreement", "missing") == 1
    assert value(found, "accuracy", "n") == 12


def test_an_unsure_verdict_that_was_not_declared_is_refused_and_not_counted_as_wrong_advice():
    trials = hand_made()
    trials.loc[0, "advice"] = "unsure"
    with pytest.raises(
        ValueError, match=r"'advice' holds 'unsure', which is no answer: say no_verdict=\['unsure'\]"
    ):
        reliance(trials)
    trials["final"] = np.where(trials["item"] == 1, "unsure", trials["final"])
    assert value(reliance(trials), "agreement", "n") == 12  # people could answer it too: then it is an answer


@pytest.mark.parametrize("empty", [None, pd.NA, np.nan])
def test_an_empty_cell_is_the_same_however_it_is_written(empty):
    trials = hand_made()
    trials["final"] = trials["final"].astype(object)
    trials.loc[0, "final"] = empty
    assert value(reliance(trials), "agreement", "missing") == 1


def test_advice_that_is_always_right_leaves_overreliance_missing_with_the_reason():
    trials = hand_made().query("advice == truth")
    found = reliance(trials).set_index("measure")
    for measure in ("overreliance", "d_prime", "criterion"):
        assert np.isnan(found.loc[measure, "value"])
        assert "never wrong" in found.loc[measure, "note"]


def test_answers_that_are_all_alike_give_no_error_of_zero():
    trials = simulated(np.random.default_rng(0), people=20)
    trials["final"] = trials["advice"]
    found = reliance(trials, rng=np.random.default_rng(0)).set_index("measure").loc["agreement"]
    assert found["value"] == 1.0
    assert np.isnan(found["se"])
    assert found["low"] == pytest.approx(0.025 ** (1 / 20))
    assert found["high"] == 1.0
    assert "Clopper-Pearson" in found["note"]


def test_probabilities_are_decided_at_one_half_and_one_half_itself_is_missing():
    trials = pd.DataFrame(
        {"participant": [1, 1, 2, 2], "item": [1, 2, 1, 2], "truth": [True, False, True, False],
         "advice": [True, True, True, True], "initial": [0.2, 0.4, 0.6, 0.5], "final": [0.7, 0.8, 0.5, 0.1]}
    )  # fmt: skip
    found = reliance(trials)
    assert value(found, "accuracy") == pytest.approx(2 / 3)
    assert value(found, "accuracy", "missing") == 1
    weights = [(0.7 - 0.2) / 0.8, (0.8 - 0.4) / 0.6, (0.5 - 0.6) / 0.4, (0.1 - 0.5) / 0.5]
    assert value(found, "weight_of_advice") == pytest.approx(np.mean(weights))


def test_labels_as_text_numbers_booleans_or_categories_give_the_same_numbers():
    trials = simulated(np.random.default_rng(2), people=15)
    wanted = reliance(trials)
    answers = ["truth", "advice", "initial", "final"]
    for read in (
        lambda column: column.map({True: "yes", False: "no"}),
        lambda column: column.map({True: "yes", False: "no"}).astype("category"),
        lambda column: column.astype(int),
        lambda column: column.astype("boolean"),
        lambda column: column.astype(object),
        lambda column: column.astype("Int64"),
        lambda column: column.astype(float),
        lambda column: column.map({True: "yes", False: "no"}).astype("string"),
    ):
        changed = trials.assign(**{name: read(trials[name]) for name in answers})
        pd.testing.assert_frame_equal(reliance(changed), wanted)


class TestWeightOfAdvice:
    def test_by_hand(self):
        found = weight_of_advice([10, 10, 10, 10, 10], [20, 20, 20, 10, 20], [15, 10, 25, 12, np.nan])
        np.testing.assert_array_equal(found, [0.5, 0.0, 1.5, np.nan, np.nan])

    def test_for_probabilities_both_formulas_are_one(self):
        rng = np.random.default_rng(1)
        before, after, advised = rng.uniform(0.05, 0.95, 50), rng.random(50), rng.random(50) < 0.5
        own = np.where(advised, before, 1 - before)
        new = np.where(advised, after, 1 - after)
        np.testing.assert_allclose(weight_of_advice(before, advised, after), (new - own) / (1 - own))

    def test_undefined_ones_are_counted_and_do_not_pull_the_mean_to_zero(self):
        # the published trap: coding undefined weights 0 lowers the mean
        trials = pd.DataFrame(
            {"participant": [1, 1, 2, 2], "item": [1, 2, 1, 2], "truth": 1, "advice": [0.8, 0.6, 0.8, 0.6],
             "initial": [0.6, 0.6, 0.4, 0.6], "final": [0.7, 0.6, 0.6, 0.9]}
        )  # fmt: skip
        found = reliance(trials)
        assert value(found, "weight_of_advice") == pytest.approx(0.5)
        assert value(found, "weight_of_advice", "missing") == 2
        assert value(found, "weight_of_advice", "n") == 2

    def test_winsorising_happens_only_as_declared_and_is_named(self):
        weights = weight_of_advice([0.5, 0.5], [0.6, 0.6], [0.9, 0.2], winsorise=(0, 1))
        np.testing.assert_array_equal(weights, [1, 0])
        trials = simulated(np.random.default_rng(2), people=10)
        trials["initial"], trials["final"] = 0.3, np.where(trials["final"], 0.9, 0.2)
        plain, pulled = reliance(trials), reliance(trials, winsorise=(0, 1))
        assert value(plain, "weight_of_advice") != value(pulled, "weight_of_advice")
        assert "winsorised to (0, 1)" in pulled.set_index("measure").loc["weight_of_advice", "method"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([1, 2], [1], [1, 2]), "lengths of initial, advice and final differ"),
            (([1, np.inf], [1, 2], [1, 2]), "initial holds an infinite value"),
            ((["a"], [1], [1]), "initial holds something that is not a number"),
        ],
    )
    def test_bad_input_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            weight_of_advice(*arguments)

    def test_bounds_in_the_wrong_order_are_refused(self):
        with pytest.raises(ValueError, match="winsorise is"):
            weight_of_advice([1], [2], [1], winsorise=(1, 0))


def _with(column, values):
    return hand_made().assign(**{column: values})


BAD = {
    "no table": (lambda: [1, 2], TypeError, "DataFrame is needed"),
    "no rows": (lambda: hand_made().iloc[:0], ValueError, "no rows"),
    "no participant column": (
        lambda: hand_made().drop(columns="participant"),
        ValueError,
        "'participant' is missing",
    ),
    "no item column": (lambda: hand_made().drop(columns="item"), ValueError, "'item' is missing"),
    "no truth column": (lambda: hand_made().drop(columns="truth"), ValueError, "'truth' is missing"),
    "no final column": (lambda: hand_made().drop(columns="final"), ValueError, "'final' is missing"),
    "a column twice": (
        lambda: pd.concat([hand_made(), hand_made()[["final"]]], axis=1),
        ValueError,
        "'final' occurs more than once",
    ),
    "an empty participant": (
        lambda: _with("participant", [None] + ["a"] * 11),
        ValueError,
        "'participant' is empty in 1 of 12",
    ),
    "an empty item": (lambda: _with("item", [None, *range(11)]), ValueError, "'item' is empty"),
    "a trial twice": (lambda: _with("item", 1), ValueError, "has item 1 more than once"),
    "no truth at all": (lambda: _with("truth", None), ValueError, "'truth' is empty in every row"),
    "text and numbers mixed": (
        lambda: _with("final", ["x", 1] * 6),
        ValueError,
        "'final' mixes text and numbers",
    ),
    "an infinite answer": (
        lambda: _with("final", [np.inf] + [0.5] * 11),
        ValueError,
        "'final' holds an infinite value",
    ),
    "percentages": (lambda: _with("final", [37.5] * 12), ValueError, "'final' holds 37.5"),
    "a negative probability": (lambda: _with("final", [-0.1] + [0.5] * 11), ValueError, "'final' holds -0.1"),
    "probabilities of text labels": (lambda: _with("final", [0.5] * 12), ValueError, "must hold"),
    "other labels": (
        lambda: _with("final", ["yes", "no"] * 6),
        ValueError,
        "'final' shares no label with 'truth'",
    ),
    "labels in another case": (
        lambda: _with("final", ["x", "X"] * 6),
        ValueError,
        "differ only in case or spaces",
    ),
    "numbers against text": (lambda: _with("final", [1, 0] * 6), ValueError, "'final' shares no label"),
    "dates": (lambda: _with("final", pd.Timestamp("2024-01-01")), ValueError, "'final' holds a Timestamp"),
    "lists": (lambda: _with("final", pd.Series([["x"]] * 12)), ValueError, "'final' holds a list"),
    "complex numbers": (lambda: _with("final", 1j), ValueError, "'final' holds a complex"),
    "one participant": (
        lambda: hand_made().query("participant == 'ann'"),
        ValueError,
        "one participant only",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_by_a_message_that_names_column_and_reason(case):
    make, error, message = BAD[case]
    with pytest.raises(error, match=message):
        reliance(make())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": "arm"}, ValueError, "'arm' is missing"),
        ({"by": "truth"}, ValueError, "'truth' cannot be a group"),
        ({"by": ["participant", "participant"]}, ValueError, "named twice"),
        ({"measures": ["trust"]}, ValueError, "'trust' is not a reliance measure"),
        ({"level": 95}, ValueError, "level is 95"),
        ({"rng": 1}, TypeError, "rng is int"),
        ({"rng": np.random.default_rng(1), "replicates": 10}, ValueError, "replicates is 10"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        reliance(hand_made(), **options)


def test_an_empty_group_label_is_refused():
    with pytest.raises(ValueError, match="'arm' is empty in 4 of 12"):
        reliance(hand_made().assign(arm=[None] * 4 + ["a"] * 8), by="arm")


def _coverage(people: int, studies: int, seed: int, *, bootstrap: bool) -> pd.Series:
    """How often each interval holds the value of a study ten thousand times as large."""
    rng = np.random.default_rng(seed)
    truth = reliance(simulated(rng, 40_000)).set_index("measure")["value"]
    inside = {}
    for _ in range(studies):
        draw = np.random.default_rng(rng.integers(2**32)) if bootstrap else None
        found = reliance(simulated(rng, people), rng=draw, replicates=1000).set_index("measure")
        ends = ("boot_low", "boot_high") if bootstrap else ("low", "high")
        for measure in truth.dropna().index:
            low, high = found.loc[measure, list(ends)]
            inside.setdefault(measure, []).append(low <= truth[measure] <= high)
    return pd.Series({measure: np.mean(hits) for measure, hits in inside.items()})


def test_intervals_cover_as_often_as_they_say():
    covered = _coverage(60, 250, seed=11, bootstrap=False)
    assert covered.between(0.90, 0.99).all(), covered
    assert 0.93 <= covered.mean() <= 0.97, covered


@pytest.mark.soak
@pytest.mark.parametrize("bootstrap", [False, True])
def test_intervals_cover_between_93_and_97_percent_in_2000_studies(bootstrap):
    covered = _coverage(100, 2000, seed=12, bootstrap=bootstrap)
    assert covered.between(0.93, 0.97).all(), covered


@pytest.fixture(scope="module")
def headlines() -> pd.DataFrame:
    columns = ["Group", "Condition", "ResponseId", "qualtrics_question_num", "exp_response", "veracity"]
    path = shared("data", "deverna2024", "long_form.parquet")
    return pd.read_parquet(path, columns=[*columns, "ano_true_false_unsure"])


class TestPublishedData:
    """DeVerna, Yan, Yang and Menczer (PNAS 2024): people judge 40 headlines, an AI's verdict as advice."""

    def test_every_published_group_mean_is_met_exactly(self, headlines):
        published = pd.read_csv(shared("data", "deverna2024", "published", "group_mean_ci.csv"))
        for row in published.itertuples():
            chosen = headlines[
                (headlines.Group == row.Group)
                & (headlines.Condition == row.Condition)
                & (headlines.veracity == row.veracity)
            ]
            trials = self._trials(chosen.assign(said=True))
            assert value(reliance(trials, measures=["agreement"]), "agreement") == pytest.approx(
                row.mean_said_yes, abs=1e-12
            )
        assert len(published) == 16

    def _trials(self, rows):
        """Saying yes as agreement with the answer 'said'."""
        return pd.DataFrame(
            {
                "participant": rows.ResponseId,
                "item": rows.qualtrics_question_num,
                "truth": rows.veracity.astype(bool),
                "advice": rows.said,
                "final": rows.exp_response.astype(bool),
            }
        )

    def test_reliance_on_definite_verdicts_equals_plain_counting(self, headlines):
        chosen = headlines[(headlines.Group == "Belief") & headlines.Condition.isin(["Control", "Forced"])]
        verdict = chosen.ano_true_false_unsure.map({"true": True, "false": False, "unsure": None})
        trials = self._trials(chosen.assign(said=verdict.astype(object))).assign(condition=chosen.Condition)
        found = reliance(trials, by="condition", rng=np.random.default_rng(1)).set_index(
            ["condition", "measure"]
        )
        definite = chosen[verdict.notna()]
        assert len(definite) == 12_200
        advised, final = verdict[verdict.notna()].astype(bool), definite.exp_response.astype(bool)
        for condition in ("Control", "Forced"):
            arm = (definite.Condition == condition).to_numpy()
            wrong = arm & (advised != definite.veracity.astype(bool)).to_numpy()
            assert found.loc[(condition, "agreement"), "value"] == pytest.approx(
                (advised == final)[arm].mean(), abs=1e-12
            )
            assert found.loc[(condition, "overreliance"), "value"] == pytest.approx(
                (advised == final)[wrong].mean(), abs=1e-12
            )
        shown = found.xs("overreliance", level="measure")
        assert shown.loc["Forced", "low"] > shown.loc["Control", "high"]

    def test_the_known_tests_come_out_to_the_printed_digits(self, headlines):
        numeric = headlines.assign(said=headlines.exp_response.astype(float))
        means = numeric.groupby(["Group", "Condition", "ResponseId", "veracity"])["said"].mean().unstack()
        discernment = (means[True] - means[False]).rename("d").reset_index()
        for group, known, df in (("Belief", 25.649711, 1045), ("Share", 12.221038, 1106)):
            part = discernment[discernment.Group == group]
            samples = [rows["d"].to_numpy() for _, rows in part.groupby("Condition")]
            assert f_oneway(*samples).statistic == pytest.approx(known, abs=5e-7)
            assert sum(map(len, samples)) - len(samples) == df
        misjudged = numeric[
            (numeric.Group == "Belief")
            & (numeric.veracity.astype(bool))
            & (numeric.ano_true_false_unsure == "false")
        ]
        person = misjudged.groupby(["Condition", "ResponseId"])["said"].mean()
        assert mannwhitneyu(person["Control"], person["Forced"]).statistic == 35936.5
