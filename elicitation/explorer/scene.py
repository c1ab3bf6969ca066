"""What the page's canvas draws, as JSON: every value that was voted on with its place and circle, every edge with its
answers, and in which contexts, cases and groups each edge was voted on, so that a filter answers at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pandas as pd
from django.utils.translation import get_language

from analysis.moral_graph import MoralGraph
from analysis.moral_graph.compare import differences
from analysis.moral_graph.layout import HEIGHT, WIDTH
from elicitation.explorer.asked import Asked, choices, offers
from elicitation.explorer.graphs import SEED, Drawn, Version, drawn, places, selected, spacing, version_of
from elicitation.explorer.picture import about_edge, about_value, circles, support, top_of
from study.protocol import Protocol
from study.registration.models import Study
from study.session.walks import protocol_of_study

NUMBERS = ("rank", "low", "high", "position_low", "position_high", "first")
COUNTS = ("wiser", "not_wiser", "unsure")
SHARES = ("share", "share_low", "share_high")


def scene(study: Study, asked: Asked) -> str:
    """The document of an address: `graphs` (one, or two groups side by side) in the same places, `values` and `marks`
    of the whole, and `differences` between two groups. What it says of a value or an edge is in the reader's
    language."""
    return _written(version_of(study), asked, get_language() or "en")


@lru_cache(maxsize=32)
def _written(version: Version, asked: Asked, language: str) -> str:
    study = Study.objects.get(pk=version.study)
    protocol = protocol_of_study(study)
    if protocol is None:
        raise ValueError(f"'{study.slug}' has no protocol")
    document = _document(study, protocol, asked, version)
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _document(study: Study, protocol: Protocol, asked: Asked, version: Version) -> dict[str, Any]:
    wanted = [asked.alone, *([asked.beside] if asked.beside else [])]
    found = [drawn(study, one) for one in wanted]
    whole = drawn(study, Asked())
    top = top_of(*(one.graph for one in found))
    at, titles = places(version), whole.titles
    order = {value: number for number, value in enumerate(at)}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "query": asked.query(),
        "values": {
            "code": list(at),
            "title": [titles.get(value, value) for value in at],
            "x": [x for x, _y in at.values()],
            "y": [y for _x, y in at.values()],
        },
        "graphs": [_graph(one, order, spacing(version), top) for one in found],
        "differences": _differences(found, order),
        "marks": _marks(whole, version, protocol) if asked == Asked() else None,
    }


def _graph(found: Drawn, order: dict[str, int], gap: float, top: float) -> dict[str, Any]:
    """One graph: columns of its values (`at`: index into the whole's) and of its edges."""
    graph = found.graph
    if graph is None:
        return {"votes": 0, "participants": 0, "values": {"at": []}, "edges": {"from": []}, "left_out": []}
    return {
        "votes": graph.votes,
        "participants": graph.participants,
        "values": _values(graph, found, order, gap, top),
        "edges": _edges(graph, found, order),
        "left_out": [order[str(value)] for value in graph.left_out],
    }


def _values(graph: MoralGraph, found: Drawn, order: dict[str, int], gap: float, top: float) -> dict[str, Any]:
    titles, rows = found.titles, graph.values.to_dict("records")
    sizes = circles(graph, gap, top)
    return {
        "at": [order[row["value"]] for row in rows],
        "r": [circle.radius for circle in sizes],
        "r_low": [circle.low for circle in sizes],
        "r_high": [circle.high for circle in sizes],
        "position": graph.values["position"].tolist(),
        **{name: _column(graph.values[name]) for name in NUMBERS},
        "about": [about_value(row, titles.get(row["value"], str(row["value"]))) for row in rows],
    }


def _edges(graph: MoralGraph, found: Drawn, order: dict[str, int]) -> dict[str, Any]:
    titles, edges = found.titles, graph.edges
    widest = int(edges["wiser"].max()) if len(edges) else 1
    said = (
        about_edge(row, titles.get(row["from_value"], ""), titles.get(row["to_value"], ""))
        for row in edges.to_dict("records")
    )
    return {
        "from": edges["from_value"].map(order).tolist(),
        "to": edges["to_value"].map(order).tolist(),
        "width": [support(wiser, widest, len(edges)) for wiser in edges["wiser"].tolist()],
        "settled": (edges["share_low"] > 0.5).astype(int).tolist(),
        **{name: edges[name].tolist() for name in COUNTS},
        **{name: _column(edges[name]) for name in SHARES},
        "about": list(said),
    }


def _column(numbers: pd.Series) -> list[float | None]:
    """Rounded for the way; missing ones are null."""
    return [round(one, 5) if math.isfinite(one) else None for one in numbers.tolist()]


def _differences(found: list[Drawn], order: dict[str, int]) -> list[dict[str, Any]]:
    """How the ranks of two groups differ; empty for one, or where a group has no votes."""
    table = compared(found)
    return [
        {"at": order[str(row["value"])], "apart": bool(row["apart"]), "first": row["difference"] > 0}
        for row in table.to_dict("records")
    ]


def compared(found: Iterable[Drawn]) -> pd.DataFrame:
    """The ranks of two graphs beside each other; an empty table for anything else."""
    graphs = [one.graph for one in found]
    if len(graphs) != 2 or graphs[0] is None or graphs[1] is None:
        return pd.DataFrame(columns=["value", "rank", "other_rank", "difference", "low", "high", "apart"])
    return differences(graphs[0], graphs[1], seed=SEED)


def _marks(whole: Drawn, version: Version, protocol: Protocol) -> dict[str, Any]:
    """For each filter its options and, for each edge of the whole, the numbers of the options with votes on it in
    either direction."""
    if whole.graph is None:
        return {}
    offered = offers(protocol)
    edges = list(zip(whole.graph.edges["from_value"], whole.graph.edges["to_value"], strict=True))
    marks: dict[str, Any] = {}
    for name, column in (("context", "context"), ("case", "case")):
        options = [one.value for one in offered[name]]
        marks[name] = {
            "options": options,
            "edges": _marked(selected(version, Asked()), column, "", options, edges),
        }
    options = [one.value for one in offered["group"]]
    rows: list[list[int]] = [[] for _ in edges]
    for question in choices(protocol):
        votes = selected(version, Asked(group=f"{question.id}:"))
        for row, more in zip(rows, _marked(votes, "group", f"{question.id}:", options, edges), strict=True):
            row += more
    return {**marks, "group": {"options": options, "edges": rows}}


def _marked(
    votes: pd.DataFrame, column: str, prefix: str, options: list[str], edges: list[tuple[str, str]]
) -> list[list[int]]:
    number = {option: at for at, option in enumerate(options)}
    seen: dict[tuple[str, str], set[int]] = {}
    for lower, upper, label in set(zip(votes["from_value"], votes["to_value"], votes[column], strict=True)):
        if f"{prefix}{label}" in number:
            for ends in ((lower, upper), (upper, lower)):
                seen.setdefault(ends, set()).add(number[f"{prefix}{label}"])
    return [sorted(seen.get(ends, ())) for ends in edges]
