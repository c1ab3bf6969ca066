"""The reliance plane: how often people follow advice when it is right, against when it is wrong."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import norm

from analysis.figures.canvas import (
    FAINT,
    INK,
    MUTED,
    Figure,
    drawing,
    heading,
    looks,
    percent,
    percent_axis,
)
from analysis.frames import numbers, require

SHOWN = ("right", "right_low", "right_high", "wrong", "wrong_low", "wrong_high")


def plane_points(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Points of the plane from the result of `reliance(trials, by=...)`: one row per group.

    Agreement with right advice is 1 - underreliance. Groups without one of the two are left out.
    """
    require(table, [by, "measure", "value", "low", "high"], "table")
    over = table[table["measure"] == "overreliance"].set_index(by)
    under = table[table["measure"] == "underreliance"].set_index(by)
    points = pd.DataFrame(
        {
            "right": 1 - under["value"],
            "right_low": 1 - under["high"],
            "right_high": 1 - under["low"],
            "wrong": over["value"],
            "wrong_low": over["low"],
            "wrong_high": over["high"],
        }
    )
    found = points.dropna(subset=["right", "wrong"]).rename_axis("label").reset_index()
    if found.empty:
        raise ValueError("table: no group has both overreliance and underreliance")
    return found


def reliance_plane(points: pd.DataFrame, *, title: str = "") -> Figure:
    """Each group as a point with intervals in both directions, and curves of equal d' behind.

    points: label; right, right_low, right_high (agreement when the advice is right) and wrong, wrong_low,
    wrong_high (when it is wrong), shares 0..1.
    """
    require(points, ["label", *SHOWN], "points")
    for name in SHOWN:
        numbers(points, name, 0, 1)
    if points[["right", "wrong"]].isna().any(axis=None):
        raise ValueError("points: column 'right' or 'wrong' has an empty cell, leave such groups out")
    with drawing(5.6, 5.7) as blank:
        axes = blank.add_subplot()
        _curves(axes)
        for (colour, shape), point in zip(looks(len(points)), points.to_dict("records"), strict=True):
            axes.plot(
                [point["wrong_low"], point["wrong_high"]],
                [point["right"]] * 2,
                color=colour,
                linewidth=1.8,
                zorder=3,
            )
            axes.plot(
                [point["wrong"]] * 2,
                [point["right_low"], point["right_high"]],
                color=colour,
                linewidth=1.8,
                zorder=3,
            )
            axes.scatter(
                [point['wrong']], [point['right']], s=70, marker=shape, color=colour, edgecolors="white",
                linewidths=1.1, zorder=4, label=str(point['label']),
            )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xlabel("follows the AI when it is wrong (overreliance)")
        axes.set_ylabel("follows the AI when it is right")
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        axes.legend(loc="lower right", title=None, handletextpad=0.4)
        heading(axes, title, "95% intervals; curves join equal discrimination d\u2032")
    return Figure(_words(points), blank)


def _curves(axes: Axes) -> None:
    scores = np.linspace(-4, 4, 400)
    axes.fill_between([0, 1], [0, 1], color="#f4f4f4", zorder=0, linewidth=0)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    alike = "d\u2032 = 0: right and wrong advice followed alike"
    axes.annotate(alike, (0.30, 0.27), rotation=45, color=MUTED, fontsize=8,
                  rotation_mode="anchor", transform_rotates_text=True, va="top")  # fmt: skip
    for level in (0.5, 1.0, 1.5, 2.0, 3.0):
        wrong, right = norm.cdf(scores - level / 2), norm.cdf(scores + level / 2)
        axes.plot(wrong, right, color=FAINT, linewidth=1.0, zorder=1)
        at = norm.cdf(-level / 2), norm.cdf(level / 2)
        axes.annotate(
            f"{level:g}", at, color=MUTED, fontsize=8, ha="center", va="center", zorder=1,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
    axes.scatter([0], [1], s=90, marker="*", color=INK, clip_on=False, zorder=5)
    axes.annotate("ideal", (0, 1), (8, -13), textcoords="offset points", fontsize=8, color=INK)


def _words(points: pd.DataFrame) -> str:
    said = [
        f"{point['label']}: {percent(point['right'])} when it is right, {percent(point['wrong'])} when it is wrong"
        for point in points.to_dict("records")
    ]
    return f"How often people follow the AI's advice, by group. {'; '.join(said)}."
