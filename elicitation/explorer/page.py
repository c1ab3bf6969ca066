"""What the explorer's page shows: the picture, and tables that say everything the picture says."""

from __future__ import annotations

import math
from typing import Any

from elicitation.explorer.asked import Asked, offers
from elicitation.explorer.files import FORMATS
from elicitation.explorer.graphs import Drawn, drawn
from elicitation.explorer.picture import draw, titles_of
from elicitation.stages.configs import CompareValuesStage
from study.protocol import Protocol
from study.registration.models import Study

FILTERS = {"context": "Context", "case": "Case", "group": "Group"}


def context(study: Study, protocol: Protocol, asked: Asked) -> dict[str, Any]:
    """The template's context."""
    found = drawn(study, asked)
    graph = found.graph
    whole = graph is not None and not graph.values.empty
    return {
        "study_title": protocol.say(protocol.title),
        "study": study,
        "rehearsal": study.mode != "real",
        "asked": asked,
        "query": asked.query(),
        "files": list(FORMATS),
        "filters": [
            {"name": name, "label": FILTERS[name], "options": options, "chosen": getattr(asked, name)}
            for name, options in offers(protocol).items()
            if options
        ],
        "graph": graph,
        "found": found,
        "picture": draw(graph, titles_of(found.cards)) if graph is not None and whole else None,
        "values": value_rows(found),
        "edges": edge_rows(found, protocol),
        "left_out": [] if graph is None else [found.title(value) for value in graph.left_out],
    }


def value_rows(found: Drawn) -> list[dict[str, Any]]:
    """Ranked values with their words; highest first."""
    if found.graph is None:
        return []
    words = {row["value"]: row for row in found.cards.to_dict("records")}
    rows = []
    for row in found.graph.values.to_dict("records"):
        card = words.get(row["value"], {})
        rows.append({**_plain(row), "title": found.title(row["value"]), "description": card.get("description", ""),
                     "policies": card.get("policies", []), "authors": card.get("authors", 0)})  # fmt: skip
    return rows


def edge_rows(found: Drawn, protocol: Protocol) -> list[dict[str, Any]]:
    """Every ordered pair that was shown, kept ones first and by likelihood, with its stories where a value kept its
    code."""
    if found.graph is None:
        return []
    stories = _stories(protocol)
    pairs = found.graph.pairs.sort_values(["kept", "likelihood"], ascending=False, kind="stable")
    return [
        {**_plain(row), "from_title": found.title(row["from_value"]), "to_title": found.title(row["to_value"]),
         "stories": stories.get((row["from_value"], row["to_value"]), [])}
        for row in pairs.to_dict("records")
    ]  # fmt: skip


def _stories(protocol: Protocol) -> dict[tuple[Any, Any], list[tuple[str, str]]]:
    found: dict[tuple[Any, Any], list[tuple[str, str]]] = {}
    for stage in protocol.flow:
        for one in stage.upgrades if isinstance(stage, CompareValuesStage) else ():
            found.setdefault((one.from_value, one.to_value), []).append(
                (one.context, protocol.say(one.story))
            )
            found.setdefault((one.to_value, one.from_value), []).append((one.context, protocol.say(one.back)))
    return found


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row for the template: missing numbers are None."""
    return {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
