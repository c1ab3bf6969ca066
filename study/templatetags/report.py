"""Filters of the report: numbers, percentages, p-values and intervals as `study.analyses.wording` prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from study.analyses import wording

if TYPE_CHECKING:  # loaded with every page's templates, so it must not load numpy
    from analysis.plan.results import Quantity

register = template.Library()

register.filter("number", wording.number)
register.filter("percent", wording.percent)
register.filter("level", wording.level)
register.filter("p_value", wording.p_value)
register.filter("p_cell", wording.p_cell)
register.filter("degrees", wording.degrees)


@register.filter
def interval(quantity: Quantity) -> str:
    """The interval in the estimate's own unit."""
    return wording.interval(quantity)


@register.filter
def interval_percent(quantity: Quantity) -> str:
    """The interval of a share, in percent without the sign."""
    return wording.interval(quantity, scale=100, digits=1)


@register.filter
def labels(by: dict[str, object]) -> str:
    """The levels of a group: 'control', 'control, true'."""
    return ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in by.values())


@register.filter
def plural(count: int, word: str) -> str:
    """'1 person', '404 people' from 'person,people'."""
    one, many = word.split(",")
    return f"{wording.number(float(count), 0)} {one if count == 1 else many}"


@register.filter
def words(text: str) -> str:
    """'overreliance' and 'd_prime' as a reader's words."""
    return NAMES.get(text, text.replace("_", " ").capitalize())


NAMES = {
    "rair": "Relative AI reliance (RAIR)",
    "rsr": "Relative self-reliance (RSR)",
    "d_prime": "Sensitivity (d′)",
    "criterion": "Criterion (c)",
    "overreliance": "Overreliance: agrees when the AI is wrong",
    "underreliance": "Underreliance: disagrees when the AI is right",
    "initial_accuracy": "Accuracy before advice",
    "switch_fraction": "Switches to contradicting advice",
}
