"""Small made-up studies for the tests of the reliance measures."""

import numpy as np
import pandas as pd
from scipy.stats import norm


def hand_made() -> pd.DataFrame:
    """Three people, one three-class study, every case of the four answers; counted by hand in the tests."""
    rows = [
        # participant, item, truth, advice, initial, final
        ("ann", 1, "x", "x", "y", "x"),  # wrong, right advice, taken        (RAIR 1/1)
        ("ann", 2, "x", "y", "x", "x"),  # right, wrong advice, kept          (RSR 1/1)
        ("ann", 3, "x", "y", "z", "x"),  # wrong, wrong advice, differ: neither, though the final is right
        ("ann", 4, "x", "x", "x", "x"),  # agreed from the start
        ("ben", 1, "x", "x", "z", "z"),  # wrong, right advice, not taken     (RAIR 0/1)
        ("ben", 2, "x", "y", "x", "y"),  # right, wrong advice, taken         (RSR 0/1)
        ("ben", 3, "x", "y", "z", "y"),  # wrong, wrong advice, differ, taken: neither
        ("ben", 4, "x", "x", "x", "z"),  # left agreed advice
        ("cem", 1, "x", "x", "y", "x"),  # RAIR 1/1
        ("cem", 2, "x", "y", "y", "y"),  # wrong, wrong advice, the same: neither
        ("cem", 3, "x", "y", "x", "x"),  # RSR 1/1
        ("cem", 4, "x", "x", "x", "x"),
    ]
    return pd.DataFrame(rows, columns=["participant", "item", "truth", "advice", "initial", "final"])


def simulated(
    rng: np.random.Generator,
    people: int = 60,
    *,
    items: int = 8,
    right: float = 0.9,
    wrong: float = 0.6,
    spread: float = 0.7,
    first: float = 0.6,
) -> pd.DataFrame:
    """A two-stage yes/no study, half the advice right, people differing in how readily they agree.

    right, wrong: probability to take advice that is right or wrong, averaged over people; on the probit
    scale people are normal with standard deviation `spread`. first: accuracy before advice.
    """
    participant = np.repeat(np.arange(people), items)
    item = np.tile(np.arange(items), people)
    truth = item % 2 == 0
    advice = np.where(item < items / 2, truth, ~truth)
    initial = np.where(rng.random(people * items) < first, truth, ~truth)
    widen = np.sqrt(1 + spread**2)
    lean = spread * rng.standard_normal(people)[participant]
    follow = norm.cdf(np.where(advice == truth, norm.ppf(right), norm.ppf(wrong)) * widen + lean)
    final = np.where(rng.random(people * items) < follow, advice, ~advice)
    return pd.DataFrame(
        {
            "participant": participant,
            "item": item,
            "truth": truth,
            "advice": advice,
            "initial": initial,
            "final": final,
        }
    )


def value(table: pd.DataFrame, measure: str, column: str = "value") -> float:
    """One number of a tidy table."""
    return float(table.loc[table["measure"] == measure, column].item())
