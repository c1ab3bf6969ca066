"""The flow of participants from arrival to analysis (CONSORT)."""

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from analysis.figures.canvas import COLOURS, INK, MUTED, Figure, drawing

LINE = 0.185  # inches a line of text takes
GAP = 0.3  # between boxes, for the arrow
PLAIN = 1.8 * LINE  # height of a box with one line
CLEAR = 0.12  # above and below the box at the side
FORK = 0.5  # from "assigned" to the arms
WIDTH, SIDE = 2.1, 2.5  # inches of a column and of the box at the side
Lines = list[str]


def consort(flow: Mapping[str, Any], *, title: str = "") -> Figure:
    """Boxes with counts and reasons, by arm from assignment on.

    flow: {"arrived": n, "not_assigned": {reason: n}, "assigned": n, "arms": {arm: {"assigned": n,
    "left": {reason: n}, "completed": n, "excluded": {reason: n}, "analysed": n}}}. Every step must add up;
    otherwise ValueError names the step. Reasons with count 0 are kept, for they say what was looked for.
    """
    checked = _checked(flow)
    arms = checked["arms"]
    columns = {name: _column(name, arm) for name, arm in arms.items()}
    heights = [max(len(boxes[step]) for boxes in columns.values()) for step in range(5)]
    top_lines = _reasons("Not assigned", checked["not_assigned"], 32)
    side = (len(top_lines) + 0.8) * LINE
    head = 0.5 if title else 0.15
    boxes = sum((lines + 0.8) * LINE for lines in heights) + 4 * GAP
    wide = max(len(arms) * (WIDTH + 0.25), 2 * (0.35 + SIDE + 0.15))
    tall = head + 2 * PLAIN + side + 2 * CLEAR + FORK + boxes + 0.15
    with drawing(wide, tall) as blank:
        blank.set_layout_engine("none")
        axes = blank.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, wide), ylim=(0, tall))
        axes.axis("off")
        if title:
            axes.text(0.15, tall - 0.22, title, fontsize=11, fontweight="bold", va="center")
        _draw_top(axes, wide / 2, tall - head, checked, top_lines, side)
        fork = tall - head - 2 * PLAIN - side - 2 * CLEAR
        _draw_arms(axes, wide, fork, columns, heights)
    return Figure(_words(checked), blank)


def _checked(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("arrived", "not_assigned", "assigned", "arms"):
        if name not in flow:
            raise ValueError(f"flow: '{name}' is missing")
    if not flow["arms"]:
        raise ValueError("flow: 'arms' is empty")
    _adds_up("assigned", flow["arrived"], flow["not_assigned"], flow["assigned"])
    for name, arm in flow["arms"].items():
        for part in ("assigned", "left", "completed", "excluded", "analysed"):
            if part not in arm:
                raise ValueError(f"flow: '{part}' is missing in arm '{name}'")
        _adds_up(f"completed of arm '{name}'", arm["assigned"], arm["left"], arm["completed"])
        _adds_up(f"analysed of arm '{name}'", arm["completed"], arm["excluded"], arm["analysed"])
    total = sum(arm["assigned"] for arm in flow["arms"].values())
    if total != flow["assigned"]:
        raise ValueError(f"flow: the arms hold {total} people, but 'assigned' is {flow['assigned']}")
    return flow


def _adds_up(step: str, before: int, lost: Mapping[str, int], after: int) -> None:
    for reason, count in {"before": before, "after": after, **lost}.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"flow: {step}: {reason!r} is {count!r}, a count is needed")
    if before - sum(lost.values()) != after:
        raise ValueError(f"flow: {step}: {before} less {sum(lost.values())} lost is not {after}")


def _reasons(name: str, reasons: Mapping[str, int], width: int) -> Lines:
    lines = [f"{name} (n = {sum(reasons.values())})"]
    for reason, count in reasons.items():
        lines += textwrap.wrap(
            f"{reason}:\u00a0{count}", width, initial_indent="\u2022 ", subsequent_indent="   "
        )
    return lines


def _column(name: str, arm: Mapping[str, Any]) -> list[Lines]:
    return [
        [*textwrap.wrap(name, 24), f"assigned (n = {arm['assigned']})"],
        _reasons("Left", arm["left"], 28),
        [f"Completed (n = {arm['completed']})"],
        _reasons("Excluded", arm["excluded"], 28),
        [f"Analysed (n = {arm['analysed']})"],
    ]


def _draw_top(
    axes: Axes, centre: float, y: float, flow: Mapping[str, Any], reasons: Lines, side: float
) -> None:
    """Arrived, those who were not assigned on the right, assigned."""
    _box(axes, centre, y, 2.1, PLAIN, [f"Arrived (n = {flow['arrived']})"])
    lower = y - PLAIN - side - 2 * CLEAR
    middle = (y - PLAIN + lower) / 2
    _arrow(axes, (centre, y - PLAIN), (centre, lower))
    _arrow(axes, (centre, middle), (centre + 0.35, middle))
    _box(axes, centre + 0.35 + SIDE / 2, middle + side / 2, SIDE, side, reasons, left=True)
    _box(axes, centre, lower, 2.1, PLAIN, [f"Assigned (n = {flow['assigned']})"])


def _draw_arms(
    axes: Axes, wide: float, y: float, columns: Mapping[str, list[Lines]], heights: list[int]
) -> None:
    """From the fork under "assigned", one column of boxes per arm."""
    places = [wide * (number + 0.5) / len(columns) for number in range(len(columns))]
    rail = y - FORK / 2
    axes.plot([wide / 2, wide / 2], [y, rail], color=MUTED, linewidth=1.0)
    axes.plot([places[0], places[-1]], [rail, rail], color=MUTED, linewidth=1.0)
    y -= FORK
    for place in places:
        _arrow(axes, (place, rail), (place, y))
    for step, lines in enumerate(heights):
        height = (lines + 0.8) * LINE
        ends = step in (0, 4)
        for number, (place, boxes) in enumerate(zip(places, columns.values(), strict=True)):
            edge = COLOURS[number % len(COLOURS)] if ends else MUTED
            _box(axes, place, y, WIDTH, height, boxes[step], left=step in (1, 3), edge=edge, strong=ends)
            if step < 4:
                _arrow(axes, (place, y - height), (place, y - height - GAP))
        y -= height + GAP


def _box(
    axes: Axes,
    centre: float,
    top: float,
    width: float,
    height: float,
    lines: Lines,
    *,
    left: bool = False,
    edge: str = MUTED,
    strong: bool = False,
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (centre - width / 2, top - height), width, height, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="#f7f7f7" if left else "white", edgecolor=edge, linewidth=1.5 if strong else 1.0,
        )
    )  # fmt: skip
    x = centre - width / 2 + 0.1 if left else centre
    start = top - height / 2 + (len(lines) - 1) * LINE / 2
    for number, line in enumerate(lines):
        bold = "bold" if number == 0 else "normal"
        axes.text(x, start - number * LINE, line, ha="left" if left else "center", va="center", fontsize=8.5,
                  fontweight=bold, color=INK)  # fmt: skip


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
    )


def _words(flow: Mapping[str, Any]) -> str:
    arms = [
        f"{name}: {arm['assigned']} assigned, {arm['completed']} completed, {arm['analysed']} analysed"
        for name, arm in flow["arms"].items()
    ]
    return f"Flow of participants: {flow['arrived']} arrived, {flow['assigned']} were assigned. {'; '.join(arms)}."
