"""Are stated probabilities true? Scores of probability against what happened, with intervals.

Every score is a function of two totals for each distinct probability that was stated: how often it was
stated and how often the event happened. A bootstrap over participants therefore needs those totals only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.bootstrap import CELLS, Interval, bca_interval, check_rng, counts
from analysis.calibration_scores import SCORES, Binning, Stated, count_stated, scores
from analysis.estimate import Estimate, Floats, check_level, ratio_estimate
from analysis.frames import complete, group_columns, grouped, require

UNDEFINED = {
    "skill": "undefined: the outcome is the same in every trial",
    "auc": "undefined: the outcome is the same in every trial",
}


MANY = 2000  # participants; beyond, the acceleration of an interval is below 0.01 and not worth its price


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores of stated probabilities; see `calibration`. `bins` holds the reliability diagram."""

    n: int
    missing: int
    brier: float
    skill: float
    log_score: float
    ece: float
    mce: float
    ks: float
    auc: float
    overconfidence: float
    bins: pd.DataFrame = field(repr=False)
    intervals: dict[str, Interval] = field(repr=False, default_factory=dict)


def calibration(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    bins: int = 10,
    binning: Binning = "width",
    participants: ArrayLike | None = None,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    replicates: int = 2000,
) -> Calibration:
    """Scores of probabilities 0..1 against outcomes (True/False or 1/0).

    brier: mean squared difference, 0 best. skill: 1 - brier / brier of always stating the base rate.
    log_score: mean of -ln(probability given to what happened), infinite if an event was called impossible.
    ece, mce: mean (weighted by trials) and largest distance in a bin between mean probability and share.
    ks: largest cumulative difference along sorted probabilities, free of bins (Gupta et al., ICLR 2021).
    auc: chance that a trial where it happened has the higher probability, ties one half.
    overconfidence: mean probability - share. skill and auc are nan where the outcome never varies.
    bins: number of bins, closed on the right, the first also on the left; binning: of equal "width" or with
    equally many trials ("quantile"; tied edges are merged). Empty pairs are left out and counted (missing).
    participants: who gave each answer; with `rng` every score gets a bootstrap interval over participants,
    and bin shares get cluster-robust ones (without participants, trials count as independent).
    Binned scores are biased upwards in small samples: compare groups of like size.
    Raises ValueError for unequal lengths, values outside 0..1, ratings, outcomes that are not binary.
    """
    check_level(level)
    stated, happened, people, missing = _read(probabilities, outcomes, participants)
    counted = count_stated(stated, happened, people, bins, binning)
    totals = (
        np.asarray(counted.stated.sum(axis=0))[None, :],
        np.asarray(counted.happened.sum(axis=0))[None, :],
    )
    value = {name: float(found[0]) for name, found in scores(counted, *totals).items()}
    if rng is not None and participants is None:
        raise ValueError("participants is missing: a bootstrap draws whole participants, not trials")
    intervals = {} if rng is None else _bootstrap(counted, value, level, rng, replicates)
    diagram = _diagram(counted, level)
    return Calibration(len(stated), missing, **value, bins=diagram, intervals=intervals)


def calibration_table(
    trials: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    probability: str = "probability",
    outcome: str = "outcome",
    participant: str = "participant",
    bins: int = 10,
    binning: Binning = "width",
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    replicates: int = 2000,
) -> pd.DataFrame:
    """The scores of `calibration` for every group, as a tidy table shaped like that of `reliance`.

    brier and overconfidence, being means, also have the cluster-robust interval; the others the bootstrap's.
    """
    names = group_columns(by, (probability, outcome))
    require(trials, [participant, probability, outcome, *names], "trials")
    complete(trials, participant)
    rows = []
    for labels, group in grouped(trials, names):
        people = pd.factorize(group[participant])[0]
        found = calibration(
            group[probability], group[outcome], bins=bins, binning=binning, participants=people,
            level=level, rng=rng, replicates=replicates,
        )  # fmt: skip
        used = (group[probability].notna() & group[outcome].notna()).to_numpy()
        clusters = int(group.loc[used, participant].nunique())
        robust = _means(group.loc[used, probability], group.loc[used, outcome], people[used], level)
        rows += [labels | _row(name, found, clusters, robust.get(name)) for name in SCORES]
    return pd.DataFrame(rows)


def _row(name: str, found: Calibration, clusters: int, robust: Estimate | None) -> dict[str, object]:
    boot = found.intervals.get(name, Interval(np.nan, np.nan, np.nan, 0))
    value = getattr(found, name)
    note = UNDEFINED.get(name, "") if np.isnan(value) else ""
    if np.isinf(value):
        note = "infinite: an event that happened was called impossible, or the reverse"
    return {
        "measure": name,
        "value": value,
        "se": robust.se if robust else np.nan,
        "low": robust.low if robust else np.nan,
        "high": robust.high if robust else np.nan,
        "boot_se": boot.se,
        "boot_low": boot.low,
        "boot_high": boot.high,
        "n": found.n,
        "clusters": clusters,
        "missing": found.missing,
        "method": "cluster-robust (CR1), t" if robust else "bootstrap over participants",
        "note": note,
    }


def _means(
    stated: pd.Series, happened: pd.Series, people: NDArray[np.intp], level: float
) -> dict[str, Estimate]:
    difference = stated.to_numpy(dtype=np.float64) - happened.to_numpy(dtype=np.float64)
    codes, distinct = pd.factorize(people)
    trials = np.bincount(codes, minlength=len(distinct)).astype(np.float64)
    sums: dict[str, Floats] = {
        "brier": np.bincount(codes, difference**2).astype(np.float64),
        "overconfidence": np.bincount(codes, difference).astype(np.float64),
    }
    return {
        name: ratio_estimate(total, trials, level=level, proportion=False) for name, total in sums.items()
    }


def _read(
    probabilities: ArrayLike, outcomes: ArrayLike, participants: ArrayLike | None
) -> tuple[Floats, Floats, NDArray[np.intp], int]:
    """Checked probabilities, outcomes and participant codes, without the pairs that are incomplete."""
    stated, happened = _column("probabilities", probabilities), _column("outcomes", outcomes)
    if len(stated) != len(happened):
        raise ValueError(f"probabilities and outcomes differ in length: {len(stated)} and {len(happened)}")
    if participants is not None and len(pd.Series(np.asarray(participants))) != len(stated):
        raise ValueError(f"participants has length {len(np.asarray(participants))}: {len(stated)} are needed")
    present = ~(np.isnan(stated) | np.isnan(happened))
    if not present.any():
        raise ValueError("probabilities and outcomes have no complete pair")
    outside = stated[present & ((stated < 0) | (stated > 1))]
    if len(outside):
        raise ValueError(
            f"probabilities holds {outside[0]:g}: values must be from 0 to 1. Divide percentages by 100; "
            "a rating is not a probability unless the study declared how it maps to one"
        )
    if not np.isin(happened[present], (0, 1)).all():
        odd = happened[present][~np.isin(happened[present], (0, 1))][0]
        raise ValueError(f"outcomes holds {odd:g}: only True/False or 1/0 are outcomes")
    who = np.arange(len(stated)) if participants is None else pd.factorize(np.asarray(participants))[0]
    if (who < 0).any():
        raise ValueError(f"participants is empty in {int((who < 0).sum())} rows")
    codes = pd.factorize(who[present])[0]
    return stated[present], happened[present], codes, int((~present).sum())


def _column(name: str, values: ArrayLike) -> Floats:
    cells = np.asarray(values, dtype=object)
    if cells.ndim != 1:
        raise ValueError(f"{name} has {cells.ndim} dimensions: one column of numbers is needed")
    column = pd.Series(cells)
    if column.map(lambda value: isinstance(value, str)).any():
        raise ValueError(f"{name} holds text: numbers are needed")
    try:
        found: Floats = column.where(column.notna(), np.nan).to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} holds something that is not a number") from None
    if np.isinf(found).any():
        raise ValueError(f"{name} holds an infinite value")
    return found


def _bootstrap(
    counted: Stated, value: dict[str, float], level: float, rng: np.random.Generator, replicates: int
) -> dict[str, Interval]:
    check_rng(rng)
    clusters = counted.stated.shape[0]
    if clusters < 2:
        raise ValueError("participants has one participant only: intervals need at least two")
    drawn = [
        scores(counted, draw @ counted.stated, draw @ counted.happened)
        for block in counts(clusters, replicates, rng)
        for draw in _pieces(block, len(counted.values))
    ]
    everyone = np.asarray(counted.stated.sum(axis=0)), np.asarray(counted.happened.sum(axis=0))
    left_out = [
        scores(
            counted,
            everyone[0] - counted.stated[rows].toarray(),
            everyone[1] - counted.happened[rows].toarray(),
        )
        for rows in _pieces(np.arange(clusters if clusters <= MANY else 0), len(counted.values))
    ]
    return {
        name: bca_interval(
            value[name],
            np.concatenate([part[name] for part in drawn]),
            np.concatenate([part[name] for part in left_out] or [np.zeros(0)]),
            clusters=clusters,
            level=level,
        )
        for name in SCORES
    }


def _pieces(rows: NDArray[Any], width: int) -> Iterator[NDArray[Any]]:
    size = max(1, CELLS // max(1, width))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _diagram(counted: Stated, level: float) -> pd.DataFrame:
    """One row per bin that holds trials: its edges, trials, mean probability, share and interval."""
    rows = []
    for number, (low, high) in enumerate(zip(counted.edges[:-1], counted.edges[1:], strict=True)):
        inside = counted.bin_of == number
        trials = np.asarray(counted.stated[:, inside].sum(axis=1))
        happened = np.asarray(counted.happened[:, inside].sum(axis=1))
        if trials.sum() == 0:
            continue
        share = ratio_estimate(happened, trials, level=level)
        mean = float((counted.stated[:, inside] @ counted.values[inside]).sum() / trials.sum())
        rows.append(
            {"low": low, "high": high, "n": share.n, "clusters": share.clusters, "probability": mean,
             "share": share.value, "share_low": share.low, "share_high": share.high}
        )  # fmt: skip
    return pd.DataFrame(rows)
