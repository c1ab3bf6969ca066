"""The columns that the tables of a protocol will have."""

from __future__ import annotations

from typing import Literal

from study.protocol.types import Protocol
from study.stages.columns import Column


def known_columns(protocol: Protocol, table: Literal["participants", "trials"]) -> dict[str, Column]:
    """Columns of one table by name."""
    from study.stages import register_shipped, registry
    from study.tables.columns import columns_of

    if not registry.kinds():
        register_shipped()
    return {column.name: column for column in columns_of(table, [protocol])}
