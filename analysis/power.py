"""Power and precision by simulation: the registered model, fitted again and again to outcomes drawn from it.

Every simulation draws who drops out and which trials carry which level of a within-participant factor, draws the
outcome from the assumed effects with all random effects anew, fits the registered model, and applies the
registered criteria. Dropping out and the order of trials are drawn anew for every batch of 25 outcomes, so that
the structure of a design is set up once a batch.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.mixed.errors import ModelError
from analysis.power_simulation import BATCH, Batch, Counted, Effects, PowerDesign, PowerTest, run_batch

__all__ = ["Effects", "PowerCurve", "PowerDesign", "PowerTest", "simulate_power"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PowerCurve:
    """Power at each size. table: a row a size and test (and, with several tests, `all of them`): size, test, power,
    error (Monte-Carlo standard error), low, high (95 % Wilson interval), width (mean width of the contrast's
    interval), analysed (mean number of participants analysed), failed (share of simulations without a test: no fit,
    or a contrast that separation sends to infinity), simulations. smallest: per test the smallest size from which
    power stays at or above target, or None."""

    table: pd.DataFrame
    smallest: dict[str, int | None]
    target: float
    notes: tuple[str, ...] = field(default=())

    def smallest_for_width(self, test: str, width: float) -> int | None:
        """The smallest simulated size from which the contrast's interval is on average no wider than `width`."""
        rows = self.table[self.table["test"] == test].sort_values("size")
        if rows.empty:
            raise ModelError(f"there is no test '{test}'; there are {', '.join(self.smallest)}")
        return _from_where(rows["size"].tolist(), (rows["width"] <= width).tolist())


def simulate_power(
    plan: PowerDesign,
    effects: Effects,
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    simulations: int = 1000,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PowerCurve:
    """Simulate the plan at every size (participants assigned, all arms together).

    progress is called with (simulations done, simulations in all). workers: processes, by default one a core; the
    result does not depend on it. A fit that fails or does not converge rejects nothing and is counted.
    Raises ModelError for effects that the model does not have, sizes that leave an arm empty, and the like."""
    chosen = _sizes(sizes, plan)
    if simulations < 20:
        raise ModelError(
            f"{simulations} simulations are too few to speak of power; 1,000 give an error of 0.016 at most"
        )
    batches = [
        Batch(plan, effects, size, min(BATCH, simulations - done), stream)
        for size in chosen
        for done, stream in zip(
            range(0, simulations, BATCH), rng.spawn(-(-simulations // BATCH)), strict=True
        )
    ]
    counted: dict[int, list[Counted]] = {size: [] for size in chosen}
    total, done = simulations * len(chosen), 0
    with _mapped(batches, workers) as results:
        for batch, result in zip(batches, results, strict=True):
            counted[batch.size].append(result)
            done += batch.outcomes
            if progress is not None:
                progress(done, total)
    return _curve(plan, counted)


def _sizes(sizes: Sequence[int], plan: PowerDesign) -> list[int]:
    chosen = sorted({int(size) for size in sizes})
    if not chosen:
        raise ModelError("there are no sample sizes to simulate")
    least = 2 * len(plan.arms)
    if chosen[0] < least:
        raise ModelError(
            f"a sample of {chosen[0]} leaves fewer than two participants an arm; start at {least}"
        )
    return chosen


@contextmanager
def _mapped(batches: list[Batch], workers: int | None) -> Iterator[Iterator[Counted]]:
    """Results in the order of the batches, from processes where this process may have some."""
    cores = workers if workers is not None else (os.cpu_count() or 1)
    first = run_batch(batches[0])  # in this process: a mistake in the plan is raised here, plainly
    if min(cores, len(batches) - 1) < 2 or multiprocessing.current_process().daemon:
        yield _chain(first, map(run_batch, batches[1:]))
        return
    method = (
        "fork"
        if threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
        else "spawn"
    )
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context(method)) as pool:
        yield _chain(first, pool.map(run_batch, batches[1:]))


def _chain(first: Counted, rest: Iterator[Counted]) -> Iterator[Counted]:
    yield first
    yield from rest


def _curve(plan: PowerDesign, counted: Mapping[int, list[Counted]]) -> PowerCurve:
    rows: list[dict[str, Any]] = []
    names = [test.name for test in plan.tests]
    for size, parts in counted.items():
        rejected = np.concatenate([p.rejected for p in parts])
        width = np.concatenate([p.width for p in parts])
        shared = {
            "analysed": float(np.mean([p.analysed for p in parts])),
            "simulations": len(rejected),
        }
        untested = ~np.isfinite(width)
        for j, name in enumerate(names):
            known = width[~untested[:, j], j]
            mean = float(known.mean()) if len(known) else float("nan")
            own = {"width": mean, "failed": float(untested[:, j].mean())}
            rows.append({"size": size, "test": name, **_share(rejected[:, j]), **own, **shared})
        if len(names) > 1:
            own = {"width": float("nan"), "failed": float(untested.any(axis=1).mean())}
            every = _share(np.asarray(rejected.all(axis=1)))
            rows.append({"size": size, "test": "all of them", **every, **own, **shared})
    table = pd.DataFrame(rows)
    smallest: dict[str, int | None] = {}
    for title in dict.fromkeys(table["test"]):
        part = table[table["test"] == title]
        smallest[title] = _from_where(part["size"].tolist(), (part["power"] >= plan.target).tolist())
    return PowerCurve(table, smallest, plan.target, _notes(table, plan))


def _share(hits: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, float]:
    """A proportion with its Monte-Carlo error and 95 % Wilson interval."""
    n, p, z = len(hits), float(hits.mean()), 1.959964
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * float(np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)))
    return {"power": p, "error": float(np.sqrt(p * (1 - p) / n)), "low": centre - half, "high": centre + half}


def _from_where(sizes: list[int], reached: list[bool]) -> int | None:
    """The smallest size from which all larger ones reach the target too."""
    found = None
    for size, ok in zip(reversed(sizes), reversed(reached), strict=True):
        if not ok:
            break
        found = size
    return found


def _notes(table: pd.DataFrame, plan: PowerDesign) -> tuple[str, ...]:
    notes = []
    worst = float(table["failed"].max())
    if worst > 0.01:
        notes.append(f"Up to {worst:.0%} of the simulations gave no test; they count as not significant.")
    if plan.attrition + plan.excluded > 0:
        lost = 1 - (1 - plan.attrition) * (1 - plan.excluded)
        notes.append(
            f"Sizes count participants assigned; {lost:.0%} of them are expected not to be analysed."
        )
    return tuple(notes)
