"""The graph as a still picture: wiser is higher, a larger circle is a higher rank, and the dark core in it and the pale
disc around it are the ends of the rank's interval.

Places come from the layout of all votes, sizes from ranks, so that the same graph is the same picture. The canvas of
the page, the SVG and the PNG take their sizes from here. Texts go into pages through templates, which escape them.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from analysis.moral_graph import MoralGraph
from analysis.moral_graph.layout import HEIGHT, WIDTH

LARGEST, SMALLEST, LEGIBLE = 36.0, 1.5, 4.0  # radii
AIRY, FINEST = 60, 0.14  # edges that have room for their full width, and the least part of it
LETTERS, LINES, LINE = 20, 3, 17  # of a label; LINE in units of the picture
BELOW = 70  # room under the lowest value for its label


@dataclass(frozen=True)
class Circle:
    """Radii of a value: of its rank, and of the ends of its interval."""

    radius: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Is there an interval, and room to show it inside the circle? If so the dark core is its lower end, and no
        core says that the rank may be nothing."""
        return self.high > 0 and self.radius > LEGIBLE


@dataclass(frozen=True)
class Node:
    """A value: where it stands, its circle, what is said of it, its label's lines with their heights (none where labels
    would cover each other)."""

    value: str
    title: str
    about: str
    x: float
    y: float
    circle: Circle
    label: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Arrow:
    """An edge from the less wise to the wiser value: its width by its votes, dashed where its share may be no more than
    one half. `points`: start, the curve's handle, end."""

    points: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    width: float
    unsettled: bool
    about: str

    @property
    def path(self) -> str:
        (ax, ay), (bx, by), (cx, cy) = self.points
        return f"M{ax:.1f} {ay:.1f}Q{bx:.1f} {by:.1f} {cx:.1f} {cy:.1f}"


@dataclass(frozen=True)
class Picture:
    """Nodes and arrows on a plane that begins at `left`, at or before 0, so that no label is cut; `left_out` counts the
    values that did not fit."""

    left: int
    width: int
    height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    left_out: int


def circles(graph: MoralGraph, spacing: float, top: float) -> list[Circle]:
    """One for each value of the graph. `top`: the rank of the largest circle; pictures to be compared share it."""
    largest = max(SMALLEST, min(LARGEST, spacing * 0.3))
    ends = graph.values[["rank", "low", "high"]].to_numpy(float)
    radii = largest * np.sqrt(np.clip(ends, 0, None) / top)
    radii[:, [0, 2]] = np.maximum(
        radii[:, [0, 2]], SMALLEST
    )  # where nobody was drawn anew, ends stay missing
    return [Circle(*(round(r, 2) if math.isfinite(r) else 0.0 for r in row)) for row in radii.tolist()]


def top_of(*graphs: MoralGraph | None) -> float:
    """The highest end of an interval in any of them."""
    ends = [g.values[["rank", "high"]].to_numpy(float).ravel() for g in graphs if g is not None]
    known = np.concatenate([np.zeros(1), *ends])
    return float(np.nanmax(known)) or 1.0


def support(wiser: int, most: int, edges: int) -> float:
    """Width of one of `edges` edges, 0.8 to 5 and finer where there are many: its area of ink grows with the votes
    "wiser"."""
    room = max(FINEST, min(1.0, math.sqrt(AIRY / max(edges, 1))))
    return round(room * (0.8 + 4.2 * math.sqrt(wiser / max(most, 1))), 3)


def about_value(row: Mapping[Any, Any], title: str) -> str:
    """A value in one line, in the language that is active."""
    told = {name: number_format(row[name], 3) for name in ("rank", "low", "high") if math.isfinite(row[name])}
    told |= {"title": title, "place": row["position"]}
    if "low" not in told:
        return _("%(title)s: rank %(rank)s, place %(place)s") % told
    told |= {f"{end}_place": number_format(row[f"position_{end}"], 0) for end in ("low", "high")}
    text = _(
        "%(title)s: rank %(rank)s, interval %(low)s to %(high)s; place %(place)s, interval %(low_place)s to "
        "%(high_place)s"
    )
    return text % told


def about_edge(row: Mapping[Any, Any], lower: str, upper: str) -> str:
    """An edge in one line, in the language that is active."""
    told = {name: row[name] for name in ("wiser", "not_wiser", "unsure")}
    told |= {name: f"{row[name]:.0%}" for name in ("share", "share_low", "share_high")}
    text = _(
        "%(lower)s → %(upper)s: %(wiser)s wiser, %(not_wiser)s not wiser, %(unsure)s not sure; share %(share)s, "
        "interval %(share_low)s to %(share_high)s"
    )
    return text % {**told, "lower": lower, "upper": upper}


def draw(
    graph: MoralGraph,
    titles: Mapping[object, str],
    at: Mapping[str, tuple[float, float]],
    spacing: float,
    *,
    most: int | None = None,
) -> Picture:
    """The picture of a graph with at least one value: of its highest values where `most` is given."""
    shown = graph.values if most is None else graph.values.head(most)
    room = _Room()
    nodes = {
        row["value"]: _node(row, circle, at[row["value"]], titles, room)
        for row, circle in zip(shown.to_dict("records"), circles(graph, spacing, top_of(graph)), strict=False)
    }
    edges = [
        row for row in graph.edges.to_dict("records") if {row["from_value"], row["to_value"]} <= set(nodes)
    ]
    widest = max((row["wiser"] for row in edges), default=1)
    arrows = [
        _arrow(row, nodes[row["from_value"]], nodes[row["to_value"]], widest, len(edges)) for row in edges
    ]
    left_out = len(graph.values) - len(shown)
    left = math.floor(min(0.0, room.left))
    width = math.ceil(max(WIDTH, room.right)) - left
    return Picture(left, width, int(HEIGHT) + BELOW, tuple(nodes.values()), tuple(arrows), left_out)


class _Room:
    """Where labels already stand."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, float, float, float]] = []

    def take(self, x: float, y: float, lines: Iterable[str]) -> bool:
        """Whether a label centred at x with its first line at y covers no earlier one; it stands there then."""
        texts = list(lines)
        half = max(map(len, texts)) * 4.2
        box = (x - half, y - LINE, x + half, y + LINE * (len(texts) - 1) + 4)
        if any(a < box[2] and box[0] < c and b < box[3] and box[1] < d for a, b, c, d in self.taken):
            return False
        self.taken.append(box)
        return True

    @property
    def left(self) -> float:
        """Where the first label begins."""
        return min((box[0] for box in self.taken), default=0.0)

    @property
    def right(self) -> float:
        """Where the last label ends."""
        return max((box[2] for box in self.taken), default=0.0)


def _node(
    row: Mapping[Any, Any], circle: Circle, at: tuple[float, float], titles: Mapping[object, str], room: _Room
) -> Node:
    title = titles.get(row["value"], str(row["value"]))
    lines = textwrap.wrap(title, LETTERS, max_lines=LINES, placeholder="…")
    beneath = at[1] + max(circle.radius, circle.high) + LINE
    fits = room.take(at[0], beneath, lines or [title])
    label = tuple((round(beneath + LINE * n, 1), line) for n, line in enumerate(lines)) if fits else ()
    return Node(str(row["value"]), title, about_value(row, title), at[0], at[1], circle, label)


def _arrow(row: Mapping[Any, Any], lower: Node, upper: Node, widest: int, edges: int) -> Arrow:
    dx, dy = upper.x - lower.x, upper.y - lower.y
    middle = (lower.x + dx / 2 - dy * 0.12, lower.y + dy / 2 + dx * 0.12)
    start = _towards(lower, middle, lower.circle.radius)
    end = _towards(upper, middle, max(upper.circle.radius, upper.circle.high) + 4)
    return Arrow(
        points=(start, middle, end),
        width=support(row["wiser"], widest, edges),
        unsettled=not row["share_low"] > 0.5,
        about=about_edge(row, lower.title, upper.title),
    )


def _towards(node: Node, point: tuple[float, float], distance: float) -> tuple[float, float]:
    dx, dy = point[0] - node.x, point[1] - node.y
    length = math.hypot(dx, dy) or 1.0
    return node.x + dx / length * distance, node.y + dy / length * distance
