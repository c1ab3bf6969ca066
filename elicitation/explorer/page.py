"""What the explorer's pages show: the picture, and tables that say everything the picture says."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from elicitation.explorer.asked import Asked, offers
from elicitation.explorer.files import FORMATS, picture_of
from elicitation.explorer.graphs import Drawn, drawn, moments
from elicitation.explorer.scene import compared
from study.protocol import Protocol
from study.registration.models import Study

FILTERS = {
    "context": _("Context"),
    "case": _("Case"),
    "group": _("Group"),
    "versus": _("Beside it, the group"),
}
FIRST_ROWS = 40  # of each table on the page with the picture; the page of tables has all
STILL = 80  # values in the picture for browsers without scripts


def context(study: Study, protocol: Protocol, asked: Asked) -> dict[str, Any]:
    """The context of the page with the picture."""
    found = drawn(study, asked)
    shared = _shared(study, protocol, asked, found)
    return {
        **shared,
        "files": list(FORMATS),
        "filters": [
            {"name": name, "label": FILTERS[name], "options": options, "chosen": getattr(asked, name)}
            for name, options in offers(protocol).items()
            if options
        ],
        "moments": moments(study),
        "picture": picture_of(found, study, most=STILL),
        "scene": reverse("graphs:download", args=(study.slug, "scene.json")),
        "values": shared["values"][:FIRST_ROWS],
        "edges": shared["edges"][:FIRST_ROWS],
    }


def whole(study: Study, protocol: Protocol, asked: Asked) -> dict[str, Any]:
    """The context of the page of tables."""
    return _shared(study, protocol, asked, drawn(study, asked))


def _shared(study: Study, protocol: Protocol, asked: Asked, found: Drawn) -> dict[str, Any]:
    graph = found.graph
    titles = found.titles
    beside = drawn(study, asked.beside) if asked.beside else None
    labels = {option.value: option.label for option in offers(protocol)["group"]}
    values, edges = value_rows(found), edge_rows(found)
    return {
        "study_title": protocol.say(protocol.title),
        "study": study,
        "rehearsal": study.mode != "real",
        "asked": asked,
        "query": asked.query(),
        "graph": graph,
        "found": found,
        "beside": beside,
        "groups": (labels.get(asked.group, ""), labels.get(asked.versus, "")),
        "compared": _compared(found, beside),
        "values": values,
        "edges": edges,
        "number": {"values": len(values), "edges": len(edges)},
        "left_out": [] if graph is None else [titles.get(value, str(value)) for value in graph.left_out],
    }


def value_rows(found: Drawn) -> list[dict[str, Any]]:
    """Ranked values with their words; highest first."""
    if found.graph is None:
        return []
    words = {row["value"]: row for row in found.cards.to_dict("records")}
    rows = []
    for row in found.graph.values.to_dict("records"):
        card = words.get(row["value"], {})
        rows.append(
            {
                **plain(row),
                "title": card.get("title", str(row["value"])),
                "description": card.get("description", ""),
                "authors": card.get("authors", 0),
            }
        )
    return rows


def edge_rows(found: Drawn) -> list[dict[str, Any]]:
    """Every ordered pair that was shown, kept ones first and by likelihood."""
    if found.graph is None:
        return []
    titles = found.titles
    pairs = found.graph.pairs.sort_values(["kept", "likelihood"], ascending=False, kind="stable")
    return [
        {**plain(row), "from_title": titles.get(row["from_value"], str(row["from_value"])),
         "to_title": titles.get(row["to_value"], str(row["to_value"]))}
        for row in pairs.to_dict("records")
    ]  # fmt: skip


def _compared(found: Drawn, beside: Drawn | None) -> list[dict[str, Any]]:
    """Two groups' ranks beside each other, the clearest differences first."""
    table, titles = compared([found, beside] if beside else []), found.titles
    order = pd.DataFrame(
        {"apart": ~table["apart"].astype(bool), "size": -table["difference"].abs().astype(float)}
    )
    rows = table.loc[order.sort_values(["apart", "size"], kind="stable").index].to_dict("records")
    return [{**plain(row), "title": titles.get(row["value"], row["value"])} for row in rows]


def plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row for the template: missing numbers are None."""
    return {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
