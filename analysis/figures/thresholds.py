"""What a deduplication owes to its threshold: the number of values over it, and the highest ranks over it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.canvas import COLOURS, MUTED, Figure, drawing, heading, looks, number
from analysis.frames import complete, numbers, require

MOST_LINES = 7  # as many as can be told apart


def value_curve(table: pd.DataFrame, *, threshold: float, title: str = "") -> Figure:
    """Number of values by cosine distance, one row a distance: threshold, values (counts, without uncertainty: they are
    of the cards at hand) and, where participants' own cards allow it, own (values of those cards alone) with richness,
    richness_low, richness_high (Chao2's lower bound of all values such people have, with its interval). threshold: the
    one in use, which is marked.

    Raises ValueError for missing columns or cells, and for a table without rows.
    """
    rows = _rows(table, ["values"])
    expected = {"own", "richness", "richness_low", "richness_high"} <= set(rows) and rows[
        "richness"
    ].notna().any()
    at = rows["threshold"].to_numpy(np.float64)
    with drawing(6.2, 3.8) as blank:
        axes = blank.add_subplot()
        if expected:
            low, high = (rows[name].to_numpy(np.float64) for name in ("richness_low", "richness_high"))
            axes.fill_between(at, low, high, color=COLOURS[1], alpha=0.16, linewidth=0)
            axes.plot(at, rows["richness"], color=COLOURS[1], marker="s", markersize=3.5,
                      label="participants' own cards: expected in all (Chao2)")  # fmt: skip
            axes.step(at, rows["own"], where="post", color=COLOURS[2], marker="^", markersize=3.5,
                      label="participants' own cards: heard")  # fmt: skip
        axes.step(at, rows["values"], where="post", color=COLOURS[0], marker="o", markersize=3.5,
                  label="values of all cards")  # fmt: skip
        _mark(axes, threshold)
        axes.set(xlabel="cosine distance within which cards can be one value", ylabel="number of values")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        if expected:
            axes.legend(loc="best")
        heading(
            axes, title, "band: 95% interval of the lower bound" if expected else "counted, not estimated"
        )
    first, last = rows.iloc[0], rows.iloc[-1]
    said = (
        f"Number of values by the cosine distance within which cards can be one: {int(first['values'])} at "
        f"{number(first['threshold'])}, {int(last['values'])} at {number(last['threshold'])}."
    )
    if expected:
        said += (
            f" Expected in all at the end: {_interval(last, 'richness', 'richness_low', 'richness_high', 1)}."
        )
    return Figure(f"{said} In use: {number(threshold)}.", blank)


def rank_curve(table: pd.DataFrame, *, threshold: float, title: str = "") -> Figure:
    """Ranks of a few values by cosine distance with their intervals, a line each: threshold, value (its name), rank,
    low, high; a value without an edge at some distance has no row there, or an empty one.

    Raises ValueError for missing columns, for a table without a rank, and for more than 7 values.
    """
    require(table, ["rank", "low", "high"], "table")
    rows = _rows(table, ["value"]).dropna(subset=["rank"])
    lines = {str(name): part for name, part in rows.groupby("value", sort=False)}
    if not lines or len(lines) > MOST_LINES:
        raise ValueError(f"table: {len(lines)} values with a rank; from 1 to {MOST_LINES} can be drawn")
    with drawing(6.2, 4.2) as blank:
        axes = blank.add_subplot()
        for (name, part), (colour, shape) in zip(lines.items(), looks(len(lines)), strict=True):
            at = part["threshold"].to_numpy(np.float64)
            low, high = (part[end].to_numpy(np.float64) for end in ("low", "high"))
            axes.fill_between(at, low, high, color=colour, alpha=0.1, linewidth=0)
            axes.plot(at, part["rank"], color=colour, marker=shape, markersize=4, label=_short(name))
        _mark(axes, threshold)
        axes.set(xlabel="cosine distance within which cards can be one value", ylabel="rank (PageRank)")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        heading(axes, title, "band: 95% interval, participants drawn anew")
    ends = "; ".join(
        f"{name} {_interval(part.iloc[-1], 'rank', 'low', 'high', 3)}" for name, part in lines.items()
    )
    return Figure(
        f"Highest ranks by cosine distance, at the end: {ends}. In use: {number(threshold)}.", blank
    )


def _rows(table: pd.DataFrame, also: list[str]) -> pd.DataFrame:
    require(table, ["threshold", *also], "table")
    for name in ("threshold", *also):
        complete(table, name)
    numbers(table, "threshold", 0, 2)
    return table.sort_values("threshold", kind="stable")


def _mark(axes: Axes, threshold: float) -> None:
    """A line at the distance in use, with its number."""
    axes.axvline(threshold, color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)))
    axes.annotate(f"in use: {number(threshold)}", (threshold, 1), (0, 4), xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", ha="right", fontsize=8.5, color=MUTED)  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"


def _interval(row: "pd.Series[float]", value: str, low: str, high: str, decimals: int) -> str:
    parts = (number(float(row[name]), decimals) for name in (value, low, high))
    return "{} ({} to {})".format(*parts)
