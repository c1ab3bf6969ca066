"""How well the statements of each scale hang together: alpha and omega, beside the scores that the plan analyses."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.plan.results import Quantity, quantity
from analysis.scales import reliability
from study.protocol.types import Protocol, Scale

NONE = Quantity()


@dataclass(frozen=True)
class ScaleRow:
    """One scale. weakest: the statement without which alpha is highest, and that alpha, where it is above the
    scale's own; `problem` says why there are no numbers."""

    title: str
    items: int
    alpha: Quantity = NONE
    omega: Quantity = NONE
    weakest: str = ""
    without: float | None = None
    problem: str = ""


def scale_rows(protocol: Protocol, participants: pd.DataFrame) -> list[ScaleRow]:
    """Every scale of two statements or more, in the protocol's order, over the analysed participants who saw it.

    participants: one row a participant, a column a statement, ratings from 1 to the scale's points."""
    return [
        _row(protocol, scale, participants)
        for scale in protocol.scales
        if len(scale.items) > 1 and all(item.id in participants for item in scale.items)
    ]


def _row(protocol: Protocol, scale: Scale, participants: pd.DataFrame) -> ScaleRow:
    names = [item.id for item in scale.items]
    title = protocol.say(scale.title)
    seen = participants[names].astype("float64").dropna(how="all")
    try:
        found = reliability(
            seen,
            names,
            low=1,
            high=scale.points,
            reverse=[item.id for item in scale.items if item.reverse],
        )
    except ValueError as error:
        return ScaleRow(title, len(names), problem=str(error))
    best = (
        found.without.sort_values("alpha_without", ascending=False, kind="stable").head(1).to_dict("records")
    )
    row = ScaleRow(title, len(names), quantity(found.alpha), quantity(found.omega))
    if len(names) > 2 and best and best[0]["alpha_without"] > found.alpha.value:
        words = {item.id: protocol.say(item.text) for item in scale.items}
        row = ScaleRow(
            title, len(names), row.alpha, row.omega, words[best[0]["item"]], float(best[0]["alpha_without"])
        )
    return row
