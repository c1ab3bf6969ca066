"""The report's figures, each a drawing with the words that stand in for it."""

from __future__ import annotations

from analysis.plan.results import Results
from study.protocol.types import Protocol
from study.tables.consort import Flow
from study.tables.tidy import Tables


def of_study(results: Results, flow: Flow, tables: Tables, protocol: Protocol) -> dict[str, object]:
    """Figures by place in the report."""
    return of_results(results)


def of_results(results: Results) -> dict[str, object]:
    """Figures that need the results alone."""
    return {}
