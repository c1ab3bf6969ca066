"""Which values and stories a participant meets: a pure function of the registration's seed and the participant.

The stream of uniform numbers is HMAC-SHA256(key, "page/1"), HMAC-SHA256(key, "page/2") …, the first 8 bytes of each
read as a big-endian integer over 2^64; the key is HMAC-SHA256(seed, "elicitation/" + participant's code), the seed
as its 32 bytes. So a stranger can draw again what the study drew, once the seed is revealed.
"""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pair:
    """An upgrade as the draw sees it: its id and the codes of its two values."""

    id: str
    values: frozenset[str]


def key(seed: str, participant: str) -> bytes:
    """The participant's own key. `seed`: hex, '' in previews of unregistered studies."""
    return hmac.new(bytes.fromhex(seed), f"elicitation/{participant}".encode(), hashlib.sha256).digest()


def uniforms(key: bytes, page: str) -> Iterator[float]:
    """Endless numbers in [0, 1), fixed by key and page."""
    number = 0
    while True:
        number += 1
        digest = hmac.new(key, f"{page}/{number}".encode(), hashlib.sha256).digest()
        yield (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def sample(pool: Sequence[T], count: int, chance: Iterator[float]) -> list[T]:
    """`count` of the pool in random order, each equally likely (count / len(pool)). Raises ValueError if too few."""
    if count > len(pool):
        raise ValueError(f"{count} of {len(pool)} cannot be drawn")
    rest = list(pool)
    return [rest.pop(int(next(chance) * len(rest))) for _ in range(count)]


def pick(
    pairs: Sequence[Pair], chosen: frozenset[str], own: float, chance: Iterator[float]
) -> tuple[Pair, bool, float]:
    """One pair, whether it is told backwards, and the probability of exactly that story.

    A pair that holds a chosen value is `own` times as likely as another; each direction has one half.
    Raises ValueError without pairs.
    """
    if not pairs:
        raise ValueError("there is no pair to draw from")
    weights = [own if pair.values & chosen else 1.0 for pair in pairs]
    left = next(chance) * sum(weights)
    place = min(bisect_right(list(accumulate(weights)), left), len(pairs) - 1)
    return pairs[place], next(chance) < 0.5, weights[place] / sum(weights) / 2
