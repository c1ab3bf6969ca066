"""The registered bonus rule as arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from study.protocol.types import BonusRule

CENT = Decimal("0.01")


def bonus_of(rule: BonusRule, units: int) -> Decimal:
    """units × amount, at most the cap, rounded half up to two places.

    >>> bonus_of(BonusRule(per="correct", amount=0.05, cap=1.0), 7)
    Decimal('0.35')
    >>> bonus_of(BonusRule(per="correct", amount=0.05, cap=0.2), 7)
    Decimal('0.20')
    """
    if units < 0:
        raise ValueError("units are counted from 0")
    raw = Decimal(str(rule.amount)) * units
    capped = raw if rule.cap is None else min(raw, Decimal(str(rule.cap)))
    return capped.quantize(CENT, rounding=ROUND_HALF_UP)
