"""The power curve: how often the registered test would succeed, by number of participants."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import norm

from analysis.estimate import Floats
from analysis.figures.canvas import MUTED, Figure, drawing, heading, looks, percent, percent_axis
from analysis.frames import complete, numbers, require


def power_curve(
    table: pd.DataFrame,
    *,
    target: float = 0.8,
    title: str = "",
    effect: str = "",
    smallest: Mapping[str, int | None] | None = None,
) -> Figure:
    """Power by sample size with its Monte-Carlo band, a line per test.

    table: size (participants), power (0..1), simulations (how many studies stand behind it) and, with several
    tests, test; the table of `simulate_power` as it is. The band is Wilson's 95% interval of the simulated
    share. target: line to reach. smallest: by test, the size that is marked; otherwise the first from which
    power stays at or above the target.
    """
    require(table, ["size", "power", "simulations"], "table")
    for name in ("size", "power", "simulations"):
        complete(table, name)
    numbers(table, "power", 0, 1)
    numbers(table, "simulations", 1)
    if not 0 < target < 1:
        raise ValueError(f"target is {target}: give a share between 0 and 1, such as 0.8")
    rows = (table if "test" in table else table.assign(test="")).sort_values("size", kind="stable")
    if rows.duplicated(["size", "test"]).any():
        raise ValueError("table: column 'size' holds a sample size twice")
    tests = {str(name): part for name, part in rows.groupby("test", sort=False)}
    marked = smallest or {name: _enough(part, target) for name, part in tests.items()}
    with drawing(6.2, 4.2) as blank:
        axes = blank.add_subplot()
        for (name, part), (colour, shape) in zip(tests.items(), looks(len(tests)), strict=True):
            sizes, power = part["size"].to_numpy(dtype=np.float64), part["power"].to_numpy(dtype=np.float64)
            low, high = _wilson(power, part["simulations"].to_numpy(dtype=np.float64))
            axes.fill_between(sizes, low, high, color=colour, alpha=0.16, linewidth=0)
            axes.plot(sizes, power, color=colour, marker=shape, markersize=4.5, label=name or None)
            _mark(axes, marked.get(name), colour, len(tests) == 1)
        axes.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(f"target {percent(target, 0)}", (1, target), (-2, 4), xycoords=axes.get_yaxis_transform(),
                      textcoords="offset points", ha="right", fontsize=8.5, color=MUTED)  # fmt: skip
        axes.set(
            ylim=(0, 1.02), xlabel="participants", ylabel=f"power to find {effect}" if effect else "power"
        )
        percent_axis(axes.yaxis)
        axes.grid(axis="y")
        if len(tests) > 1:
            axes.legend(loc="lower right")
        counts = sorted(set(rows["simulations"].astype(int)))
        many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        heading(axes, title, f"band: 95% Monte-Carlo interval, {many} simulated studies a size")
    said = [_words(name, part, target, marked.get(name)) for name, part in tests.items()]
    return Figure(
        f"Power{' to find ' + effect if effect else ''} by number of participants. {' '.join(said)}", blank
    )


def _mark(axes: Axes, size: int | None, colour: str, alone: bool) -> None:
    """A line at the size that is enough, with its number."""
    if size is None:
        return
    axes.axvline(size, color=colour, linewidth=1.1, linestyle=(0, (1, 1.5)))
    axes.annotate(
        f"n = {size}", (size, 0.03), (5, 0), textcoords="offset points", color=colour,
        fontweight="bold" if alone else "normal", fontsize=9,
    )  # fmt: skip


def _enough(rows: pd.DataFrame, target: float) -> int | None:
    """The first size from which power stays at or above the target."""
    below = np.flatnonzero((rows["power"] < target).to_numpy())
    after = int(below[-1]) + 1 if len(below) else 0
    return int(rows["size"].iloc[after]) if after < len(rows) else None


def _wilson(share: Floats, count: Floats) -> tuple[Floats, Floats]:
    z = norm.ppf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return centre - half, centre + half


def _words(name: str, rows: pd.DataFrame, target: float, chosen: int | None) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    reached = (
        f"the target of {percent(target, 0)} is reached with {chosen} participants"
        if chosen is not None
        else f"the target of {percent(target, 0)} is not reached"
    )
    return (
        f"{name + ': ' if name else ''}{percent(first['power'])} with {int(first['size'])}, "
        f"{percent(last['power'])} with {int(last['size'])}; {reached}."
    )
