"""Bad input: each refused by a sentence that names the column and the reason; no numpy warning escapes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import contrasts, fit_mixed, marginal_means
from analysis.comparisons import equivalence, likelihood_ratio, standardised
from analysis.mixed import ModelError


def _trials(people: int = 12, items: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        [(f"P{p:02d}", f"Q{i}", "ab"[p % 2], i % 2) for p in range(people) for i in range(items)],
        columns=["participant", "item", "arm", "right"],
    )
    latent = rng.normal(0, 1, people)[table["participant"].str[1:].astype(int)] + rng.normal(0, 1, len(table))
    table["time"] = 3 + latent
    table["agree"] = (latent > 0).astype(int)
    table["rating"] = np.digitize(latent, [-0.8, 0, 0.8]) + 1
    table["links"] = rng.poisson(np.exp(0.3 * latent))
    return table


TRIALS = _trials()
G, ORD, MEANS = "gaussian", "ordinal", marginal_means
MIXED = "~ arm + (1 | participant)"


def _with(**columns):
    return TRIALS.assign(**columns)


MANY_WORDS = pd.concat([_with(words=[f"{r}-{i}" for i in range(72)]) for r in range(3)])
ONE = "time ~ 1 + (1 | participant)"

FORMULAS = {
    "empty": ("", "the formula is empty"),
    "no tilde": ("time arm", "exactly one '~'"),
    "two tildes": ("time ~ arm ~ item", "exactly one '~'"),
    "no outcome": ("~ arm", "no outcome"),
    "no predictors": ("time ~ ", "no predictors"),
    "unreadable sign": ("time ~ arm @ item", "cannot read '@ item'"),
    "open bracket": ("time ~ (1 | participant", r"a '\)' is missing"),
    "no group": ("time ~ (1 | )", r"grouping column after '\|'"),
    "dangling plus": ("time ~ arm +", "ends where a predictor"),
    "dangling star": ("time ~ arm * ", "ends where a predictor"),
    "function right": ("time ~ log(right)", r"log\(…\) on the right-hand side"),
    "number": ("time ~ 3", "unexpected '3'"),
    "nested predictors": ("time ~ arm / item", "'/' between predictors"),
    "power": ("time ~ (arm + right)^x", "'\\^' needs a whole number"),
    "random subtracted": ("time ~ arm - (1 | participant)", "cannot be subtracted"),
    "random inside": ("time ~ arm * (1 | participant)", "must stand by itself"),
    "empty random": ("time ~ arm + (0 | participant)", "has no columns"),
    "random twice": (
        "time ~ arm + (1 | participant) + (1 + right | participant)",
        r"'\(Intercept\) \| participant' stands twice",
    ),
    "both sides": ("time ~ time + (1 | participant)", "'time' stands on both sides"),
    "absent predictor": ("time ~ armm + (1 | participant)", "column 'armm' is not in the data"),
    "absent group": ("time ~ arm + (1 | person)", "column 'person' is not in the data"),
    "absent outcome": ("tme ~ arm", "column 'tme' is not in the data"),
    "outcome function": ("sin(time) ~ arm", "calls a function that is not read"),
    "outcome nonsense": ("time + ~ arm", "not a column or an expression"),
    "constant expression": ("3 ~ arm", "names no column"),
    "rank of nothing": ("time ~ 0 + (1 | participant)", "no fixed effects at all"),
}


@pytest.mark.parametrize("kind", FORMULAS)
def test_a_formula_that_cannot_be_read_is_refused(kind):
    formula, words = FORMULAS[kind]
    with pytest.raises(ModelError, match=words):
        fit_mixed(formula, TRIALS)


DATA = {
    "no rows": ("time" + MIXED, TRIALS.iloc[:0], G, "no rows"),
    "not a frame": ("time" + MIXED, [1, 2], G, "must be a pandas DataFrame, not list"),
    "column twice": ("time" + MIXED, pd.concat([TRIALS, TRIALS[["arm"]]], axis=1), G, "'arm' appears more than once"),
    "all missing": ("time" + MIXED, _with(time=np.nan), G, "'time' holds only missing values"),
    "never complete": ("time" + MIXED, _with(time=[np.nan, 1.0] * 36, arm=["a", None] * 36), G, "no row is complete"),
    "one arm": ("time" + MIXED, _with(arm="a"), G, "'arm' has one level only"),
    "one participant": ("time" + MIXED, _with(participant="P"), G, "'participant' has one level only"),
    "constant outcome": ("time" + MIXED, _with(time=2.0), G, "'time' is the same"),
    "constant answer": ("agree" + MIXED, _with(agree=1), "binomial", "'agree' is 1 in every row"),
    "constant rating": ("rating" + MIXED, _with(rating=4), ORD, "'rating' is 4 in every row"),
    "text outcome": ("time" + MIXED, _with(time="fast"), G, "'time' holds str.* values"),
    "text rating": ("rating" + MIXED, _with(rating=["low", "mid", "high"] * 24), ORD, "'rating' holds text"),
    "unordered rating": ("rating" + MIXED, _with(rating=pd.Categorical(["a", "b", "c"] * 24)), ORD, "without an order"),
    "two-valued rating": ("agree" + MIXED, TRIALS, ORD, "'agree' has two categories only"),
    "yes-no rating": ("rating" + MIXED, _with(rating=[True, False] * 36), ORD, "'rating' is yes/no"),
    "broken rating": ("rating" + MIXED, _with(rating=[1.5, 2, 3] * 24), ORD, "'rating' holds fractions"),
    "three answers": ("agree" + MIXED, _with(agree=["yes", "no", "maybe"] * 24), "binomial", "'agree' has 3 values"),
    "answer of 2": ("agree" + MIXED, _with(agree=[0, 2] * 36), "binomial", "'agree' holds 2"),
    "negative count": ("links" + MIXED, _with(links=-1 + TRIALS["links"]), "poisson", "'links' holds negative"),
    "broken count": ("links" + MIXED, _with(links=0.5 + TRIALS["links"]), "poisson", "'links' holds fractions"),
    "infinite outcome": ("time" + MIXED, _with(time=[np.inf] + [1.0, 2.0] * 35 + [1.0]), G, "'time' holds infinite"),
    "infinite predictor": ("time ~ right", _with(right=[np.inf] + [1.0] * 71), G, "'right' holds infinite"),
    "log of zero": ("log(time) ~ arm", _with(time=[0.0] + [1.0, 2.0] * 35 + [1.0]), G, "undefined in 1 rows"),
    "dates": ("time ~ day", _with(day=pd.Timestamp("2024-06-03")), G, "'day' holds dates"),
    "complex": ("time ~ z", _with(z=1j), G, "'z' holds complex"),
    "mixed types": ("time ~ mixed", _with(mixed=[1, "a"] * 36), G, "'mixed' mixes int and str"),
    "lists": ("time ~ lists", _with(lists=[(1,), (2,)] * 36), G, "'lists' holds tuple"),
    "mixed group": ("time ~ (1 | g)", _with(g=[1, "a"] * 36), G, "grouping column 'g' mixes types"),
    "broken group": ("time ~ (1 | g)", _with(g=TRIALS["time"]), G, "grouping column 'g' holds fractions"),
    "number as text": ("time ~ words", MANY_WORDS, G, "'words' has 216 different texts"),
    "random per row": ("time ~ arm + (1 | row)", _with(row=np.arange(72)), G, "'row' are as many as the rows"),
    "too few rows": ("time ~ arm * item", TRIALS.iloc[[0, 7, 14, 21, 28, 35]], G, "too few for"),
    "exact": ("time ~ arm", _with(time=(TRIALS["arm"] == "a") * 1.0), G, "reproduced exactly"),
    "no tries": ("cbind(agree, links) ~ arm", _with(agree=0, links=0), "binomial", "without a single try"),
    "broken tries": ("cbind(time, links) ~ arm", TRIALS, "binomial", "whole successes and failures"),
    "cbind elsewhere": ("cbind(agree, links) ~ arm", TRIALS, "poisson", "belongs to family='binomial'"),
    "three parts": ("cbind(agree, links, right) ~ arm", TRIALS, "binomial", "cbind takes two columns"),
    "no intercept": ("rating ~ 0 + arm", TRIALS, ORD, "thresholds in place of an intercept"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DATA)
def test_data_that_cannot_be_used_are_refused(kind):
    formula, data, family, words = DATA[kind]
    with pytest.raises(ModelError, match=words):
        fit_mixed(formula, data, family)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "gamma"}, "family 'gamma' is not known"),
        ({"family": "binomial", "link": "cloglog"}, "link 'cloglog' is not offered"),
        ({"df": "between-within"}, "df 'between-within' is not known"),
        ({"df": "kenward-roger", "reml": False}, "fitted by REML"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, words):
    outcome = "agree" if options.get("family") == "binomial" else "time"
    with pytest.raises(ModelError, match=words):
        fit_mixed(outcome + MIXED, TRIALS, **options)


@pytest.fixture(scope="module")
def fitted():
    return fit_mixed("time" + MIXED, TRIALS)


QUESTIONS = {
    "unknown factor": (lambda r: MEANS(r, "item"), "'item' is not a fixed predictor"),
    "unknown level": (lambda r: MEANS(r, "arm", at={"arm": "c"}), "'arm' has no level 'c'"),
    "no factor": (lambda r: MEANS(r, []), "at least one predictor"),
    "unknown scale": (lambda r: MEANS(r, "arm", scale="odds"), "scale 'odds'"),
    "unknown method": (lambda r: contrasts(MEANS(r, "arm"), "poly"), "method 'poly'"),
    "unknown control": (lambda r: contrasts(MEANS(r, "arm"), "control", control="c"), "no level 'c' to compare"),
    "unknown adjustment": (lambda r: contrasts(MEANS(r, "arm"), adjust="mvt"), "adjust 'mvt'"),
    "wrong weights": (lambda r: contrasts(MEANS(r, "arm"), {"x": [1, -1, 0]}), "'x' has 3 weights for 2 means"),
    "broken weights": (lambda r: contrasts(MEANS(r, "arm"), {"x": [1, np.nan]}), "no finite numbers"),
    "no contrast": (lambda r: contrasts(MEANS(r, "arm"), {}), "no contrast is named"),
    "one mean": (lambda r: contrasts(MEANS(r, "arm", at={"arm": "a"})), "at least two means"),
    "bounds": (lambda r: equivalence(contrasts(MEANS(r, "arm")), 1, -1), "must lie below"),
    "no table": (lambda r: equivalence(pd.DataFrame({"se": [1.0]}), -1, 1), "column 'estimate'"),
    "alpha": (lambda r: equivalence(contrasts(MEANS(r, "arm")), -1, 1, alpha=5), "alpha is 5"),
    "same model": (lambda r: likelihood_ratio(r, r), "no more parameters"),
    "other outcome": (lambda r: likelihood_ratio(fit_mixed("right ~ 1", TRIALS), r), "different outcomes"),
    "other rows": (lambda r: likelihood_ratio(fit_mixed(ONE, TRIALS.iloc[6:]), r), "different rows"),
    "other family": (lambda r: likelihood_ratio(fit_mixed("links ~ 1", TRIALS, "poisson"), r), "different families"),
    "short outcome": (lambda r: r.refit(np.zeros(3)), r"shape \(3,\)"),
    "missing outcome": (lambda r: r.refit(np.full(72, np.nan)), "72 missing or infinite"),
    "constant outcome": (lambda r: r.refit(np.ones(72)), "same in every row"),
    "prediction column": (lambda r: r.predict(TRIALS.drop(columns="arm")), "column 'arm' is not in the new data"),
    "prediction group": (lambda r: r.predict(TRIALS[["arm"]]), "'participant' is not in the new data"),
    "prediction level": (lambda r: r.predict(_with(arm="z")), "'arm' holds 'z', which the model has not seen"),
    "prediction scale": (lambda r: r.predict(scale="odds"), "scale 'odds'"),
    "not ordinal": (lambda r: r.category_probabilities(), "belong to ordinal models"),
    "poisson d": (lambda r: standardised(contrasts(marginal_means(fit_mixed("links ~ arm", TRIALS, "poisson"), "arm")),
                                          fit_mixed("links ~ arm", TRIALS, "poisson")), "no standardised difference"),
}  # fmt: skip


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_question_that_a_fit_cannot_answer_is_refused(kind, fitted):
    ask, words = QUESTIONS[kind]
    with pytest.raises(ModelError, match=words):
        ask(fitted)


def test_refits_of_other_families_check_their_outcome():
    binary = fit_mixed("agree" + MIXED, TRIALS, "binomial")
    with pytest.raises(ModelError, match="count successes"):
        binary.refit(np.arange(72.0))
    ordinal = fit_mixed("rating" + MIXED, TRIALS, "ordinal")
    with pytest.raises(ModelError, match="every category 0 to 3"):
        ordinal.refit(np.arange(72.0) % 3)
    counts = fit_mixed("links" + MIXED, TRIALS, "poisson")
    with pytest.raises(ModelError, match="whole counts"):
        counts.refit(np.arange(72.0) - 3)


def test_rows_with_missing_values_are_left_out_counted_and_said():
    table = _with(time=TRIALS["time"].where(TRIALS.index > 4), arm=TRIALS["arm"].where(TRIALS.index != 10))
    result = fit_mixed("time" + MIXED, table)
    assert result.n == 66
    assert result.warnings == ("6 of 72 rows were left out for missing values ('time' in 5, 'arm' in 1).",)


def test_a_column_that_repeats_others_is_left_out_and_said():
    result = fit_mixed("time ~ arm + copy + (1 | participant)", _with(copy=TRIALS["arm"]))
    assert list(result.fixed["term"]) == ["(Intercept)", "armb"]
    assert "'copyb' cannot be told apart" in result.warnings[0]


def test_an_outcome_foretold_by_an_arm_is_called_separated_by_name():
    table = _with(agree=np.where(TRIALS["arm"] == "b", 1, TRIALS["agree"]))
    for formula in ("agree" + MIXED, "agree ~ arm"):
        result = fit_mixed(formula, table, "binomial")
        assert result.separated
        assert "'armb' foretells the outcome perfectly" in " ".join(result.warnings)
    rating = _with(rating=np.where(TRIALS["arm"] == "b", 4, np.minimum(TRIALS["rating"], 3)))
    assert fit_mixed("rating ~ arm", rating, "ordinal").separated
    counts = _with(links=np.where(TRIALS["arm"] == "b", 0, TRIALS["links"]))
    assert fit_mixed("links ~ arm", counts, "poisson").separated


def test_a_variance_of_zero_is_called_singular_by_name():
    table = _with(time=np.random.default_rng(1).normal(size=72))
    result = fit_mixed(
        "time ~ arm + (1 | item)",
        table.assign(time=table["time"] - table.groupby("item")["time"].transform("mean")),
    )
    assert result.singular
    assert "'(Intercept)' over 'item' is estimated as zero" in result.warnings[0]
    assert result.random["sd"].iloc[0] == 0
    assert result.converged
