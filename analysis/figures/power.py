"""The power curve: how often the registered test would succeed, by number of participants."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from analysis.estimate import Floats
from analysis.figures.canvas import COLOURS, MUTED, Figure, drawing, heading, percent, percent_axis
from analysis.frames import complete, numbers, require


def power_curve(
    table: pd.DataFrame,
    *,
    target: float = 0.8,
    title: str = "",
    effect: str = "",
    smallest: int | None = None,
) -> Figure:
    """Power by sample size with its Monte-Carlo band.

    table: n (participants), power (0..1), simulations (how many studies stand behind it). The band is
    Wilson's 95% interval of the simulated share. target: line to reach. smallest: the chosen number of
    participants, marked; by default the first n of the table whose power reaches the target.
    """
    require(table, ["n", "power", "simulations"], "table")
    for name in ("n", "power", "simulations"):
        complete(table, name)
    numbers(table, "power", 0, 1)
    numbers(table, "simulations", 1)
    if not 0 < target < 1:
        raise ValueError(f"target is {target}: give a share between 0 and 1, such as 0.8")
    rows = table.sort_values("n")
    if rows["n"].duplicated().any():
        raise ValueError("table: column 'n' holds a sample size twice")
    low, high = _wilson(
        rows["power"].to_numpy(dtype=np.float64), rows["simulations"].to_numpy(dtype=np.float64)
    )
    enough = rows.loc[rows["power"] >= target, "n"]
    chosen = smallest if smallest is not None else (int(enough.iloc[0]) if len(enough) else None)
    with drawing(6.2, 4.2) as blank:
        axes = blank.add_subplot()
        axes.fill_between(rows["n"], low, high, color=COLOURS[0], alpha=0.18, linewidth=0)
        axes.plot(rows["n"], rows["power"], color=COLOURS[0], marker="o", markersize=4.5)
        axes.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(f"target {percent(target, 0)}", (1, target), (-2, 4), xycoords=axes.get_yaxis_transform(),
                      textcoords="offset points", ha="right", fontsize=8.5, color=MUTED)  # fmt: skip
        if chosen is not None:
            axes.axvline(chosen, color=COLOURS[1], linewidth=1.2)
            axes.annotate(f"n = {chosen}", (chosen, 0.03), (5, 0), textcoords="offset points", color=COLOURS[1],
                          fontweight="bold")  # fmt: skip
        axes.set(
            ylim=(0, 1.02), xlabel="participants", ylabel=f"power to find {effect}" if effect else "power"
        )
        percent_axis(axes.yaxis)
        axes.grid(axis="y")
        counts = sorted(set(rows["simulations"].astype(int)))
        many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        heading(axes, title, f"band: 95% Monte-Carlo interval, {many} simulated studies a size")
    return Figure(_words(rows, target, chosen, effect), blank)


def _wilson(share: Floats, count: Floats) -> tuple[Floats, Floats]:
    z = norm.ppf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return centre - half, centre + half


def _words(rows: pd.DataFrame, target: float, chosen: int | None, effect: str) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    reached = (
        f"the target of {percent(target, 0)} is reached with {chosen} participants"
        if chosen is not None
        else (f"the target of {percent(target, 0)} is not reached")
    )
    return (
        f"Power{' to find ' + effect if effect else ''} rises from {percent(first['power'])} with {int(first['n'])} "
        f"participants to {percent(last['power'])} with {int(last['n'])}; {reached}."
    )
