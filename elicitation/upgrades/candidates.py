"""Which pairs of values are worth asking about in a context: near to each other and near to the context. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two values by place, first < second, and their cosine distance, 0 to 2."""

    first: int
    second: int
    distance: float


def candidates(values: ArrayLike, context: ArrayLike, *, most: int, near: int = 4) -> list[Candidate]:
    """Up to `most` pairs, the most promising first.

    values: (values, dimensions); context: (dimensions,). A pair is one of a value and its `near` nearest others; pairs
    are ordered by their distance plus the mean of their distances to the context. Raises ValueError for
    vectors that are all 0 or not finite.
    """
    unit, about = (
        _unit(np.atleast_2d(np.asarray(values, float))),
        _unit(np.atleast_2d(np.asarray(context, float))),
    )
    between, away = 1 - unit @ unit.T, (1 - unit @ about.T)[:, 0]
    np.fill_diagonal(between, np.inf)
    pairs = {
        (min(place, other), max(place, other))
        for place, row in enumerate(between)
        for other in np.argsort(row, kind="stable")[: min(near, len(row) - 1)].tolist()
    }
    order = sorted(pairs, key=lambda pair: (between[pair] + (away[pair[0]] + away[pair[1]]) / 2, pair))
    return [Candidate(a, b, float(np.clip(between[a, b], 0, 2))) for a, b in order[:most]]


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(vectors).all() or (length == 0).any():
        raise ValueError("a vector is not finite or all 0")
    unit: Floats = vectors / length
    return unit
