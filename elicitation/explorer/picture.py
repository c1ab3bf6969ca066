"""The graph as SVG: higher means a higher rank, a larger circle too; the rings around it are the rank's interval.

Everything is placed by arithmetic from the ranks, so that the same graph is the same picture. Numbers only go into
attributes and texts through the template, which escapes them.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.moral_graph import MoralGraph

MOST = 80  # values in the picture; the tables hold all
WIDTH, ROW, MARGIN = 1000, 150, 70
LARGEST, SMALLEST = 44.0, 5.0  # radii
ROWS = (1, 3, 4)  # values in the first rows; then five in each
LETTERS, LINES = 20, 3  # of a label


@dataclass(frozen=True)
class Node:
    """A value: where it stands, its radius and that of the interval's ends, its label in lines with their heights."""

    value: str
    title: str
    about: str
    x: float
    y: float
    radius: float
    low: float
    high: float
    label: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Arrow:
    """An edge from the less wise to the wiser value: its width by its share, dashed where that may be one half."""

    path: str
    width: float
    unsettled: bool
    about: str


@dataclass(frozen=True)
class Picture:
    """Nodes and arrows on a canvas; `left_out` counts the values that did not fit."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    left_out: int


def draw(graph: MoralGraph, titles: dict[object, str]) -> Picture:
    """The picture of a graph with at least one value."""
    shown = graph.values.head(MOST)
    places = _places(len(shown))
    top = float(np.nanmax(shown[["rank", "high"]].to_numpy()))
    nodes = {
        row["value"]: _node(row, place, top, titles)
        for row, place in zip(shown.to_dict("records"), places, strict=True)
    }
    arrows = [
        _arrow(row, nodes[row["from_value"]], nodes[row["to_value"]])
        for row in graph.edges.to_dict("records")
        if row["from_value"] in nodes and row["to_value"] in nodes
    ]
    height = int(max(y for _x, y in places) + ROW)
    return Picture(WIDTH, height, tuple(nodes.values()), tuple(arrows), len(graph.values) - len(shown))


def _places(count: int) -> list[tuple[float, float]]:
    """Rows from the top, each spread evenly; every other row is shifted so that curves do not run through circles."""
    places: list[tuple[float, float]] = []
    row = 0
    while len(places) < count:
        size = min(ROWS[row] if row < len(ROWS) else 5, count - len(places))
        step = (WIDTH - 2 * MARGIN) / max(size, 1)
        shift = step * 0.12 * (-1 if row % 2 else 1) if size > 1 else 0
        places += [(MARGIN + step * (n + 0.5) + shift, MARGIN + row * ROW) for n in range(size)]
        row += 1
    return places


def _radius(rank: float, top: float) -> float:
    """Area by rank."""
    return round(max(SMALLEST, LARGEST * math.sqrt(max(rank, 0) / top)), 1) if math.isfinite(rank) else 0.0


def _node(
    row: dict[Hashable, Any], place: tuple[float, float], top: float, titles: dict[object, str]
) -> Node:
    rank, low, high = (float(row[name]) for name in ("rank", "low", "high"))
    title = titles.get(row["value"], str(row["value"]))
    lines = textwrap.wrap(title, LETTERS, max_lines=LINES, placeholder="…")
    beneath = place[1] + max(_radius(rank, top), _radius(high, top)) + 18
    return Node(
        value=str(row["value"]),
        title=title,
        about=f"{title}: rank {rank:.3f}, interval {low:.3f} to {high:.3f}, place {row['position']}",
        x=round(place[0], 1),
        y=place[1],
        radius=_radius(rank, top),
        low=_radius(low, top),
        high=_radius(high, top),
        label=tuple((round(beneath + 17 * n, 1), line) for n, line in enumerate(lines)),
    )


def _arrow(row: dict[Hashable, Any], lower: Node, upper: Node) -> Arrow:
    share, low = float(row["share"]), float(row["share_low"])
    dx, dy = upper.x - lower.x, upper.y - lower.y
    length = math.hypot(dx, dy) or 1.0
    bend = 0.12 * length
    middle = (lower.x + dx / 2 - dy / length * bend, lower.y + dy / 2 + dx / length * bend)
    start = _towards(lower, middle, lower.radius)
    end = _towards(upper, middle, max(upper.radius, upper.high) + 6)
    about = (
        f"{lower.title} → {upper.title}: {row['wiser']} wiser, {row['not_wiser']} not wiser, {row['unsure']} not sure; "
        f"share {share:.0%}, interval {low:.0%} to {float(row['share_high']):.0%}"
    )
    path = "M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}".format(*start, *middle, *end)
    return Arrow(path, 1 + 4 * share if math.isfinite(share) else 1.0, not low > 0.5, about)


def _towards(node: Node, point: tuple[float, float], distance: float) -> tuple[float, float]:
    dx, dy = point[0] - node.x, point[1] - node.y
    length = math.hypot(dx, dy) or 1.0
    return node.x + dx / length * distance, node.y + dy / length * distance


def titles_of(cards: pd.DataFrame) -> dict[object, str]:
    """Titles by value."""
    return dict(zip(cards["value"], cards["title"], strict=True))
