"""The explorer's downloads. Texts of participants are data: a spreadsheet must not take one for a formula."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from django.template.loader import render_to_string
from django.utils import translation

from analysis.moral_graph import exchange
from elicitation.explorer.asked import Asked
from elicitation.explorer.graphs import Drawn, drawn, places, spacing, version_of
from elicitation.explorer.picture import Picture, draw
from study.registration.models import Study

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Format:
    """A kind of file and how it is written."""

    content_type: str
    made: Callable[[Drawn, Study], str | bytes]

    def write(self, study: Study, asked: Asked) -> str | bytes:
        """The file, the same bytes whatever language its reader's browser asks for."""
        with translation.override("en"):
            return self.made(drawn(study, asked), study)


def values_csv(found: Drawn, _study: Study) -> str:
    """Ranked values with intervals and words."""
    if found.graph is None:
        return "value\n"
    table = found.graph.values.merge(found.cards, on="value", how="left")
    table["policies"] = [" | ".join(p) if isinstance(p, list) else "" for p in table["policies"]]
    return _csv(table)


def edges_csv(found: Drawn, _study: Study) -> str:
    """Every ordered pair that was shown, with its counts, shares and whether it was kept."""
    return "from_value\n" if found.graph is None else _csv(found.graph.pairs)


def _csv(table: pd.DataFrame) -> str:
    safe = table.apply(lambda column: column.map(_no_formula) if column.dtype == object else column)
    text: str = safe.to_csv(index=False)
    return text


def _no_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _json(found: Drawn, _study: Study) -> str:
    document = (
        {"values": [], "edges": []} if found.graph is None else exchange.to_json(found.graph, found.cards)
    )
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _graphml(found: Drawn, _study: Study) -> str:
    return "" if found.graph is None else exchange.to_graphml(found.graph, found.cards)


def _gexf(found: Drawn, _study: Study) -> str:
    return "" if found.graph is None else exchange.to_gexf(found.graph, found.cards)


def _svg(found: Drawn, study: Study) -> str:
    picture = picture_of(found, study)
    if picture is None:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>'
    return render_to_string("elicitation/explorer/picture.svg", {"picture": picture, "alone": True})


def _png(found: Drawn, study: Study) -> bytes:
    from elicitation.explorer.bitmap import png

    return png(picture_of(found, study))


def picture_of(found: Drawn, study: Study, *, most: int | None = None) -> Picture | None:
    """The still picture in the places of the whole; None where no value has a rank."""
    if found.graph is None or found.graph.values.empty:
        return None
    version = version_of(study)
    return draw(found.graph, found.titles, places(version), spacing(version), most=most)


FORMATS = {
    "values.csv": Format("text/csv; charset=utf-8", values_csv),
    "edges.csv": Format("text/csv; charset=utf-8", edges_csv),
    "graph.json": Format("application/json", _json),
    "graph.graphml": Format("application/xml", _graphml),
    "graph.gexf": Format("application/xml", _gexf),
    "graph.svg": Format("image/svg+xml", _svg),
    "graph.png": Format("image/png", _png),
}
