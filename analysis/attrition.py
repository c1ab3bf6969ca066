"""Do people leave one condition more often than another? Counts only, so that it can be watched while blinded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special  # a fifth of what scipy.stats takes to load, on a page that people wait for

DRAWS = 9_999
SMALL = 5  # expected counts below it: the asymptotic distribution is not trusted


@dataclass(frozen=True, slots=True)
class ArmLoss:
    """Who left one arm: `lost` of `ended` people (those under way are in neither), with the share's exact interval."""

    arm: str
    lost: int
    ended: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Attrition:
    """Losses by arm, and the test of equal shares: Pearson's statistic with its p value and how that was found."""

    arms: list[ArmLoss]
    statistic: float
    df: int
    p: float
    method: str


def differential_attrition(
    lost: Mapping[str, int], ended: Mapping[str, int], *, rng: np.random.Generator, level: float = 0.95
) -> Attrition:
    """Test whether the share of people lost is the same in every arm.

    lost, ended: people by arm; `ended` counts everybody who finished or was lost. Shares are proportions with
    Clopper-Pearson intervals. p is from the chi-square distribution with arms - 1 degrees of freedom, or, where an
    expected count is below 5, from 9,999 tables drawn with the same margins (multivariate hypergeometric). Raises
    ValueError for fewer than two arms with people who ended, for more lost than ended, and where nobody or everybody
    was lost: then there is nothing to compare.
    """
    table = _table(lost, ended)
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    df = len(table) - 1
    if (expected >= SMALL).all():
        p, method = float(special.chdtrc(df, statistic)), "chi-square"
    else:
        p, method = _drawn(table, expected, statistic, rng), f"exact margins, {DRAWS:,} draws"
    arms = [_loss(arm, int(lost.get(arm, 0)), int(n), level) for arm, n in ended.items()]
    return Attrition(arms, statistic, df, p, method)


def _table(lost: Mapping[str, int], ended: Mapping[str, int]) -> NDArray[np.int64]:
    """Rows: arms with people who ended; columns: lost, kept."""
    rows = [(lost.get(arm, 0), n - lost.get(arm, 0)) for arm, n in ended.items() if n]
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    if len(table) < 2:
        raise ValueError("fewer than two arms have people who ended")
    if (table < 0).any():
        raise ValueError("an arm lost more people than ended in it")
    if not table.sum(axis=0).all():
        raise ValueError("nobody, or everybody, was lost")
    return table


def _drawn(
    table: NDArray[np.int64], expected: NDArray[np.float64], statistic: float, rng: np.random.Generator
) -> float:
    """The share of tables with the same margins that are at least as uneven, the observed one among them."""
    ended, lost = table.sum(axis=1), int(table[:, 0].sum())
    gone = rng.multivariate_hypergeometric(ended, lost, size=DRAWS)
    tables = np.stack([gone, ended - gone], axis=2)
    drawn = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((1 + (drawn >= statistic - 1e-9).sum()) / (DRAWS + 1))


def _loss(arm: str, lost: int, ended: int, level: float) -> ArmLoss:
    if not ended:
        return ArmLoss(arm, 0, 0, np.nan, np.nan, np.nan)
    tail = (1 - level) / 2
    low = float(special.betaincinv(lost, ended - lost + 1, tail)) if lost else 0.0
    high = float(special.betaincinv(lost + 1, ended - lost, 1 - tail)) if lost < ended else 1.0
    return ArmLoss(arm, lost, ended, lost / ended, low, high)
