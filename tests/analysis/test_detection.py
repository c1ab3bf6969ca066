"""Signal detection of reliance: the worked example, hand and second routes, and the probit model."""

import doctest
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from analysis import fit_mixed, reliance
from analysis.detection import criterion, d_prime, detection_from_rates, implied_rates
from analysis.detection_model import detection_model
from tests.analysis.trials import hand_made, simulated, value


@pytest.mark.parametrize(
    ("agreement", "accuracy", "right", "wrong", "sensitivity", "bias"),
    [(0.809, 0.639, 0.948, 0.670, 1.19, -1.03), (0.748, 0.728, 0.976, 0.520, 1.93, -1.01)],
    ids=["Control", "Uncertain1st"],
)
def test_the_worked_example_of_the_reference_study_is_reproduced(
    agreement, accuracy, right, wrong, sensitivity, bias
):
    """Published: agreement and accuracy. Implied, half the advice being right: the rest of the row."""
    rates = implied_rates(agreement, accuracy)
    assert rates == pytest.approx((right, wrong), abs=1e-12)
    found = detection_from_rates(*rates)
    assert (round(found.d_prime, 2), round(found.criterion, 2)) == (sensitivity, bias)


def test_less_agreement_can_be_better_discrimination():
    control, hedged = (
        detection_from_rates(*implied_rates(*published)) for published in ((0.809, 0.639), (0.748, 0.728))
    )
    assert hedged.d_prime > control.d_prime
    assert hedged.criterion == pytest.approx(control.criterion, abs=0.03)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_implied_rates_invert_agreement_and_accuracy_for_any_share_of_right_advice(share):
    right, wrong = 0.9, 0.4
    agreement = share * right + (1 - share) * wrong
    accuracy = share * right + (1 - share) * (1 - wrong)
    assert implied_rates(agreement, accuracy, share_right=share) == pytest.approx((right, wrong))


def test_the_pooled_values_are_those_of_the_corrected_rates_by_hand():
    # right advice followed 4 of 6, wrong 3 of 6; one half and one are added
    hit, false_alarm = norm.ppf(4.5 / 7), norm.ppf(3.5 / 7)
    found = reliance(hand_made())
    assert value(found, "d_prime") == pytest.approx(hit - false_alarm)
    assert value(found, "criterion") == pytest.approx(-(hit + false_alarm) / 2)


def test_the_values_equal_a_probit_regression_where_the_correction_vanishes():
    trials = simulated(np.random.default_rng(6), people=3000)
    right = (trials.advice == trials.truth).to_numpy(dtype=float)
    agree = (trials.advice == trials.final).to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(right)), right - 0.5])
    model = sm.GLM(agree, design, sm.families.Binomial(sm.families.links.Probit()))
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": trials.participant.to_numpy()})
    found = reliance(trials)
    assert value(found, "d_prime") == pytest.approx(fit.params[1], abs=2e-3)
    assert value(found, "d_prime", "se") == pytest.approx(fit.bse[1], rel=5e-3)
    assert value(found, "criterion") == pytest.approx(-fit.params[0], abs=1e-3)
    assert value(found, "criterion", "se") == pytest.approx(fit.bse[0], rel=5e-3)


def test_rates_of_one_and_zero_stay_finite():
    totals = np.array([[10.0, 10, 0, 10], [0, 10, 10, 10]])
    assert np.isfinite(d_prime(totals)).all()
    assert d_prime(totals)[0] == -d_prime(totals)[1]
    assert criterion(totals) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("rates", [(1.0, 0.5), (0.5, 0.0), (1.2, 0.5), (float("nan"), 0.5)])
def test_rates_without_a_normal_score_are_refused(rates):
    with pytest.raises(ValueError, match=r"agreement with (right|wrong) advice is"):
        detection_from_rates(*rates)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.9, 0.1, 0.5), "contradict each other"),
        ((0.9, 0.8, 0.0), "share_right is"),
        ((0.9, 0.8, 1.0), "share_right is"),
    ],
)
def test_numbers_no_study_can_have_produced_are_refused(arguments, message):
    agreement, accuracy, share = arguments
    with pytest.raises(ValueError, match=message):
        implied_rates(agreement, accuracy, share_right=share)


class TestProbitModel:
    RIGHT, WRONG, SPREAD = 0.9, 0.6, 0.7
    TRUE = (norm.ppf(RIGHT) - norm.ppf(WRONG)) * np.sqrt(1 + SPREAD**2)

    def study(self, seed: int, people: int = 150):
        trials = simulated(
            np.random.default_rng(seed), people, right=self.RIGHT, wrong=self.WRONG, spread=self.SPREAD
        )
        return trials.assign(arm=np.where(trials.participant % 2, "hedged", "plain"))

    def test_the_value_for_a_typical_person_is_recovered_and_larger_than_the_pooled_one(self):
        trials = self.study(1, 1500).assign(arm="all")
        found = detection_model(trials)
        assert value(found.table, "d_prime") == pytest.approx(
            self.TRUE, abs=3 * value(found.table, "d_prime", "se")
        )
        assert value(found.table, "d_prime") > value(reliance(trials), "d_prime")

    def test_it_equals_the_same_model_written_with_treatment_contrasts(self):
        trials = self.study(2)
        trials["agree"] = (trials.final == trials.advice).astype(float)
        trials["right"] = (trials.advice == trials.truth).astype(float)
        other = fit_mixed(
            "agree ~ arm * right + (1 | participant) + (1 | item)", trials, family="binomial", link="probit"
        )
        terms = other.fixed.set_index("term")
        found = detection_model(trials, by="arm")
        hedged = found.table[found.table["arm"] == "hedged"]
        change = found.differences.set_index("measure").loc["d_prime"]
        assert value(hedged, "d_prime") == pytest.approx(terms.loc["right", "estimate"], abs=1e-4)
        assert value(hedged, "d_prime", "se") == pytest.approx(terms.loc["right", "se"], rel=1e-3)
        assert change["value"] == pytest.approx(terms.loc["armplain:right", "estimate"], abs=1e-4)
        assert change["se"] == pytest.approx(terms.loc["armplain:right", "se"], rel=1e-3)
        assert change["p"] == pytest.approx(terms.loc["armplain:right", "p"], rel=1e-2)

    def test_without_differences_between_people_it_equals_the_pooled_rates(self):
        trials = simulated(np.random.default_rng(3), 400, spread=0.0)
        agree, right = trials.final == trials.advice, trials.advice == trials.truth
        pooled = norm.ppf(agree[right].mean()) - norm.ppf(agree[~right].mean())
        assert value(detection_model(trials).table, "d_prime") == pytest.approx(pooled, abs=0.03)

    def test_values_of_a_group_have_degrees_of_freedom_from_the_items(self):
        found = detection_model(self.study(4), by="arm")
        assert (found.table["df"] == 6).all()
        assert np.isinf(found.differences["df"]).all()

    @pytest.mark.soak
    def test_both_kinds_of_interval_cover_between_93_and_97_percent(self):
        own, between = [], []
        for seed in range(1000):
            found = detection_model(self.study(seed, 100), by="arm")
            difference = found.differences.set_index("measure").loc["d_prime"]
            between.append(difference["low"] <= 0 <= difference["high"])
            row = found.table.iloc[0]
            own.append(row["low"] <= self.TRUE <= row["high"])
        # items do not differ in these studies, so that t with the items' few degrees of freedom is careful
        assert 0.93 <= np.mean(between) <= 0.97
        assert np.mean(own) >= 0.93

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.drop(columns="advice"), "'advice' is missing"),
            (lambda t: t.assign(advice=t.truth), "never wrong in group 'hedged'"),
            (lambda t: t.assign(advice=~t.truth), "never right in group 'hedged'"),
            (lambda t: t[t["item"].isin([0, 4])], "'item' has 2 items"),
            (lambda t: t.assign(advice=None), "'advice' or 'final' is empty in every row"),
            (lambda t: t.drop(columns="arm"), "'arm' is missing"),
        ],
    )
    def test_what_cannot_be_fitted_is_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            detection_model(change(self.study(1, 10)), by="arm")


def test_the_worked_example_in_the_documentation_gives_what_it_says():
    page = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "reliance-measures.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert (found.attempted, found.failed) == (5, 0)
