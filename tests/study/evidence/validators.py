"""Outside programs that know the standards: what they find wrong with a bundle."""

from __future__ import annotations

from study.evidence.checking import OUTSIDE, _outside


def frictionless_errors(folder) -> list[str]:
    return _outside(*OUTSIDE[0], folder).problems


def croissant_errors(folder) -> list[str]:
    return _outside(*OUTSIDE[1], folder).problems
