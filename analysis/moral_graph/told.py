"""A moral graph as plain numbers, to be written in one place and found again in another."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.moral_graph.graph import MoralGraph


def told(graph: MoralGraph) -> dict[str, Any]:
    """votes, participants, level; values, outside and pairs with the columns of a MoralGraph, a row each. JSON: what is
    nan there is None here."""
    tables = {"values": graph.values, "outside": graph.outside, "pairs": graph.pairs}
    return {
        "votes": graph.votes,
        "participants": graph.participants,
        "level": graph.level,
        **{name: [_row(row) for row in table.to_dict("records")] for name, table in tables.items()},
    }


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if pd.isna(value) else value
