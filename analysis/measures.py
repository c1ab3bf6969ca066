"""Measures of reliance on advice, per group, with intervals that allow for repeated answers.

y truth, a advice, h0 the answer before advice (two-stage studies), h1 the final answer.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.answers import ANSWERS, Answers, read_answers
from analysis.bootstrap import Interval, bca_interval, check_rng, leave_one_out, resample_sums, sums_by
from analysis.detection import criterion, d_prime, detection_estimate
from analysis.estimate import Floats, Scale, check_level, ratio_estimate
from analysis.frames import complete, group_columns
from analysis.shares import SHARES, Computed, Mask, absent, ratio, share_of, without

COLUMNS = ("participant", "item", *ANSWERS)


MEASURES = (*SHARES, "weight_of_advice", "d_prime", "criterion")


def reliance(
    trials: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    measures: Collection[str] = MEASURES,
    level: float = 0.95,
    scale: Scale = "logit",
    rng: np.random.Generator | None = None,
    replicates: int = 2000,
    winsorise: tuple[float, float] | None = None,
    no_verdict: Collection[object] = (),
) -> pd.DataFrame:
    """Every reliance measure of every group, as a tidy table.

    trials: one row per trial; participant, item, truth, final, and where the study has them advice and
    initial; answers as labels or as probabilities 0..1 (see `analysis.answers`). by: grouping columns.
    Result: one row per group and measure; the group's columns, then measure, value, se, low, high (shares
    0..1; weight of advice without unit; d_prime and criterion in standard normal units), boot_se, boot_low,
    boot_high (only with `rng`), n (trials it rests on), clusters (participants), missing (trials where it is
    undefined or an answer is absent), method, note (why something is not available). Undefined is nan with
    its count, never 0.
    Intervals: cluster-robust (CR1) by participant with t on clusters - 1 degrees of freedom; for shares on
    the logit scale (default) or the linear one (value plus or minus t times se). Beside it, with `rng`, the
    bias-corrected, accelerated bootstrap over participants.
    winsorise: bounds (low, high) for single weights of advice, only as declared before.
    Sources: Schemmer et al. (IUI 2023) for rair and rsr; Lu and Yin (CHI 2021) for switch_fraction;
    Hautus (1995) for the correction of d_prime and criterion.
    Raises ValueError naming the column and the reason; TypeError for an rng that is no Generator.
    """
    check_level(level)
    _known(measures)
    names = group_columns(by, COLUMNS[1:])
    answers = read_answers(trials, names, no_verdict)
    if answers.clusters < 2:
        raise ValueError("column 'participant' has one participant only: intervals need at least two")
    compute = partial(_computed, level=level, scale=scale, winsorise=winsorise)
    rows = []
    for labels, chosen in _groups(trials, names):
        group = answers.rows(chosen)
        found = {name: compute(name, group) for name in measures}
        intervals = bootstrap_of(found, level=level, rng=rng, replicates=replicates)
        rows += [labels | as_row(name, result, intervals.get(name)) for name, result in found.items()]
    return pd.DataFrame(rows)


def weight_of_advice(
    initial: ArrayLike, advice: ArrayLike, final: ArrayLike, *, winsorise: tuple[float, float] | None = None
) -> Floats:
    """(final - initial) / (advice - initial) of each trial; nan where advice equals the initial answer.

    Numbers of any unit, the same for all three. With probabilities and advice that is a plain answer
    (1 or 0) this is (p1(a) - p0(a)) / (1 - p0(a)), p(a) being the probability given to the advised answer.
    0 keeps one's answer, 1 takes the advice; outside 0..1 is possible. Undefined values are nan, to be
    counted and never set to 0. winsorise: bounds to which values are pulled, only as declared before.
    Raises ValueError for unequal lengths, infinite values or bounds in the wrong order.
    """
    before, advised, after = (
        _numbers(name, values)
        for name, values in (("initial", initial), ("advice", advice), ("final", final))
    )
    if not before.shape == advised.shape == after.shape:
        raise ValueError(
            f"lengths of initial, advice and final differ: {before.size}, {advised.size}, {after.size}"
        )
    distance = advised - before
    weight = np.full(before.shape, np.nan)
    np.divide(after - before, distance, out=weight, where=(distance != 0) & ~np.isnan(distance))
    if winsorise is None:
        return weight
    low, high = winsorise
    if not low < high:
        raise ValueError(f"winsorise is ({low}, {high}): the first bound must be below the second")
    clipped: Floats = np.clip(weight, low, high)
    return clipped


def bootstrap_of(
    found: dict[str, Computed], *, level: float, rng: np.random.Generator | None, replicates: int
) -> dict[str, Interval]:
    """Bootstrap intervals of measures computed from the same participants, all from the same draws."""
    usable = {name: result for name, result in found.items() if result.estimate.clusters > 1}
    if rng is None or not usable:
        return {}
    check_rng(rng)
    stacked = np.concatenate([result.sums for result in usable.values()], axis=1)
    totals = resample_sums(stacked, replicates, rng)
    left_out = leave_one_out(stacked)
    intervals, start = {}, 0
    for name, result in usable.items():
        own = slice(start, start + result.sums.shape[1])
        start = own.stop
        intervals[name] = bca_interval(
            result.estimate.value,
            result.value(totals[:, own]),
            result.value(left_out[:, own]),
            clusters=result.estimate.clusters,
            level=level,
        )
    return intervals


def as_row(name: str, result: Computed, interval: Interval | None) -> dict[str, Any]:
    """A row of the tidy table."""
    row = {"measure": name} | result.estimate.as_row()
    note = row.pop("note")
    boot = interval or Interval(np.nan, np.nan, np.nan, 0)
    if boot.undefined:
        note = f"{note}; " * bool(note) + f"{boot.undefined} bootstrap replicates without a value left out"
    row = {key: row[key] for key in ("measure", "value", "se", "low", "high")}
    row |= {"boot_se": boot.se, "boot_low": boot.low, "boot_high": boot.high}
    estimate = result.estimate
    return row | {
        "n": estimate.n,
        "clusters": estimate.clusters,
        "missing": estimate.missing,
        "method": result.method,
        "note": note,
    }


def _known(measures: Collection[str]) -> None:
    for name in measures:
        if name not in MEASURES:
            raise ValueError(f"measures: {name!r} is not a reliance measure; known are {', '.join(MEASURES)}")


def _groups(trials: pd.DataFrame, names: list[str]) -> list[tuple[dict[str, Any], Mask]]:
    if not names:
        return [({}, np.ones(len(trials), dtype=bool))]
    for name in names:
        complete(trials, name)
    numbers = trials.groupby(names, sort=True, observed=True).ngroup().to_numpy()
    firsts = [int(np.argmax(numbers == number)) for number in range(numbers.max() + 1)]
    return [
        ({name: trials[name].iloc[first] for name in names}, numbers == number)
        for number, first in enumerate(firsts)
    ]


def _computed(
    name: str, group: Answers, *, level: float, scale: Scale, winsorise: tuple[float, float] | None
) -> Computed:
    if name in SHARES:
        return share_of(SHARES[name], group, level=level, scale=scale)
    if name == "weight_of_advice":
        return _mean_weight(group, level, winsorise)
    return _detection(name, group, level)


def _mean_weight(group: Answers, level: float, winsorise: tuple[float, float] | None) -> Computed:
    method = "cluster-robust (CR1), t"
    if reason := absent(group, ("initial", "advice", "final")):
        return Computed.unavailable(reason, missing=len(group))
    if not group.uncertain:
        reason = "not available: the answers are labels; their weight of advice is the switch fraction"
        return Computed.unavailable(reason, missing=len(group))
    weights = weight_of_advice(
        group.numbers["initial"], group.numbers["advice"], group.numbers["final"], winsorise=winsorise
    )
    used = ~np.isnan(weights)
    missing = int((~used).sum())
    if not used.any():
        reason = "undefined in every trial: advice equals the initial answer, or an answer is absent"
        return Computed.unavailable(reason, missing=missing)
    columns = np.stack([np.where(used, weights, 0.0), used.astype(np.float64)], axis=1)
    sums = sums_by(group.participant, columns, group.clusters)
    estimate = ratio_estimate(sums[:, 0], sums[:, 1], level=level, missing=missing, proportion=False)
    return Computed(
        estimate, method + ("" if winsorise is None else f"; winsorised to {winsorise}"), sums, ratio
    )


def _detection(name: str, group: Answers, level: float) -> Computed:
    method = "pooled, log-linear correction; cluster-robust delta method, t"
    needs = ("advice", "truth", "final")
    if reason := absent(group, needs):
        return Computed.unavailable(reason, missing=len(group))
    used = ~without(group, needs)
    missing = int((~used).sum())
    right = group.labels["advice"] == group.labels["truth"]
    agree = group.labels["advice"] == group.labels["final"]
    columns = np.stack([used & right & agree, used & right, used & ~right & agree, used & ~right], axis=1)
    sums = sums_by(group.participant, columns.astype(np.float64), group.clusters)
    value = d_prime if name == "d_prime" else criterion
    estimate = detection_estimate(sums, name, level=level, missing=missing)
    if not estimate.available:
        return Computed.unavailable(estimate.note, missing=missing)
    return Computed(estimate, method, sums, value)


def _numbers(name: str, values: ArrayLike) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} holds something that is not a number: weight of advice needs numbers"
        ) from None
    if np.isinf(found).any():
        raise ValueError(f"{name} holds an infinite value")
    return found
