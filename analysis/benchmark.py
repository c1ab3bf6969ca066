"""Where does performance get lost: in how much people rely, or in not knowing when?

The decomposition of Guo, Wu, Hartline and Hullman, "A Decision Theoretic Framework for Measuring AI
Reliance" (FAccT 2024), for right/wrong decisions: a rational decision-maker with the same information sets
the ceiling; one bound to the people's own level of reliance, but spending it where it helps most, splits
the distance to that ceiling in two.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.answers import NOTHING, Answers, read_answers
from analysis.bootstrap import bca_interval, check_rng, leave_one_out, resample_sums, sums_by
from analysis.estimate import Floats, check_level
from analysis.frames import complete, group_columns, grouped, require

QUANTITIES = (
    "observed", "baseline", "benchmark", "same_reliance_benchmark",
    "reliance", "rational_reliance", "reliance_loss", "discrimination_loss", "other_loss",
)  # fmt: skip


def reliance_benchmark(
    trials: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    signals: Sequence[str] = (),
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    replicates: int = 2000,
    no_verdict: Sequence[object] = (),
) -> pd.DataFrame:
    """Observed accuracy against rational decision-makers, and the loss split in two, per group.

    trials: as for `reliance`, with `initial`; columns named in `signals` are what people could have used to
    tell right advice from wrong (a displayed confidence, the phrasing, the topic), each with few values.
    A decision is needed where advice contradicts the initial answer. Quantities, as shares of all trials
    unless said otherwise: observed (accuracy of the final answer); baseline (the better of always keeping
    the initial answer and always taking the advice); benchmark (per signal the better of the two);
    reliance (share of contradictions that took the advice), rational_reliance (that of the benchmark);
    same_reliance_benchmark (advice taken as often as observed, first where the signal favours it most);
    reliance_loss = benchmark - same_reliance_benchmark; discrimination_loss = same_reliance_benchmark -
    what the observed choices between the two answers reached; other_loss: final answers that are neither
    (or that left agreed advice), the rest of the distance to observed.
    The benchmark is fitted to the trials it is judged on: with many signal values it is too high, and with
    none it equals the baseline. Interval (with `rng`): bootstrap over participants.
    Raises ValueError naming the column and the reason.
    """
    check_level(level)
    names = group_columns(by, ("participant", "item", "truth", "advice", "initial", "final"))
    require(
        trials, ["participant", "item", "truth", "advice", "initial", "final", *signals, *names], "trials"
    )
    for signal in signals:
        complete(trials, signal)
    read_answers(trials, names, no_verdict)
    rows: list[dict[str, object]] = []
    for labels, group in grouped(trials, names):
        answers = read_answers(group, names, no_verdict)
        cells = (
            group.groupby(list(signals), observed=True).ngroup().to_numpy()
            if signals
            else np.zeros(len(group), int)
        )
        rows += [labels | row for row in _decompose(answers, cells, level, rng, replicates)]
    return pd.DataFrame(rows)


def _decompose(
    answers: Answers, cells: np.ndarray, level: float, rng: np.random.Generator | None, replicates: int
) -> list[dict[str, object]]:
    used = np.ones(len(answers), dtype=bool)
    for name in ("truth", "advice", "initial", "final"):
        used &= answers.labels[name] != NOTHING
    missing = int((~used).sum())
    if not used.any():
        reason = "no trial has truth, advice, initial and final answer"
        return [_row(name, np.nan, None, 0, 0, missing, reason) for name in QUANTITIES]
    kept = answers.rows(used)
    sums = _cell_sums(kept, pd.factorize(cells[used])[0])
    value = {name: float(found[0]) for name, found in _quantities(sums.sum(axis=0)[None, :]).items()}
    intervals = {}
    if rng is not None and kept.clusters > 1:
        drawn = _quantities(resample_sums(sums, replicates, check_rng(rng)))
        without = _quantities(leave_one_out(sums))
        intervals = {
            name: bca_interval(value[name], drawn[name], without[name], clusters=kept.clusters, level=level)
            for name in QUANTITIES
        }
    notes = {name: "advice never contradicts the initial answer" for name in value if np.isnan(value[name])}
    return [
        _row(name, value[name], intervals.get(name), len(kept), kept.clusters, missing, notes.get(name, ""))
        for name in QUANTITIES
    ]


def _row(
    name: str, value: float, boot: object, n: int, clusters: int, missing: int, note: str
) -> dict[str, object]:
    found = {f"boot_{part}": getattr(boot, part, np.nan) for part in ("se", "low", "high")}
    return (
        {"measure": name, "value": value}
        | found
        | {"n": n, "clusters": clusters, "missing": missing, "note": note}
    )


COLUMNS = 5  # per cell: contradictions, initial right, advice right, advice taken, payoff of the choice


def _cell_sums(kept: Answers, cells: np.ndarray) -> Floats:
    """Per participant: trials, right final answers, right where agreed; then COLUMNS for every cell."""
    truth, advice, initial, final = (kept.labels[name] for name in ("truth", "advice", "initial", "final"))
    apart = initial != advice
    taken = apart & (final == advice)
    chosen = np.where(taken, advice, initial)
    columns = [np.ones(len(kept)), final == truth, ~apart & (advice == truth)]
    for cell in range(int(cells.max()) + 1):
        inside = apart & (cells == cell)
        columns += [inside, inside & (initial == truth), inside & (advice == truth), inside & taken]
        columns += [inside & (chosen == truth)]
    return sums_by(kept.participant, np.stack(columns, axis=1).astype(np.float64), kept.clusters)


def _quantities(totals: Floats) -> dict[str, Floats]:
    n, final_right, agreed_right = totals[:, 0], totals[:, 1], totals[:, 2]
    cell = totals[:, 3:].reshape(len(totals), -1, COLUMNS)
    apart, kept, advised, taken, reached = (cell[:, :, column] for column in range(COLUMNS))
    everything = apart.sum(axis=1)
    share = np.full(len(totals), np.nan)
    np.divide(taken.sum(axis=1), everything, out=share, where=everything > 0)
    rational = np.full(len(totals), np.nan)
    np.divide((apart * (advised > kept)).sum(axis=1), everything, out=rational, where=everything > 0)
    same = agreed_right + kept.sum(axis=1) + _best_gain(apart, advised - kept, taken.sum(axis=1))
    choice = agreed_right + reached.sum(axis=1)
    top = agreed_right + np.maximum(kept, advised).sum(axis=1)
    quantities = (
        final_right / n,
        (agreed_right + np.maximum(kept.sum(axis=1), advised.sum(axis=1))) / n,
        top / n,
        same / n,
        share,
        rational,
        (top - same) / n,
        (same - choice) / n,
        (choice - final_right) / n,
    )
    return dict(zip(QUANTITIES, quantities, strict=True))


def _best_gain(apart: Floats, gain: Floats, taken: Floats) -> Floats:
    """Most that `taken` acceptances can gain, spent where the gain per contradiction is largest."""
    rate = np.full(apart.shape, -np.inf)
    np.divide(gain, apart, out=rate, where=apart > 0)
    order = np.argsort(-rate, axis=1)
    apart, gain = np.take_along_axis(apart, order, 1), np.take_along_axis(gain, order, 1)
    before = np.cumsum(apart, axis=1) - apart
    part = np.clip(taken[:, None] - before, 0, apart)
    fraction = np.zeros(apart.shape)
    np.divide(part, apart, out=fraction, where=apart > 0)
    best: Floats = (gain * fraction).sum(axis=1)
    return best
