"""Rows whose state is their last decision: drafted cases, pairs of cards, proposed upgrades."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Q, QuerySet, Subquery

Rows = TypeVar("Rows", bound=QuerySet[Any])


def with_last(rows: Rows, decisions: QuerySet[Any], states: tuple[str, ...]) -> Rows:
    """Each row with `state` and `reason`, those of the last of its decisions; only those in `states` where some are
    given. decisions: filtered by the row (`OuterRef("pk")`)."""
    last = decisions.order_by("-number")
    found = rows.annotate(**{name: Subquery(last.values(name)[:1]) for name in ("state", "reason")})
    return found.filter(Q(("state__in", states))) if states else found
