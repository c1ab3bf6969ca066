"""The still picture as PNG, drawn on the server: the same bytes for the same graph."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path

from analysis.figures.canvas import STYLE
from elicitation.explorer.picture import Node, Picture

DPI = 200
EDGE, FILL, PALE, WARM, INK = "#1f5f7a", "#1f5f7a", "#9dbfcc", "#d9a520", "#1c2830"  # as in the SVG


def png(picture: Picture | None) -> bytes:
    """The picture at twice its size on the page; an empty sheet without one."""
    with mpl.rc_context(STYLE):
        left, wide, high = (picture.left, picture.width, picture.height) if picture else (0, 1000, 640)
        figure = Figure(figsize=(wide / 100, high / 100), dpi=DPI)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(left, left + wide), ylim=(high, 0))
        axes.set_axis_off()
        if picture:
            _arrows(axes, picture)
            _circles(axes, picture.nodes)
            _labels(axes, picture.nodes)
        sheet = BytesIO()
        figure.savefig(sheet, format="png", metadata={"Software": None})
    return sheet.getvalue()


def _arrows(axes: mpl.axes.Axes, picture: Picture) -> None:
    for unsettled, style in ((False, "solid"), (True, (0, (4, 3)))):
        some = [arrow for arrow in picture.arrows if arrow.unsettled is unsettled]
        curves = [Path(list(arrow.points), [Path.MOVETO, Path.CURVE3, Path.CURVE3]) for arrow in some]
        widths = [arrow.width * 0.72 for arrow in some]  # points of 1/72 inch, 100 units an inch
        drawn = PathCollection(
            curves, facecolor="none", edgecolor=EDGE, alpha=0.5, linewidth=widths, linestyle=style
        )
        axes.add_collection(drawn, autolim=False)
    if len(picture.arrows) < 400:  # heads tell a direction only where there is room for them
        for arrow in picture.arrows:
            _start, middle, end = arrow.points
            axes.annotate(
                "", xy=end, xytext=_near(middle, end), arrowprops={"arrowstyle": "-|>", "color": EDGE}
            )


def _near(middle: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """A point shortly before the end of a curve."""
    return end[0] + (middle[0] - end[0]) * 0.04, end[1] + (middle[1] - end[1]) * 0.04


def _circles(axes: mpl.axes.Axes, nodes: tuple[Node, ...]) -> None:
    """The pale disc to the high end, the circle of the rank, and in it the dark core to the low end."""
    telling = tuple(node for node in nodes if node.circle.tells)
    silent = tuple(node for node in nodes if not node.circle.tells)
    _discs(axes, nodes, "high", facecolor=WARM, alpha=0.3, linewidth=0)
    _discs(axes, silent, "radius", facecolor=FILL, linewidth=0)
    _discs(axes, telling, "radius", facecolor=PALE, edgecolor=FILL, linewidth=0.8)
    _discs(axes, telling, "low", facecolor=FILL, linewidth=0)


def _discs(axes: mpl.axes.Axes, nodes: tuple[Node, ...], radius: str, **look: Any) -> None:
    across = [2 * getattr(node.circle, radius) for node in nodes]
    places = [(node.x, node.y) for node in nodes]
    drawn = EllipseCollection(
        across,
        across,
        [0.0] * len(nodes),
        units="xy",
        offsets=places,
        offset_transform=axes.transData,
        **look,
    )
    axes.add_collection(drawn, autolim=False)


def _labels(axes: mpl.axes.Axes, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        for y, line in node.label:
            axes.text(node.x, y, line, ha="center", va="baseline", fontsize=10, color=INK)
