"""Deterministic embeddings: hashed words and letter triples; texts that share words lie near each other."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256
TRIPLE_WEIGHT = 0.35  # a shared word says more than a shared triple, but triples join `honest` and `honesty`
FAMILIAR_TEXT = """a an and are as at be but by for from has have i in is it its me my of on or so that the
their them they this to was we what when where which who will with you your"""
FAMILIAR = frozenset(FAMILIAR_TEXT.split())


def embed(text: str) -> NDArray[np.float64]:
    """A vector of length 1 with 256 entries; all entries are 0 for a text without a letter or digit."""
    vector = np.zeros(DIMENSIONS)
    for feature, weight in _features(text).items():
        digest = hashlib.blake2b(feature.encode(), digest_size=5).digest()
        sign = 1.0 if digest[4] & 1 else -1.0
        vector[int.from_bytes(digest[:4], "big") % DIMENSIONS] += sign * weight
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _features(text: str) -> dict[str, float]:
    counts: Counter[str] = Counter()
    weights: dict[str, float] = {}
    for feature, weight in _weighted(text):
        counts[feature] += 1
        weights[feature] = weight
    return {feature: weights[feature] * float(np.sqrt(count)) for feature, count in counts.items()}


def _weighted(text: str) -> Iterator[tuple[str, float]]:
    for word in re.findall(r"\w+", text.lower()):
        if word in FAMILIAR:
            continue
        yield word, 1.0
        framed = f"^{word}$"
        for start in range(len(framed) - 2):
            yield f"3:{framed[start : start + 3]}", TRIPLE_WEIGHT
