"""The distance of two texts, by hand, by a second route and by refusal."""

import math

import numpy as np
import pytest

from analysis.distances import cosine_distance


def test_by_hand():
    assert cosine_distance([1, 0], [3, 0]) == 0
    assert cosine_distance([1, 0], [0, 2]) == 1
    assert cosine_distance([1, 0], [-1, 0]) == 2
    assert cosine_distance([1, 0], [1, 1]) == pytest.approx(1 - 1 / math.sqrt(2), abs=1e-15)


def test_equals_numpy_on_random_vectors():
    rng = np.random.default_rng(3)
    for one, other in rng.normal(size=(50, 2, 300)):
        expected = 1 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
        assert cosine_distance(list(one), list(other)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([0, 0], [1, 0]), ([math.nan, 1], [1, 1]), ([math.inf, 1], [1, 1])]
)
def test_a_vector_without_a_direction_is_refused(first, second):
    with pytest.raises(ValueError, match="no direction"):
        cosine_distance(first, second)


def test_vectors_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 and 3"):
        cosine_distance([1, 2], [1, 2, 3])
