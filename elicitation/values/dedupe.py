"""Which cards are the same value: close cards are candidates, and a judge decides about each pair once.

Nearness only nominates. Two groups of cards become one when the judge calls a pair of them the same, their
first cards are the same too, and nobody in one group was judged different from somebody in the other; so that
a chain of small steps cannot join cards that no judge would call the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Pair = tuple[int, int]
Judge = Callable[[int, int], bool | None]
Judges = Callable[[Sequence[Pair]], Sequence[bool | None]]
Told = Callable[[int, int], None]

BLOCK = 1024  # rows of the distance matrix held at once
AHEAD = 4096  # candidate pairs that may wait while others, which they do not touch, are asked about


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Pairs of cards within a cosine distance, nearest first: first < second, distance 0 to 2; (pairs,)."""

    first: Ints
    second: Ints
    distance: Floats


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said about a pair: same, or None when there was no usable answer."""

    first: int
    second: int
    distance: float
    same: bool | None


@dataclass(frozen=True, slots=True)
class Deduplication:
    """The result: each card's canonical card (its group's first), all judgements, nearest pairs first, and the number
    of candidate pairs. There are never more judgements than candidates."""

    canonical: tuple[int, ...]
    judgements: tuple[Judgement, ...]
    candidates: int
    threshold: float

    @property
    def values(self) -> int:
        return len(set(self.canonical))

    @property
    def undecided(self) -> tuple[Judgement, ...]:
        """Pairs without an answer, to be asked again; they joined nothing."""
        return tuple(one for one in self.judgements if one.same is None)


def neighbours(vectors: ArrayLike, threshold: float) -> Neighbours:
    """All pairs of rows (cards, dimensions) within a cosine distance of at most `threshold`.

    Exact, in blocks. Raises ValueError for vectors that are not finite, are all 0, or are no matrix, and
    for a threshold outside 0 to 2.
    """
    unit = _unit(vectors)
    if not 0 <= threshold <= 2:
        raise ValueError(f"threshold is {threshold}: a cosine distance is between 0 and 2")
    found = [_block(unit, start, threshold) for start in range(0, len(unit), BLOCK)]
    first, second, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((second, first, distance))
    return Neighbours(first[order], second[order], distance[order])


def _unit(vectors: ArrayLike) -> Floats:
    matrix = np.asarray(vectors, dtype=np.float64)
    if matrix.ndim != 2 or not len(matrix):
        raise ValueError("vectors are a matrix, one row per card")
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(matrix).all() or (length == 0).any():
        raise ValueError("a vector is not finite or all 0")
    unit: Floats = matrix / length
    return unit


def _block(unit: Floats, start: int, threshold: float) -> tuple[Ints, Ints, Floats]:
    """Close pairs whose first card is in the block that begins at `start`."""
    rows = unit[start : start + BLOCK]
    distance = np.clip(1 - rows @ unit[start:].T, 0, 2)
    first, second = np.nonzero(distance <= threshold + 1e-12)
    later = second > first
    first, second = first[later], second[later]
    return first + start, second + start, distance[first, second]


def deduplicate(
    vectors: ArrayLike, judge: Judge, *, threshold: float, told: Told = lambda done, total: None
) -> Deduplication:
    """Group the cards. judge(first, second): True same, False different, None no usable answer. told(done, all) after
    each candidate pair that is settled."""
    return deduplicate_together(
        vectors, lambda pairs: [judge(*pair) for pair in pairs], at_once=1, threshold=threshold, told=told
    )


def deduplicate_together(
    vectors: ArrayLike,
    judges: Judges,
    *,
    at_once: int,
    threshold: float,
    told: Told = lambda done, total: None,
) -> Deduplication:
    """As `deduplicate`, with up to `at_once` pairs put to the judges together: their answers in the order of the pairs.

    Asked together are only pairs of which none can change whether another is asked about: no two touch the same group,
    nor one of a nearer pair that is still waiting. So the groups, the pairs that are asked about and their number are
    those of asking one after another.
    """
    close = neighbours(vectors, threshold)
    size, total = len(np.asarray(vectors)), len(close.first)
    groups, done = _Groups(size, close), 0
    coming = iter(zip(close.first.tolist(), close.second.tolist(), strict=True))
    waiting: list[Pair] = []
    while done < total:
        before = iter(waiting)
        questions, left, settled = groups.round(chain(before, coming), at_once)
        waiting = [*left, *before]
        for _ in range(settled):
            done += 1
            told(done, total)
        for pair, same in zip(questions, judges(questions) if questions else (), strict=True):
            groups.hear(pair, same)
    canonical = tuple(groups.root(card) for card in range(size))
    judgements = tuple(sorted(groups.judged.values(), key=lambda one: (one.distance, one.first, one.second)))
    return Deduplication(canonical, judgements, total, threshold)


@dataclass
class _Groups:
    """Groups of cards that grow while pairs are considered; each pair is judged at most once."""

    size: int
    close: Neighbours
    judged: dict[Pair, Judgement] = field(default_factory=dict)
    parent: list[int] = field(init=False)
    apart: dict[int, set[int]] = field(default_factory=dict)
    distance: Mapping[Pair, float] = field(init=False)

    def __post_init__(self) -> None:
        self.parent = list(range(self.size))
        pairs = zip(self.close.first.tolist(), self.close.second.tolist(), strict=True)
        self.distance = dict(zip(pairs, self.close.distance.tolist(), strict=True))

    def root(self, card: int) -> int:
        """The first card of the group."""
        while self.parent[card] != card:
            self.parent[card] = self.parent[self.parent[card]]
            card = self.parent[card]
        return card

    def round(self, pairs: Iterator[Pair], at_once: int) -> tuple[list[Pair], list[Pair], int]:
        """Of the next pairs: the questions to be asked now, the pairs that wait for answers, and how many were settled.

        A pair waits while an earlier one that waits touches one of its groups: nothing is decided out of turn.
        """
        questions: list[Pair] = []
        waiting: list[Pair] = []
        touched: set[int] = set()
        settled = 0
        while len(questions) < at_once and len(waiting) < AHEAD and (pair := next(pairs, None)):
            ends = {self.root(card) for card in pair}
            in_turn = touched.isdisjoint(ends)
            question = self.question(*pair) if in_turn else None
            if len(ends) == 1 or (in_turn and question is None):
                settled += 1
                continue
            if question is not None:
                questions.append(question)
            waiting.append(pair)
            touched |= ends
        return questions, waiting, settled

    def question(self, first: int, second: int) -> Pair | None:
        """What has to be asked before it is clear whether the groups of a close pair become one. None when it is clear:
        they are one now where the judge and everyone in them agrees."""
        one, other = sorted((self.root(first), self.root(second)))
        if one == other or self._apart(one, other):
            return None
        for pair in ((first, second), (one, other)):
            if pair not in self.distance:
                return None
            if pair not in self.judged:
                return pair
            if self.judged[pair].same is not True:
                return None
        self.parent[other] = one
        self.apart.setdefault(one, set()).update(self.apart.pop(other, set()))
        return None

    def hear(self, pair: Pair, same: bool | None) -> None:
        """Note an answer; different cards keep their groups apart for good."""
        self.judged[pair] = Judgement(*pair, self.distance[pair], same)
        if same is False:
            self.apart.setdefault(self.root(pair[0]), set()).add(pair[1])

    def _apart(self, one: int, other: int) -> bool:
        return any(self.root(card) == other for card in self.apart.get(one, ())) or any(
            self.root(card) == one for card in self.apart.get(other, ())
        )
