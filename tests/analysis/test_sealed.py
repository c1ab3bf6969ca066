"""The sealed half: split once, opened once, logged; Thresholdout where it can help and nowhere else."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from analysis.sealed import SealedError, Thresholdout, history, split, thresholdout, unlock


@pytest.fixture
def study():
    people = [f"p{number}" for number in range(41)]
    arms = dict(zip(people, np.resize(["a", "b", "c"], 41), strict=True))
    rows = [(person, item, arms[person]) for person in people for item in range(3)]
    return pd.DataFrame(rows, columns=["participant", "item", "arm"])


def test_the_halves_are_whole_people_and_make_up_the_study(study, tmp_path):
    halves = split(study, ledger=tmp_path / "ledger", seed="s")
    sealed = unlock(study, ledger=tmp_path / "ledger", by="ann", question="does hedging help?")
    assert set(halves.open_half.participant).isdisjoint(sealed.participant)
    assert len(halves.open_half) + len(sealed) == len(study)
    assert (halves.sealed_people, halves.open_half.participant.nunique()) == (20, 21)
    assert (halves.open_half.groupby("participant").size() == 3).all()


def test_the_split_follows_from_the_seed_and_not_from_the_order_of_rows(study, tmp_path):
    first = split(study, ledger=tmp_path / "one", seed="s")
    mixed = split(study.sample(frac=1, random_state=3), ledger=tmp_path / "two", seed="s")
    other = split(study, ledger=tmp_path / "three", seed="t")
    assert first.seal == mixed.seal != other.seal


def test_strata_are_halved_each(study, tmp_path):
    halves = split(study, ledger=tmp_path / "ledger", seed="s", strata="arm")
    people = halves.open_half.drop_duplicates("participant")["arm"].value_counts()
    assert people.to_dict() == {"a": 7, "b": 7, "c": 7}


def test_splitting_again_gives_the_same_halves_and_another_seed_is_refused(study, tmp_path):
    first, again = (split(study, ledger=tmp_path / "ledger", seed="s") for _ in range(2))
    pd.testing.assert_frame_equal(first.open_half, again.open_half)
    assert len(history(tmp_path / "ledger")) == 1
    with pytest.raises(SealedError, match="another seed"):
        split(study, ledger=tmp_path / "ledger", seed="t")
    with pytest.raises(SealedError, match="another strata"):
        split(study, ledger=tmp_path / "ledger", seed="s", strata="arm")


def test_the_sealed_half_opens_once_and_the_ledger_says_who_when_and_why(study, tmp_path):
    split(study, ledger=tmp_path / "ledger", seed="s")
    unlock(study, ledger=tmp_path / "ledger", by="ann", question="does hedging help?")
    with pytest.raises(SealedError, match=r"opened on .* by ann to ask: does hedging help\?"):
        unlock(study, ledger=tmp_path / "ledger", by="ben", question="and now?")
    log = history(tmp_path / "ledger")
    assert list(log["event"]) == ["split", "unlock"]
    assert log["by"].iloc[1] == "ann"
    assert log["at"].str.endswith("+00:00").all()


def test_of_many_who_open_at_once_one_succeeds(study, tmp_path):
    split(study, ledger=tmp_path / "ledger", seed="s")

    def attempt(number):
        try:
            return len(unlock(study, ledger=tmp_path / "ledger", by=f"p{number}", question="?"))
        except SealedError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(16)))[-2:] == [0, 60]


def test_a_changed_or_shortened_ledger_is_noticed(study, tmp_path):
    path = tmp_path / "ledger"
    split(study, ledger=path, seed="s")
    unlock(study, ledger=path, by="ann", question="?")
    lines = path.read_text().splitlines(keepends=True)
    changed = json.dumps(json.loads(lines[0]) | {"seed": "t"}, sort_keys=True) + "\n"
    for content in (changed + lines[1], lines[1], "nonsense\n" + lines[1]):
        path.write_text(content)
        with pytest.raises(SealedError, match="of the ledger was changed"):
            history(path)


def test_other_people_than_those_that_were_split_are_refused(study, tmp_path):
    split(study, ledger=tmp_path / "ledger", seed="s")
    with pytest.raises(SealedError, match="does not hold the people"):
        unlock(study[study.participant != "p3"], ledger=tmp_path / "ledger", by="ann", question="?")
    with pytest.raises(SealedError, match="another seal"):
        split(study[study.participant != "p3"], ledger=tmp_path / "ledger", seed="s")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, {"seed": ""}, "seed is empty"),
        (lambda t: t[t.participant < "p1"], {"seed": "s"}, "too few people"),
        (lambda t: t.drop(columns="participant"), {"seed": "s"}, "'participant' is missing"),
        (lambda t: t.assign(participant=None), {"seed": "s"}, "'participant' is empty"),
        (lambda t: t, {"seed": "s", "strata": "item"}, "'item' has several values for participant p0"),
    ],
)
def test_what_cannot_be_split_is_refused(study, tmp_path, change, options, message):
    with pytest.raises(ValueError, match=message):
        split(change(study), ledger=tmp_path / "ledger", **options)


@pytest.mark.parametrize(("by", "question"), [("", "?"), ("ann", " ")])
def test_opening_without_a_name_or_a_question_is_refused(study, tmp_path, by, question):
    with pytest.raises(SealedError, match="by and question"):
        unlock(study, ledger=tmp_path / "ledger", by=by, question=question)


def test_opening_what_was_never_split_is_refused(study, tmp_path):
    with pytest.raises(SealedError, match="records no split"):
        unlock(study, ledger=tmp_path / "ledger", by="ann", question="?")


class TestThresholdout:
    def guard(self, **options):
        arguments = {"smallest_effect": 0.1, "rng": np.random.default_rng(1)} | options
        return Thresholdout(10_000, 10_000, **arguments)

    def test_halves_that_agree_give_the_open_mean_and_cost_nothing(self):
        guard, same = self.guard(), np.resize([0.0, 1.0], 10_000)
        assert guard.ask(same, same) == 0.5
        assert guard.left == guard.budget == 10

    def test_overfitting_gives_the_sealed_mean_with_noise_and_costs_one(self):
        guard = self.guard(budget=2)
        answers = [guard.ask(np.ones(10_000), np.full(10_000, 0.5)) for _ in range(2)]
        assert answers == pytest.approx([0.5, 0.5], abs=0.05)
        assert answers[0] != answers[1] != 0.5
        with pytest.raises(SealedError, match="budget of 2 answers from the sealed half is used up"):
            guard.ask(np.ones(10_000), np.ones(10_000))

    def test_a_study_of_four_hundred_is_refused_with_an_explanation(self):
        with pytest.raises(
            SealedError, match=r"differ by 0\.050 by chance alone.*About \d+ rows a half are needed"
        ):
            Thresholdout(200, 200, smallest_effect=0.1, rng=np.random.default_rng(1))

    def test_a_threshold_so_wide_that_it_hides_the_effect_is_refused(self):
        with pytest.raises(SealedError, match=r"more than the 0\.1 that matters"):
            Thresholdout(200, 200, threshold=0.2, smallest_effect=0.1, rng=np.random.default_rng(1))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"threshold": 0.0}, "threshold is 0.0"),
            ({"noise": 1.5}, "noise is 1.5"),
            ({"budget": 0}, "budget is 0"),
            ({"smallest_effect": 10}, "smallest_effect is 10"),
        ],
    )
    def test_settings_that_make_no_sense_are_refused(self, options, message):
        with pytest.raises(SealedError, match=message):
            self.guard(**options)

    @pytest.mark.parametrize(
        ("values", "message"), [(np.ones(3), "has shape"), (np.full(10_000, 2.0), "outside 0 to 1")]
    )
    def test_answers_of_the_wrong_form_are_refused(self, values, message):
        with pytest.raises(SealedError, match=message):
            self.guard().ask(values, np.ones(10_000))


def _published_simulation(n: int, variables: int, chosen: int, seed: int) -> dict[str, float]:
    """No variable predicts the label; a classifier takes those that look good on both halves.

    Returns the accuracy that each way of using the holdout reports, and on fresh data.
    """
    rng = np.random.default_rng(seed)
    labels = {half: rng.choice([-1.0, 1.0], n) for half in ("train", "holdout", "fresh")}
    block = 500

    def columns(half: str, start: int) -> np.ndarray:
        seeds = [seed, start, *half.encode()]
        return np.random.default_rng(seeds).standard_normal(
            (n, min(block, variables - start)), dtype=np.float32
        )

    starts = range(0, variables, block)
    weight = {
        half: np.concatenate([labels[half].astype(np.float32) @ columns(half, start) / n for start in starts])
        for half in ("train", "holdout")
    }
    guarded, _ = thresholdout(weight["train"], weight["holdout"], threshold=0.04, noise=0.01, rng=rng)

    def classifier(holdout: np.ndarray) -> np.ndarray:
        least = np.minimum(np.abs(weight["train"]), np.abs(holdout))
        good = (np.sign(weight["train"]) == np.sign(holdout)) & (least >= 1 / np.sqrt(n))
        best = np.argsort(-np.abs(weight["train"]) * good)[:chosen]
        signs = np.zeros(variables, dtype=np.float32)
        signs[best] = np.sign(weight["train"][best]) * good[best]
        return signs

    signs = np.stack([classifier(weight["holdout"]), classifier(guarded)], axis=1)
    accuracy = {}
    for half, label in labels.items():
        votes = sum(columns(half, start) @ signs[start : start + block] for start in starts)
        accuracy[half] = (np.sign(votes) == label[:, None]).mean(axis=0)
    shown, _ = thresholdout(
        accuracy["train"][1:], accuracy["holdout"][1:], threshold=0.04, noise=0.01, rng=rng
    )
    naive, careful = accuracy["fresh"]
    return {
        "naive": accuracy["holdout"][0],
        "naive_fresh": naive,
        "guarded": shown[0],
        "guarded_fresh": careful,
    }


def test_a_reused_holdout_deceives_and_thresholdout_does_not():
    """The published simulation with fewer variables; the whole of it is in the soak set."""
    found = _published_simulation(10_000, 1_500, 150, seed=4)
    assert found["naive"] > 0.53 > 0.52 > found["naive_fresh"]
    assert found["guarded"] == pytest.approx(found["guarded_fresh"], abs=0.04)


@pytest.mark.soak
def test_the_published_simulation_of_the_reusable_holdout_is_reproduced():
    """10,000 people and 10,000 variables, 500 chosen: above 63 % reported by naive reuse, truth 50 %."""
    runs = pd.DataFrame([_published_simulation(10_000, 10_000, 500, seed=seed) for seed in range(1, 5)])
    found = runs.mean()
    assert found["naive"] > 0.63
    assert found["guarded"] == pytest.approx(
        0.5, abs=0.03
    )  # its few answers from the sealed half show a little
    assert found[["naive_fresh", "guarded_fresh"]].to_list() == pytest.approx([0.5, 0.5], abs=0.01)
