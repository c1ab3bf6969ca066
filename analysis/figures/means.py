"""Group means with intervals, in front of every participant."""

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.estimate import Floats
from analysis.figures.canvas import (
    Figure,
    drawing,
    heading,
    intervals,
    looks,
    number,
    percent,
    percent_axis,
)
from analysis.frames import complete, numbers, require

Unit = Literal["share", "number"]
Row = dict[Hashable, Any]
LEVELS, BANDS = 24, 48  # so few different values count as discrete; bands of the others
ROW = 12  # dots side by side
DOTS, MEAN = -0.14, 0.2  # where dots and mean stand beside the middle of a group


def means(
    estimates: pd.DataFrame,
    people: pd.DataFrame,
    *,
    group: str = "arm",
    label: str,
    title: str = "",
    unit: Unit = "share",
    order: list[str] | None = None,
) -> Figure:
    """Each group's mean with its interval; behind it one dot per participant.

    estimates: a row per group: the group's column, value, low, high. people: a row per participant: the
    group's column, value. Shares are 0..1 and drawn in percent. order: of the groups, from the left.
    """
    rows = intervals(estimates, [group, "value", "low", "high"], "estimates")
    require(people, [group, "value"], "people")
    complete(people, group)
    people = people.assign(value=numbers(people, "value")).dropna(subset=["value"])
    groups = _order(rows[group].tolist(), order, group)
    everyone = people["value"].to_numpy(dtype=np.float64)
    span = 1.0 if unit == "share" else _span(everyone)
    known = {row[group]: row for row in rows.to_dict("records")}
    with drawing(max(4.2, 1.45 * len(groups) + 1.6), 4.4) as blank:
        axes = blank.add_subplot()
        for place, (name, (colour, _)) in enumerate(zip(groups, looks(len(groups)), strict=True)):
            values = people.loc[people[group] == name, "value"].to_numpy(dtype=np.float64)
            _swarm(axes, place, values, everyone, colour, span)
            _mean(axes, place, known[name], colour, unit)
        counts = [int((people[group] == name).sum()) for name in groups]
        axes.set_xticks(
            range(len(groups)), [f"{name}\nn = {n}" for name, n in zip(groups, counts, strict=True)]
        )
        axes.set_xlim(-0.55, len(groups) - 0.3)
        axes.tick_params(axis="x", length=0)
        axes.set_ylabel(label)
        axes.grid(axis="y")
        if unit == "share":
            axes.set_ylim(-0.04, 1.04)
            percent_axis(axes.yaxis)
        heading(axes, title, "mean with 95% interval; one dot per participant")
    return Figure(_words(label, known, groups, unit), blank)


def _order(found: list[str], wanted: list[str] | None, group: str) -> list[str]:
    if len(set(found)) != len(found):
        raise ValueError(f"estimates: column '{group}' names a group twice")
    if wanted is None:
        return found
    if set(wanted) != set(found):
        raise ValueError(
            f"order: {', '.join(map(str, wanted))} are not the groups {', '.join(map(str, found))}"
        )
    return wanted


def _swarm(axes: Axes, place: int, values: Floats, everyone: Floats, colour: str, span: float) -> None:
    """A dot for everybody, in rows of at most ROW around the value; no chance is involved.

    Few different values: dots of one value form a block around it. Many: each dot keeps its own height.
    """
    discrete = len(np.unique(everyone)) <= LEVELS
    step = 0.018 * span
    heights = values if discrete else _bands(values, everyone)
    for height in np.unique(heights):
        own = np.sort(values[heights == height])
        row, column = np.divmod(np.arange(len(own)), ROW)
        in_row = np.minimum(ROW, len(own) - row * ROW)
        across = DOTS + 0.034 * (column - (in_row - 1) / 2)
        up = own + (step * (row - row.max() / 2) if discrete else 0.0)
        axes.scatter(place + across, up, s=7.5, color=colour, alpha=0.28, linewidths=0, zorder=1)


def _span(everyone: Floats) -> float:
    return float(np.ptp(everyone)) or 1.0


def _bands(values: Floats, everyone: Floats) -> Floats:
    """Number of the narrow band that each value falls into."""
    bands: Floats = np.clip(np.floor((values - everyone.min()) / _span(everyone) * BANDS), 0, BANDS - 1)
    return bands


def _mean(axes: Axes, place: int, row: Row, colour: str, unit: Unit) -> None:
    at = place + MEAN
    below, above = row["value"] - row["low"], row["high"] - row["value"]
    axes.errorbar(
        [at], [row["value"]], [[below], [above]], color=colour, fmt="D", markersize=4.5, elinewidth=1.8, capsize=4.5,
        capthick=1.8, zorder=3,
    )  # fmt: skip
    text = percent(row["value"]) if unit == "share" else number(row["value"])
    axes.annotate(
        text,
        (at, row["value"]),
        (9, 0),
        textcoords="offset points",
        va="center",
        fontsize=9.5,
        fontweight="bold",
    )


def _words(label: str, known: dict[str, Row], groups: list[str], unit: Unit) -> str:
    show = percent if unit == "share" else number
    said = []
    for name in groups:
        value, low, high = (show(known[name][part]) for part in ("value", "low", "high"))
        said.append(f"{name}: {value} (95% interval {low} to {high})")
    return f"{label} by group. {'; '.join(said)}."
