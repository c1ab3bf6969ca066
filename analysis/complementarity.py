"""Is the team better than the best of its members? Accuracy with advice against people alone and AI alone."""

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from analysis.answers import NOTHING, Answers, read_answers
from analysis.bootstrap import bca_interval, check_rng, leave_one_out, resample_sums, sums_by
from analysis.estimate import Floats, check_level
from analysis.frames import complete, require

QUANTITIES = ("team", "human_alone", "ai_alone", "team_minus_human", "team_minus_ai", "team_minus_best")


def complementarity(
    trials: pd.DataFrame,
    *,
    arm: str = "arm",
    alone: Hashable,
    level: float = 0.95,
    rng: np.random.Generator,
    replicates: int = 2000,
    no_verdict: Sequence[object] = (),
) -> pd.DataFrame:
    """Accuracy of each arm with advice against that of the arm without (`alone`) and of the advice itself.

    trials: as for `reliance`, with the column `arm`; both sides must have worked on the same items.
    The AI's accuracy is over the trials in which it was shown, its share of right advice.
    Result: a row per arm and quantity (team, human_alone, ai_alone; the differences team_minus_human,
    team_minus_ai, team_minus_best; shares 0..1), value, boot_se, boot_low, boot_high, n, clusters, missing,
    note. team_minus_best above 0 is complementarity. Intervals: bias-corrected bootstrap over participants,
    the two arms drawn separately. "Best" is whichever member scored higher here, so that its difference is
    a little too pessimistic where the two are close; the two plain differences are not.
    Raises ValueError naming the column where an arm, its items or its advice are not there.
    """
    check_level(level)
    check_rng(rng)
    require(trials, ["participant", "item", "truth", "advice", "final", arm], "trials")
    complete(trials, arm)
    arms = list(trials[arm].drop_duplicates().sort_values())
    if alone not in arms:
        raise ValueError(f"column '{arm}' has no arm {alone!r}; it has: {', '.join(map(repr, arms))}")
    teams = [name for name in arms if name != alone]
    if not teams:
        raise ValueError(f"column '{arm}' has only the arm {alone!r}: there is no team to compare")
    answers = read_answers(trials, [arm], no_verdict)
    labels = trials[arm].to_numpy()
    items = {name: set(trials.loc[labels == name, "item"]) for name in arms}
    human, absent = _human(answers.rows(labels == alone))
    rows: list[dict[str, object]] = []
    for name in teams:
        if items[name] != items[alone]:
            odd = sorted(map(str, items[name] ^ items[alone]))[0]
            raise ValueError(
                f"column 'item': {odd!r} is not in both {name!r} and {alone!r}; accuracies would not compare"
            )
        team, left = _team(answers.rows(labels == name), name)
        rows += [
            {arm: name} | row | {"missing": left + absent}
            for row in _compare(team, human, level, rng, replicates)
        ]
    return pd.DataFrame(rows)


def _human(answers: Answers) -> tuple[Floats, int]:
    used = (answers.labels["final"] != NOTHING) & (answers.labels["truth"] != NOTHING)
    right = used & (answers.labels["final"] == answers.labels["truth"])
    if not used.any():
        raise ValueError("column 'final' is empty in the arm without advice")
    return _sums(answers, [right, used]), int((~used).sum())


def _team(answers: Answers, name: object) -> tuple[Floats, int]:
    labels = answers.labels
    used = (labels["final"] != NOTHING) & (labels["truth"] != NOTHING) & (labels["advice"] != NOTHING)
    if not used.any():
        raise ValueError(f"column 'advice' or 'final' is empty in the arm {name!r}: it is no team")
    right = used & (labels["final"] == labels["truth"])
    advice_right = used & (labels["advice"] == labels["truth"])
    return _sums(answers, [right, advice_right, used]), int((~used).sum())


def _sums(answers: Answers, columns: list[np.ndarray]) -> Floats:
    return sums_by(answers.participant, np.stack(columns, axis=1).astype(np.float64), answers.clusters)


def _quantities(team: Floats, human: Floats) -> dict[str, Floats]:
    """From rows of totals: team (right, advice right, trials), human (right, trials)."""
    together, ai, alone = team[:, 0] / team[:, 2], team[:, 1] / team[:, 2], human[:, 0] / human[:, 1]
    differences = together - alone, together - ai, together - np.maximum(alone, ai)
    return dict(zip(QUANTITIES, (together, alone, ai, *differences), strict=True))


def _compare(
    team: Floats, human: Floats, level: float, rng: np.random.Generator, replicates: int
) -> list[dict[str, object]]:
    people, others = len(team), len(human)
    if min(people, others) < 2:
        raise ValueError("column 'participant' has one participant in an arm: intervals need at least two")
    all_team, all_human = team.sum(axis=0)[None, :], human.sum(axis=0)[None, :]
    value = _quantities(all_team, all_human)
    drawn = _quantities(resample_sums(team, replicates, rng), resample_sums(human, replicates, rng))
    without = _quantities(
        np.concatenate([leave_one_out(team), np.repeat(all_team, others, axis=0)]),
        np.concatenate([np.repeat(all_human, people, axis=0), leave_one_out(human)]),
    )
    n = {
        "team": (all_team[0, 2], people),
        "human_alone": (all_human[0, 1], others),
        "ai_alone": (all_team[0, 2], people),
    }
    rows = []
    for name in QUANTITIES:
        boot = bca_interval(
            float(value[name][0]), drawn[name], without[name], clusters=min(people, others), level=level
        )
        trials, clusters = n.get(name, (all_team[0, 2] + all_human[0, 1], people + others))
        note = "" if np.isfinite(boot.se) else "the same in every draw: no interval"
        rows.append(
            {"measure": name, "value": float(value[name][0]), "boot_se": boot.se, "boot_low": boot.low,
             "boot_high": boot.high, "n": round(float(trials)), "clusters": clusters, "note": note}
        )  # fmt: skip
    return rows
