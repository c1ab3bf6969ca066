"""How far two texts lie apart, by their vectors. Plain Python: pages use it, which load no numeric libraries."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cosine_distance(first: Sequence[float], second: Sequence[float]) -> float:
    """1 less the cosine of the angle between two vectors (n,), 0 to 2.

    Raises ValueError for vectors of different lengths, and for ones that are empty, zero or not finite.
    """
    if len(first) != len(second):
        raise ValueError(f"vectors of {len(first)} and {len(second)} numbers cannot be compared")
    size = math.hypot(*first) * math.hypot(*second)
    if not size or not math.isfinite(size):
        raise ValueError("a text has no direction: its vector is empty, zero or not finite")
    along = math.fsum(one * other for one, other in zip(first, second, strict=True))
    return min(max(1 - along / size, 0.0), 2.0)
