"""Teams against their members, and where performance is lost."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark import reliance_benchmark
from analysis.complementarity import complementarity
from tests.analysis.trials import hand_made, simulated, value


def two_arms(rng: np.random.Generator, people: int = 40, **options) -> pd.DataFrame:
    team = simulated(rng, people, **options).assign(arm="AI")
    alone = simulated(rng, people).assign(arm="No-AI", advice=None)
    alone["final"] = alone["initial"]
    alone["participant"] += people
    return pd.concat([team, alone], ignore_index=True).drop(columns="initial")


def test_accuracies_and_differences_by_hand():
    trials = pd.DataFrame(
        {
            "participant": ["a", "a", "b", "b", "c", "c", "d", "d"],
            "item": [1, 2] * 4,
            "truth": [True] * 8,
            "advice": [True, False, True, False] + [None] * 4,
            "final": [True, True, True, False, True, False, False, False],
            "arm": ["AI"] * 4 + ["No-AI"] * 4,
        }
    )
    found = complementarity(trials, alone="No-AI", rng=np.random.default_rng(1))
    wanted = {
        "team": 0.75,
        "human_alone": 0.25,
        "ai_alone": 0.5,
        "team_minus_human": 0.5,
        "team_minus_ai": 0.25,
    }
    assert {name: value(found, name) for name in wanted} == pytest.approx(wanted)
    assert value(found, "team_minus_best") == pytest.approx(0.25)
    assert value(found, "team", "clusters") == 2


def test_the_interval_of_a_difference_equals_that_of_two_independent_means():
    trials = two_arms(np.random.default_rng(2), 150)
    found = complementarity(trials, alone="No-AI", rng=np.random.default_rng(1), replicates=4000)
    person = (trials.final == trials.truth).groupby([trials.arm, trials.participant]).mean()
    se = np.sqrt(sum(person[arm].var(ddof=1) / len(person[arm]) for arm in ("AI", "No-AI")))
    assert value(found, "team_minus_human", "boot_se") == pytest.approx(se, rel=0.05)
    assert value(found, "team_minus_human") == pytest.approx(person["AI"].mean() - person["No-AI"].mean())


def test_the_difference_from_people_alone_is_covered_as_often_as_it_says():
    rng, inside = np.random.default_rng(5), []
    truth = (0.9 + 0.4) / 2 - 0.6
    for _ in range(120):
        found = complementarity(two_arms(rng, right=0.9, wrong=0.6), alone="No-AI", rng=rng, replicates=300)
        inside.append(
            value(found, "team_minus_human", "boot_low")
            <= truth
            <= value(found, "team_minus_human", "boot_high")
        )
    assert 0.90 <= np.mean(inside) <= 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="arm"), "'arm' is missing"),
        (lambda t: t.assign(arm="AI"), "has no arm 'No-AI'"),
        (lambda t: t.assign(arm="No-AI", participant=range(len(t))), "only the arm 'No-AI'"),
        (lambda t: t.assign(advice=None), "'advice' or 'final' is empty in the arm 'AI'"),
        (lambda t: t[(t.arm == "AI") | (t["item"] < 4)], "is not in both"),
        (lambda t: t[(t.arm == "AI") | (t.participant == t.participant.max())], "one participant in an arm"),
        (
            lambda t: t.assign(final=t.final.where(t.arm == "AI")),
            "'final' is empty in the arm without advice",
        ),
        (lambda t: t.assign(arm=t.arm.where(t.participant > 2)), "'arm' is empty"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(change, message):
    trials = change(two_arms(np.random.default_rng(1), 10))
    with pytest.raises(ValueError, match=message):
        complementarity(trials, alone="No-AI", rng=np.random.default_rng(1))


def test_a_generator_is_needed():
    with pytest.raises(TypeError, match="rng is NoneType"):
        complementarity(two_arms(np.random.default_rng(1), 10), alone="No-AI", rng=None)


class TestBenchmark:
    def signalled(self) -> pd.DataFrame:
        """Twenty contradictions; where the signal is high the advice is right in 8 of 10, else in 3 of 10.

        Advice is taken in 10 of 20: 5 times in each half, right in 4 of 5 high and 1 of 5 low.
        """
        rows = []
        for signal, right, taken_right, taken_wrong in (("high", 8, 4, 1), ("low", 3, 1, 4)):
            for number in range(10):
                advice_right = number < right
                taken = number < taken_right if advice_right else number - right < taken_wrong
                rows.append((f"{signal}{number}", True, advice_right, not advice_right, signal, taken))
        table = pd.DataFrame(rows, columns=["item", "truth", "advice", "initial", "signal", "taken"])
        table["final"] = np.where(table.taken, table.advice, table.initial)
        return table.assign(participant=np.arange(20) % 4)

    def test_the_decomposition_by_hand(self):
        found = reliance_benchmark(self.signalled(), signals=["signal"])
        wanted = {
            # finals right: high: 4 taken right + 1 kept right of 2; low: 1 taken right + 3 kept right of 7
            "observed": (4 + 1 + 1 + 3) / 20,
            "baseline": 11 / 20,
            "benchmark": (8 + 7) / 20,
            "same_reliance_benchmark": (8 + 7) / 20,
            "reliance": 0.5,
            "rational_reliance": 0.5,
            "reliance_loss": 0.0,
            "discrimination_loss": (15 - 9) / 20,
            "other_loss": 0.0,
        }
        assert {name: value(found, name) for name in wanted} == pytest.approx(wanted)

    def test_taking_every_advice_is_lost_by_reliance_alone(self):
        trials = self.signalled()
        trials["final"] = trials["advice"]
        found = reliance_benchmark(trials, signals=["signal"])
        assert value(found, "reliance_loss") == pytest.approx((15 - 11) / 20)
        assert value(found, "discrimination_loss") == 0

    def test_the_same_level_spent_at_random_is_lost_by_discrimination(self):
        trials = self.signalled()
        found = reliance_benchmark(trials, signals=["signal"], rng=np.random.default_rng(1))
        total = value(found, "benchmark") - value(found, "observed")
        losses = [value(found, name) for name in ("reliance_loss", "discrimination_loss", "other_loss")]
        assert sum(losses) == pytest.approx(total)
        assert min(losses) >= 0

    def test_the_parts_add_up_on_any_study(self):
        for seed in range(20):
            trials = simulated(np.random.default_rng(seed), 15)
            trials["signal"] = trials["item"] % 3
            found = reliance_benchmark(trials, signals=["signal"])
            losses = sum(
                value(found, name) for name in ("reliance_loss", "discrimination_loss", "other_loss")
            )
            assert losses == pytest.approx(value(found, "benchmark") - value(found, "observed"))
            assert value(found, "benchmark") >= value(found, "same_reliance_benchmark")
            assert value(found, "benchmark") >= value(found, "baseline")

    def test_the_benchmark_equals_the_best_of_all_ways_to_decide_by_the_signal(self):
        trials = simulated(np.random.default_rng(3), 30)
        trials["signal"] = trials["item"] % 3
        best = 0.0
        for rule in range(8):
            take = (rule >> trials["signal"].to_numpy()) & 1
            best = max(best, (np.where(take, trials.advice, trials.initial) == trials.truth).mean())
        assert value(reliance_benchmark(trials, signals=["signal"]), "benchmark") == pytest.approx(best)

    def test_three_classes_and_answers_that_are_neither_go_to_other_loss(self):
        trials = hand_made()
        third_answer = (trials.participant == "ann") & (trials["item"] == 3)  # right, though both were wrong
        left_agreed = (trials.participant == "ben") & (trials["item"] == 4)  # left right advice held before
        assert value(reliance_benchmark(trials[~left_agreed]), "other_loss") == pytest.approx(-1 / 11)
        assert value(reliance_benchmark(trials[~third_answer]), "other_loss") == pytest.approx(1 / 11)

    def test_groups_and_intervals(self):
        trials = simulated(np.random.default_rng(3), 30).assign(arm=lambda t: t.participant % 2)
        found = reliance_benchmark(trials, by="arm", rng=np.random.default_rng(1), replicates=300)
        assert len(found) == 18
        assert (found["boot_low"] <= found["boot_high"]).sum() >= 12

    def test_a_study_without_contradictions_has_no_level_of_reliance(self):
        trials = simulated(np.random.default_rng(3), 10)
        trials["initial"] = trials["advice"]
        found = reliance_benchmark(trials).set_index("measure")
        assert np.isnan(found.loc["reliance", "value"])
        assert "never contradicts" in found.loc["reliance", "note"]

    @pytest.mark.parametrize(
        ("change", "options", "message"),
        [
            (lambda t: t.drop(columns="initial"), {}, "'initial' is missing"),
            (lambda t: t, {"signals": ["mood"]}, "'mood' is missing"),
            (lambda t: t.assign(mood=None), {"signals": ["mood"]}, "'mood' is empty"),
            (lambda t: t, {"by": "final"}, "'final' cannot be a group"),
        ],
    )
    def test_bad_input_is_refused(self, change, options, message):
        with pytest.raises(ValueError, match=message):
            reliance_benchmark(change(hand_made()), **options)
