"""The one style of all figures, and the wrapper that turns a drawing into bytes that never differ."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import cycle, islice
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text

from analysis.frames import require

INK, MUTED, FAINT, PAPER = "#222222", "#6b6b6b", "#d9d9d9", "#ffffff"
# Okabe and Ito: told apart with every common colour vision; shapes say the same once more
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#56B4E9", "#E69F00", "#000000")
SHAPES = ("o", "s", "^", "D", "v", "P", "X")

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that text is set alike everywhere
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "text.parse_math": False,  # labels are data: a dollar sign is a dollar sign
    "svg.hashsalt": "heed",
    "path.simplify": False,
}

BESIDE_TITLE = 1.1
"""Inches that a drawing needs beside its title: the labels left of the axes, and a margin."""


@dataclass(frozen=True)
class Figure:
    """A finished figure. alt: one or two sentences with its main numbers, for whoever cannot see it."""

    alt: str
    drawing: Drawing

    def svg(self) -> bytes:
        """A scalable picture that names itself to screen readers; the same bytes for the same data."""
        with mpl.rc_context(STYLE):
            out = BytesIO()
            self.drawing.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        text = out.getvalue().decode()
        start = text.index("<svg ")
        end = text.index(">", start)
        named = (
            f' role="img" aria-labelledby="figure-text">\n <title id="figure-text">{escape(self.alt)}</title>'
        )
        return (text[:end] + named + text[end + 1 :]).encode()

    def png(self, dpi: int = 200) -> bytes:
        """A bitmap at `dpi` dots per inch; the alt text is in its description."""
        if not 50 <= dpi <= 600:
            raise ValueError(f"dpi is {dpi}: from 50 to 600")
        with mpl.rc_context(STYLE):
            out = BytesIO()
            self.drawing.savefig(
                out, format="png", dpi=dpi, metadata={"Software": None, "Description": self.alt}
            )
        return out.getvalue()


@contextmanager
def drawing(width: float, height: float) -> Iterator[Drawing]:
    """A blank drawing of width x height inches in the house style, apart from any global state."""
    with mpl.rc_context(STYLE):
        blank = Drawing(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(blank)
        yield blank
        for _ in range(
            2
        ):  # the layout is solved now and kept: solving again at each rendering moves it a little
            blank.draw_without_rendering()
        blank.set_layout_engine("none")


def percent_axis(axis: Any, *, step: float = 0.2) -> None:
    """Ticks in percent for an axis that runs in shares."""
    axis.set_major_locator(mpl.ticker.MultipleLocator(step))
    axis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))


def heading(axes: Axes, title: str, subtitle: str = "") -> None:
    """Title above the axes, and under it in grey what is shown. A drawing too narrow for its title is widened: a
    stamp that is cut off is no stamp."""
    if title:
        _widen(axes, axes.set_title(title))
    if subtitle:
        axes.set_title(title, pad=26)
        axes.annotate(
            subtitle,
            (0, 1),
            (0, 10),
            xycoords="axes fraction",
            textcoords="offset points",
            color=MUTED,
            fontsize=9,
        )


def _widen(axes: Axes, title: Text) -> None:
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    wide, high = figure.get_size_inches()
    needed = title.get_window_extent().width / figure.dpi + BESIDE_TITLE
    if needed > wide:
        figure.set_size_inches(needed, high)


def looks(count: int) -> list[tuple[str, str]]:
    """A colour and a shape for each of `count` series."""
    return list(islice(zip(cycle(COLOURS), cycle(SHAPES), strict=False), count))


def percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f}%"


def number(value: float, decimals: int = 2) -> str:
    """A number for text, with a true minus sign."""
    return f"{value:.{decimals}f}".replace("-", "\u2212")


def intervals(data: pd.DataFrame, columns: Sequence[str], what: str) -> pd.DataFrame:
    """Rows whose value is there; refuses missing columns, text, and an interval that does not hold its value."""
    require(data, columns, what)
    value, low, high = columns[-3:]
    for name in (value, low, high):
        if not pd.api.types.is_numeric_dtype(data[name]):
            raise ValueError(f"{what}: column '{name}' holds text, numbers are needed")
    kept = data[data[value].notna()]
    if kept.empty:
        raise ValueError(f"{what}: column '{value}' is empty in every row, there is nothing to draw")
    wrong = kept[(kept[low] > kept[value]) | (kept[high] < kept[value])]
    if len(wrong):
        row = wrong.iloc[0]
        raise ValueError(
            f"{what}: value {row[value]:g} is outside its interval {row[low]:g} to {row[high]:g}"
        )
    return kept
