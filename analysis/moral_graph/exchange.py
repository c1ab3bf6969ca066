"""Moral graphs as files: the published JSON, in and out, and GraphML and GEXF for other tools.

A published file holds values and edges with counts, no votes: it can be shown, compared and scored anew
under either rule, but has no intervals.
"""

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.moral_graph import ranks
from analysis.moral_graph.graph import MoralGraph
from analysis.moral_graph.rules import Counts, Rule, rule_of

Floats = NDArray[np.float64]

COUNTS = {
    "wiser": "markedWiser",
    "not_wiser": "markedNotWiser",
    "less_wise": "markedLessWise",
    "unsure": "markedUnsure",
    "impressions": "impressions",
}
DESCRIPTION = ("description", "instructionsShort")  # today's name, then the older one
POLICIES = ("policies", "evaluationCriteria")
DETAILS = "instructionsDetailed"
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0


class GraphFileError(ValueError):
    """A file that is no moral graph; the message names the place."""


@dataclass(frozen=True, slots=True)
class PublishedGraph:
    """A moral graph read from a file.

    values: value (id), title, description, details, policies (tuple of texts), rank (nan if not given).
    edges: from_value, to_value, the counts of a MoralGraph, likelihood, entropy (as written in the file;
    nan if not given), contexts (tuple).
    """

    values: pd.DataFrame
    edges: pd.DataFrame


def read_json(path: str | Path) -> PublishedGraph:
    """A published moral graph from a file. Raises GraphFileError, and OSError without a file."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        return from_json(json.loads(text, parse_constant=_no_constant))
    except UnicodeDecodeError as error:
        raise GraphFileError(f"the file is not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise GraphFileError(f"the file is not JSON: line {error.lineno}, {error.msg}") from None
    except RecursionError:
        raise GraphFileError("the file is not a moral graph: it is nested too deeply") from None


def _no_constant(name: str) -> float:
    raise GraphFileError(f"the file holds {name}, which is no number in JSON")


def from_json(document: Any) -> PublishedGraph:
    """A published moral graph, today's or the older field names. Raises GraphFileError naming the place."""
    whole = _object(document, "the document")
    values = [_value(item, f"values[{i}]") for i, item in enumerate(_list(whole, "values", "the document"))]
    known = {value["value"] for value in values}
    if len(known) < len(values):
        raise GraphFileError("values: an id occurs more than once")
    edges = [
        _edge(item, f"edges[{i}]", known) for i, item in enumerate(_list(whole, "edges", "the document"))
    ]
    if len({(edge["from_value"], edge["to_value"]) for edge in edges}) < len(edges):
        raise GraphFileError("edges: a pair of values occurs more than once")
    columns = ["from_value", "to_value", *COUNTS, "likelihood", "entropy", "contexts"]
    return PublishedGraph(
        pd.DataFrame(values, columns=["value", "title", "description", "details", "policies", "rank"]),
        pd.DataFrame(edges, columns=columns),
    )


def _object(item: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise GraphFileError(f"{place}: an object is needed, not {_kind(item)}")
    return item


def _kind(item: Any) -> str:
    return "null" if item is None else type(item).__name__


def _list(item: Mapping[str, Any], name: str, place: str) -> Sequence[Any]:
    if not isinstance(item.get(name), list):
        raise GraphFileError(f"{place}: '{name}' is missing or no list")
    found: list[Any] = item[name]
    return found


def _value(item: Any, place: str) -> dict[str, Any]:
    item = _object(item, place)
    return {
        "value": _id(item, "id", place),
        "title": _text(item, ("title",), place),
        "description": _text(item, DESCRIPTION, place),
        "details": _text(item, (DETAILS,), place),
        "policies": _texts(item, POLICIES, place),
        "rank": _number(item, "pageRank", place),
    }


def _edge(item: Any, place: str, known: set[Hashable]) -> dict[str, Any]:
    item = _object(item, place)
    ends = {"from_value": _id(item, "sourceValueId", place), "to_value": _id(item, "wiserValueId", place)}
    for end in ends.values():
        if end not in known:
            raise GraphFileError(f"{place}: value {end!r} is not among the values")
    if ends["from_value"] == ends["to_value"]:
        raise GraphFileError(f"{place}: the value {ends['to_value']!r} is compared with itself")
    counts = _object(item.get("counts"), f"{place}.counts")
    summary = _object(item.get("summary") or {}, f"{place}.summary")
    return {
        **ends,
        **{ours: _count(counts, theirs, f"{place}.counts") for ours, theirs in COUNTS.items()},
        "likelihood": _number(summary, "wiserLikelihood", f"{place}.summary"),
        "entropy": _number(summary, "entropy", f"{place}.summary"),
        "contexts": _texts(item, ("contexts",), place),
    }


def _id(item: Mapping[str, Any], name: str, place: str) -> Hashable:
    found = item.get(name)
    if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
        raise GraphFileError(f"{place}: '{name}' is {found!r}, a whole number or a text is needed")
    return found


def _text(item: Mapping[str, Any], names: Sequence[str], place: str) -> str:
    for name in names:
        found = item.get(name)
        if found is not None:
            if not isinstance(found, str):
                raise GraphFileError(f"{place}: '{name}' is {_kind(found)}, a text is needed")
            return found
    return ""


def _texts(item: Mapping[str, Any], names: Sequence[str], place: str) -> tuple[str, ...]:
    for name in names:
        found = item.get(name)
        if found is not None:
            if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
                raise GraphFileError(f"{place}: '{name}' is not a list of texts")
            return tuple(found)
    return ()


def _number(item: Mapping[str, Any], name: str, place: str) -> float:
    found = item.get(name)
    if found is None:
        return float("nan")
    if isinstance(found, bool) or not isinstance(found, int | float) or not np.isfinite(found):
        raise GraphFileError(f"{place}: '{name}' is {found!r}, a number is needed")
    return float(found)


def _count(item: Mapping[str, Any], name: str, place: str) -> int:
    found = item.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**53:
        raise GraphFileError(f"{place}: '{name}' is {found!r}, a count is needed")
    return found


def rescore(published: PublishedGraph, rule: str | Rule = "corrected") -> PublishedGraph:
    """The published graph under a rule: likelihood and entropy from its counts, edges kept, values ranked.

    Only edges that the file holds can be kept: what its authors left out is not in it. Values without an
    edge have no rank (nan).
    """
    rule = rule_of(rule)
    counts = Counts(*(published.edges[name].to_numpy(float) for name in Counts.__slots__))
    kept = counts.kept(rule)
    edges = published.edges.assign(likelihood=counts.likelihood, entropy=counts.entropy(rule))[kept]
    edges = edges.reset_index(drop=True)
    values = published.values.assign(rank=_ranks(edges, published.values["value"], rule))
    return PublishedGraph(values, edges)


def _ranks(edges: pd.DataFrame, values: pd.Series, rule: Rule) -> Floats:
    found = np.full(len(values), np.nan)
    if edges.empty:
        return found
    ends, labels = pd.factorize(pd.concat([edges["from_value"], edges["to_value"]], ignore_index=True))
    weight = edges["likelihood"].to_numpy(float)
    rank = ranks.pagerank(ends[: len(edges)], ends[len(edges) :], weight, len(labels), rule)
    known = dict(zip(labels, rank, strict=True))
    return np.array([known.get(value, np.nan) for value in values])


def to_json(graph: MoralGraph | PublishedGraph, cards: pd.DataFrame | None = None) -> dict[str, Any]:
    """The graph in the published format, ready for json.dumps. Missing numbers are null.

    Beside the published fields a computed graph's values have pageRankLow, pageRankHigh and wisdom.

    cards: the texts of the values, a row each: value, title, description, policies (a list); values
    without a row have empty texts. For a PublishedGraph its own texts are taken.
    """
    texts = _texts_of(graph, cards)
    edges = graph.edges
    return {
        "values": [
            {"id": _plain(row["value"]), **texts.get(row["value"], _card()), **_ranked(row)}
            for row in graph.values.to_dict("records")
        ],
        "edges": [
            {
                "sourceValueId": _plain(edge["from_value"]),
                "wiserValueId": _plain(edge["to_value"]),
                "contexts": [str(context) for context in edge["contexts"]],
                "counts": {theirs: int(edge[ours]) for ours, theirs in COUNTS.items()},
                "summary": {
                    "wiserLikelihood": _finite(edge["likelihood"]),
                    "entropy": _finite(edge["entropy"]),
                },
            }
            for edge in edges.to_dict("records")
        ],
    }


def _texts_of(
    graph: MoralGraph | PublishedGraph, cards: pd.DataFrame | None
) -> dict[Hashable, dict[str, Any]]:
    if isinstance(graph, PublishedGraph):
        cards = graph.values
    if cards is None:
        return {}
    return {row["value"]: _card(row) for row in cards.to_dict("records")}


def _card(row: Mapping[Hashable, Any] | None = None) -> dict[str, Any]:
    row = row or {}
    return {
        "title": str(row.get("title", "")),
        "description": str(row.get("description", "")),
        "policies": [str(policy) for policy in row.get("policies", ())],
    }


def _ranked(row: Mapping[Hashable, Any]) -> dict[str, float | None]:
    names = {"rank": "pageRank", "low": "pageRankLow", "high": "pageRankHigh", "wisdom": "wisdom"}
    return {theirs: _finite(row[ours]) for ours, theirs in names.items() if ours in row}


def _plain(label: Any) -> int | str:
    """A label that JSON knows."""
    return int(label) if isinstance(label, int | np.integer) else str(label)


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def to_networkx(graph: MoralGraph | PublishedGraph, cards: pd.DataFrame | None = None) -> networkx.DiGraph:
    """The graph with its numbers and texts as attributes; edges run from the less wise to the wiser value."""
    texts = _texts_of(graph, cards)
    built = networkx.DiGraph()
    columns = [name for name in ("rank", "low", "high", "wisdom") if name in graph.values]
    for row in graph.values.to_dict("records"):
        card = texts.get(row["value"], _card())
        numbers = {name: float(row[name]) for name in columns if np.isfinite(row[name])}
        label = _clean(card["title"] or str(row["value"]))
        built.add_node(
            _clean(str(row["value"])), label=label, description=_clean(card["description"]), **numbers
        )
    for row in graph.edges.to_dict("records"):
        numbers = {name: int(row[name]) for name in COUNTS}
        scored = {name: float(row[name]) for name in ("likelihood", "entropy") if np.isfinite(row[name])}
        contexts = _clean(" | ".join(map(str, row["contexts"])))
        ends = _clean(str(row["from_value"])), _clean(str(row["to_value"]))
        built.add_edge(*ends, weight=scored.get("likelihood", 1.0), contexts=contexts, **numbers, **scored)
    return built


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return UNPRINTABLE.sub("\ufffd", text)


def to_graphml(graph: MoralGraph | PublishedGraph, cards: pd.DataFrame | None = None) -> str:
    """The graph as GraphML, for Gephi, yEd, igraph and the like."""
    return _written(networkx.write_graphml, to_networkx(graph, cards))


def to_gexf(graph: MoralGraph | PublishedGraph, cards: pd.DataFrame | None = None) -> str:
    """The graph as GEXF, for Gephi."""
    return _written(networkx.write_gexf, to_networkx(graph, cards))


def _written(write: Any, graph: networkx.DiGraph) -> str:
    buffer = BytesIO()
    write(graph, buffer)
    return buffer.getvalue().decode("utf-8")
