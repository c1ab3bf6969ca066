"""A forest of contrasts: each difference with its interval, against no difference."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from analysis.figures.canvas import COLOURS, MUTED, Figure, drawing, heading, intervals, number

MANY = 5.0  # an interval reaching this many times as far as the others is cut, with an arrow


def forest(
    contrasts: pd.DataFrame,
    *,
    label: str,
    title: str = "",
    ratio: bool = False,
    apart: bool = True,
    equivalence: tuple[float, float] | None = None,
    decimals: int = 2,
    factor: float = 1.0,
    unit: str = "",
) -> Figure:
    """One line per contrast, from the top.

    contrasts: label, value, low, high, and perhaps p (written beside it) and section (a heading over
    the rows that share it). ratio: values are ratios, drawn on a logarithmic axis against 1; otherwise
    differences against 0. apart: filled where the interval excludes no difference; off for quantities that are no
    differences, such as ranks. equivalence: bounds of what counts as no difference, shaded. factor and unit turn
    shares into percentage points in what is written and drawn (100, " pp").
    """
    rows = intervals(contrasts, ["label", "value", "low", "high"], "contrasts").reset_index(drop=True)
    if ratio and (rows[["value", "low", "high"]] <= 0).any(axis=None):
        raise ValueError("contrasts: a ratio must be above 0")
    if equivalence is not None and not equivalence[0] < equivalence[1]:
        raise ValueError(f"equivalence is {equivalence}: the lower bound comes first")
    rows[["value", "low", "high"]] *= 1.0 if ratio else factor
    places, headings = _places(rows)
    none = (1.0 if ratio else 0.0) if apart else None
    low, high = _reach(rows, none, ratio)
    tall = 1.25 + 0.34 * (len(rows) + len(headings)) + 0.3 * bool(title)
    with drawing(7.0, tall) as blank:
        axes = blank.add_subplot()
        if ratio:
            axes.set_xscale("log")
        axes.set_xlim(low, high)
        if equivalence is not None:
            scale = 1.0 if ratio else factor
            axes.axvspan(
                equivalence[0] * scale, equivalence[1] * scale, color="#ececec", zorder=0, linewidth=0
            )
        if none is not None:
            axes.axvline(none, color=MUTED, linewidth=1.0, zorder=1)
        texts = [_said(row, decimals, unit) for row in rows.to_dict("records")]
        column = 5.4 * max(map(len, texts))  # points that the longest text takes
        for row, place, said in zip(rows.to_dict("records"), places, texts, strict=True):
            _line(axes, row, place, low, high, none)
            beside: dict[str, Any] = {
                "xycoords": axes.get_yaxis_transform(),
                "textcoords": "offset points",
                "va": "center",
            }
            axes.annotate(said, (1, place), (10, 0), fontsize=9, **beside)
            axes.annotate(_p(row), (1, place), (20 + column, 0), fontsize=9, color=MUTED, **beside)
        for name, place in headings.items():
            axes.annotate(name, (0, place), (-6, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                          ha="right", va="center", fontsize=9, fontweight="bold", annotation_clip=False)  # fmt: skip
        axes.set_yticks(places, rows["label"])
        axes.set_ylim(max(places) + 0.7, -0.7)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if ratio:
            _plain_log(axes, low, high)
        axes.set_xlabel(label)
        axes.grid(axis="x")
        shaded = "; shaded: too small to matter" if equivalence else ""
        filled = "" if none is None else f"; filled: excludes {none:g}"
        heading(axes, title, f"95% intervals{filled}{shaded}")
    return Figure(_words(rows, label, decimals, unit), blank)


def _places(rows: pd.DataFrame) -> tuple[list[float], dict[str, float]]:
    """Where each row stands, leaving a line for every heading."""
    if "section" not in rows:
        return [float(number) for number in range(len(rows))], {}
    places, headings, at, last = [], {}, 0.0, None
    for section in rows["section"]:
        if section != last:
            headings[str(section)] = at
            at += 1
            last = section
        places.append(at)
        at += 1
    return places, headings


def _reach(rows: pd.DataFrame, none: float | None, ratio: bool) -> tuple[float, float]:
    """Limits of the axis; one endless interval does not squeeze the others."""
    none = float(rows["value"].median()) if none is None else none
    ends = rows[["low", "high"]].to_numpy(dtype=np.float64)
    ends = np.log(ends) if ratio else ends
    values = rows["value"].to_numpy(dtype=np.float64)
    values = np.log(values) if ratio else values
    middle = np.log(none) if ratio else none
    ends = np.where(np.isfinite(ends), ends, np.nan)
    far = np.nanmax(np.abs(ends - middle), axis=1)
    most = min(np.nanmax(far), MANY * float(np.nanmedian(far)))
    low = min(np.nanmin(np.maximum(ends, middle - most)), values.min(), middle)
    high = max(np.nanmax(np.minimum(ends, middle + most)), values.max(), middle)
    pad = 0.06 * (high - low)
    limits = low - pad, high + pad
    return (float(np.exp(limits[0])), float(np.exp(limits[1]))) if ratio else limits


def _line(
    axes: Axes, row: dict[Hashable, Any], place: float, low: float, high: float, none: float | None
) -> None:
    colour = COLOURS[0]
    clear = none is None or row["low"] > none or row["high"] < none
    ends = [max(row["low"], low), min(row["high"], high)]
    axes.plot(ends, [place] * 2, color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    for cut, at, shape in ((row["low"] < low, low, "<"), (row["high"] > high, high, ">")):
        if cut:
            axes.scatter([at], [place], marker=shape, s=40, color=colour, clip_on=False, zorder=3)
    fill = colour if clear else "white"
    axes.scatter([row["value"]], [place], s=52, color=fill, edgecolors=colour, linewidths=1.6, zorder=4)


def _said(row: dict[Hashable, Any], decimals: int, unit: str) -> str:
    return f"{_short(row['value'], decimals)} [{_short(row['low'], decimals)}, {_short(row['high'], decimals)}]{unit}"


def _short(value: float, decimals: int) -> str:
    """The number; one beyond a thousand says only that it is."""
    if abs(value) < 1000:
        return number(value, decimals)
    return "> 1000" if value > 0 else "< \u22121000"


def _plain_log(axes: Axes, low: float, high: float) -> None:
    """Ticks such as 0.5, 1, 2 instead of powers."""
    nice = [base * 10.0**power for power in range(-4, 5) for base in (1, 2, 5)]
    ticks = [tick for tick in nice if low <= tick <= high]
    axis = axes.xaxis
    axis.set_major_locator(FixedLocator(ticks) if len(ticks) >= 2 else LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _p(row: dict[Hashable, Any]) -> str:
    p = row.get("p", np.nan)
    if pd.isna(p):
        return ""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def _words(rows: pd.DataFrame, label: str, decimals: int, unit: str) -> str:
    said = []
    for row in rows.to_dict("records"):
        section = f"{row['section']}, " if "section" in row else ""
        low, high = _short(row["low"], decimals), _short(row["high"], decimals)
        said.append(
            f"{section}{row['label']}: {_short(row['value'], decimals)}{unit} (95% interval {low} to {high})"
        )
    return f"{label[:1].upper()}{label[1:]}. {'; '.join(said)}."
