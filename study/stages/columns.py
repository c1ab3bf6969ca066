"""Columns of the tidy tables: what a stage kind says that it adds to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a tidy table, for exports and the codebook.

    values: what numbers and levels mean; source: where the values come from.
    """

    name: str
    table: str
    type: str
    label: str
    levels: Sequence[str] = ()
    unit: str = ""
    values: str = ""
    source: str = ""
