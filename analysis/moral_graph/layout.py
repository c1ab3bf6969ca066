"""Where the values of a graph stand on a plane: wiser is higher, values that were compared stand near each other.

Computed once for a graph of all votes; every filter, group and date of it is drawn in the same places, so that two
pictures can be compared by eye. No randomness is left to the machine: the same votes and seed give the same places.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

WIDTH, HEIGHT = 1000.0, 640.0
ROUNDS = 160
SMOOTHING = 60  # passes in which a value moves towards the values it was compared with, before the fine work
APART = 0.92  # of the spacing that an even grid would have


@dataclass(frozen=True, slots=True)
class Layout:
    """x, y: shape (values,), within WIDTH and HEIGHT, y grows downwards. spacing: distance between neighbours on an
    even grid of so many values, from which a picture takes the size of its circles."""

    x: Floats
    y: Floats
    spacing: float


def place(source: Ints, target: Ints, weight: Floats, height: Floats, *, seed: int = 0) -> Layout:
    """Places for `len(height)` values.

    source, target, weight: the pairs that were compared, by index of their values, and how often. height: what lifts
    a value (its rank); nan for values without one, which stand at the bottom. The order of heights decides, not their
    size. x comes from smoothing over the comparisons, then neighbours push each other apart.
    Raises ValueError for an index that is no value.
    """
    count = len(height)
    if len(source) and not 0 <= min(source.min(), target.min()) <= max(source.max(), target.max()) < count:
        raise ValueError(f"a pair names a value that is not among the {count}")
    spacing = float(np.sqrt(WIDTH * HEIGHT / max(count, 1)))
    lift = _lift(height)
    x = _across(source, target, weight, count, np.random.default_rng(seed))
    places = np.column_stack([x * WIDTH, lift * HEIGHT])
    margin = min(spacing / 2, 70.0)
    for turn in range(ROUNDS if count > 1 else 0):
        slow = 1 - turn / ROUNDS
        places += slow * 0.04 * _pull(places, source, target)
        places[:, 1] += slow * 0.12 * (lift * HEIGHT - places[:, 1])
        places += _push(places, spacing * APART)
        np.clip(places, margin, [WIDTH - margin, HEIGHT - margin], out=places)
    return Layout(places[:, 0].round(2), places[:, 1].round(2), spacing)


def _lift(height: Floats) -> Floats:
    """0 at the top for the highest, 1 at the bottom, evenly by order; ties and missing ones by their index."""
    order = np.argsort(-np.nan_to_num(height, nan=-np.inf), kind="stable")
    found = np.empty(len(height))
    found[order] = (np.arange(len(height)) + 0.5) / max(len(height), 1)
    return found


def _across(source: Ints, target: Ints, weight: Floats, count: int, rng: np.random.Generator) -> Floats:
    """0 to 1, evenly by the order of a smooth function on the comparisons: compared values end up near each other."""
    one, other = np.concatenate([source, target]), np.concatenate([target, source])
    near = coo_array((np.concatenate([weight, weight]), (one, other)), shape=(count, count)).tocsr()
    degree = np.maximum(near.sum(axis=1), 1e-12)
    found: Floats = rng.standard_normal(count)
    for _ in range(SMOOTHING):
        found = 0.5 * found + 0.5 * (near @ found) / degree
        found -= found.mean()
        found /= np.abs(found).max(initial=0) or 1.0
    order = np.argsort(found, kind="stable")
    even = np.empty(count)
    even[order] = (np.arange(count) + 0.5) / max(count, 1)
    return even


def _pull(places: Floats, source: Ints, target: Ints) -> Floats:
    """Sideways, to the mean of the values that each was compared with."""
    count = len(places)
    gap = places[target, 0] - places[source, 0]
    degree = np.bincount(np.concatenate([source, target]), minlength=count)
    total = np.bincount(source, weights=gap, minlength=count) - np.bincount(
        target, weights=gap, minlength=count
    )
    moved = np.zeros((count, 2))
    moved[:, 0] = total / np.maximum(degree, 1)
    return moved


def _push(places: Floats, apart: float) -> Floats:
    """Half of what two values lack to the distance, away from each other; upright by half, since height tells rank."""
    pairs = cKDTree(places).query_pairs(apart, output_type="ndarray")
    moved = np.zeros_like(places)
    if not len(pairs):
        return moved
    gap = places[pairs[:, 0]] - places[pairs[:, 1]]
    gap[:, 0] += np.where(np.abs(gap).sum(axis=1) < 1e-9, 1e-3, 0.0)  # on the same spot: sideways
    length = np.hypot(gap[:, 0], gap[:, 1])
    step = gap * (0.5 * (apart - length) / length)[:, None] * [1.0, 0.7]
    for axis in (0, 1):
        moved[:, axis] = np.bincount(pairs[:, 0], weights=step[:, axis], minlength=len(places)) - np.bincount(
            pairs[:, 1], weights=step[:, axis], minlength=len(places)
        )
    most = apart / 2  # of one round, so that a crowd does not explode
    return np.clip(moved, -most, most)
