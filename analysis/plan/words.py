"""Contrasts and criteria in words, for whoever has the plan and no statistics at hand."""

from __future__ import annotations

from analysis.plan.types import Contrast, Criterion, Scalar


def contrast_text(contrast: Contrast) -> str:
    """The estimand in one line: 'arm: hedged − control, where ai_correct is false'."""
    text = f"{contrast.factor}: {_word(contrast.level)} − {_word(contrast.reference)}"
    if contrast.within is not None:
        w = contrast.within
        text = f"({text}) at {w.factor} {_word(w.level)} less the same at {w.factor} {_word(w.reference)}"
    fixed = " and ".join(f"{name} is {_word(value)}" for name, value in contrast.at.items())
    return f"{text}, where {fixed}" if fixed else text


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def criterion_text(criterion: Criterion) -> str:
    """What the contrast must be: 'below 0', 'between −0.2 and 0.2'."""
    if criterion.bounds is not None:
        low, high = criterion.bounds
        return f"between {low:g} and {high:g}"
    word = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}[criterion.op]
    return f"{word} {criterion.value:g}"
