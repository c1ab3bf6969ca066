"""Numbers as a report prints them: true minus signs, no more digits than they deserve."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.plan.results import Quantity

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float | None, digits: int | None = None) -> str:
    """'−0.93'; two decimals below 100, more where the number is small; '–' where there is none."""
    if value is None or not isfinite(value):
        return NONE
    decimals = _decimals(value) if digits is None else digits
    text = f"{value:,.{decimals}f}".replace(",", THIN)
    return MINUS + text[1:] if text.startswith("-") and text.strip("-0.") else text.lstrip("-")


def _decimals(value: float) -> int:
    size = abs(value)
    if size >= 100:
        return 1
    if size >= 0.1 or size < 1e-6:  # what is that small is rounding, not a finding
        return 2
    return min(6, 1 - floor(log10(size)))


def percent(value: float | None) -> str:
    """'67.0 %' of a share."""
    return NONE if value is None else f"{number(100 * value, 1)}{THIN}%"


def level(value: float) -> str:
    """'95 %' of a confidence level."""
    return f"{100 * value:g}{THIN}%"


def p_value(value: float | None) -> str:
    """'= .032', '< .001'; for running text after a p."""
    if value is None:
        return "not available"
    if value < 0.001:
        return "< .001"
    return "= " + f"{value:.3f}".lstrip("0") if value < 0.9995 else "> .999"


def p_cell(value: float | None) -> str:
    """The same for a table's cell."""
    return NONE if value is None else p_value(value).removeprefix("= ")


def interval(quantity: Quantity, *, scale: float = 1.0, digits: int | None = None) -> str:
    """'−1.20 to −0.66'; what is missing said in words."""
    if quantity.low is None or quantity.high is None:
        return "no interval"
    low, high = quantity.low * scale, quantity.high * scale
    if digits is None:
        digits = max(_decimals(high - low), 1) if high > low else 2
        digits = min(digits, 4)
    return f"{number(low, digits)} to {number(high, digits)}"


def degrees(df: float | None) -> str:
    """'396.4', or '∞' for a z test."""
    return "∞" if df is None else number(df, 0 if df == int(df) else 1)
