"""Has everyone's value been heard? What the cards collected so far say about those still missing.

Two questions. How likely is the next card to hold a value nobody has named yet: Good and Turing's f1 / n.
How many values are there in all: Chao's lower bounds, from how many values were named once and twice.

People give several cards, and a person's cards are not independent draws. Chao2 therefore counts in how
many participants a value occurs, and the error of Good and Turing's share is Esty's with whole participants in
the place of cards. A bootstrap that draws participants anew is offered for neither: a resample repeats
people, which turns values named once into values named twice, and its intervals miss the truth far too
often (docs/explanation/moral-graph.md has the figures).
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import norm

from analysis.estimate import Estimate, check_level
from analysis.frames import complete, require

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

COLUMNS = ("participant", "value")
UNEVEN = 0.75  # between the two cases told at `_richness`; chosen on four simulated designs, held against ten others


@dataclass(frozen=True, slots=True)
class Completeness:
    """What a set of cards says about the values not yet heard.

    unseen: probability that the next card holds a new value (Good and Turing), 0 to 1.
    richness: number of values in all (Chao2 by participant, bias-corrected). Its interval is for the lower
        bound that Chao2 estimates, which is the number itself where values are about equally common.
    chao1: the same from single cards (bias-corrected, with Chao's interval for independent cards).
    heard: observed values as a share of richness, 0 to 1.
    cards, participants, values: observed numbers; singletons, doubletons: values on one card, on two.
    """

    unseen: Estimate
    richness: Estimate
    chao1: Estimate
    heard: Estimate
    cards: int
    participants: int
    values: int
    singletons: int
    doubletons: int


def good_turing(singletons: int, n: int) -> float:
    """Share of the next card expected to be new, f1 / n. Raises ValueError without cards. Good 1953."""
    _counts(singletons=singletons)
    if n < 1 or singletons > n:
        raise ValueError(f"{singletons} values named once among {n} cards: impossible")
    return singletons / n


def chao1(observed: int, singletons: int, doubletons: int, *, corrected: bool = True) -> float:
    """Lower bound of the number of values. Chao 1984 (classic), 1987 (bias-corrected).

    classic: S + f1^2 / (2 f2); corrected: S + f1 (f1 - 1) / (2 (f2 + 1)).
    Raises ValueError for impossible counts, and for the classic form where f2 is 0.
    """
    _possible(observed, singletons, doubletons)
    return observed + _unheard(singletons, doubletons, corrected)


def chao2(
    observed: int, uniques: int, duplicates: int, participants: int, *, corrected: bool = True
) -> float:
    """The same from occurrence: uniques occur in one participant, duplicates in two. Chao 1987.

    classic: S + (m-1)/m Q1^2 / (2 Q2); corrected: S + (m-1)/m Q1 (Q1 - 1) / (2 (Q2 + 1)).
    Raises ValueError as chao1, and with fewer than 2 participants.
    """
    _possible(observed, uniques, duplicates)
    if participants < 2:
        raise ValueError(f"{participants} participant: Chao2 needs at least 2")
    return observed + (participants - 1) / participants * _unheard(uniques, duplicates, corrected)


def chao1_interval(
    observed: int, singletons: int, doubletons: int, level: float = 0.95
) -> tuple[float, float]:
    """Chao's (1987) log-normal interval of the bias-corrected Chao1, for independent cards."""
    return _lognormal(
        observed,
        chao1(observed, singletons, doubletons),
        np.sqrt(_chao_variance(singletons, doubletons)),
        level,
    )


def completeness(cards: pd.DataFrame, *, level: float = 0.95) -> Completeness:
    """Good-Turing, Chao1 and Chao2 of cards, a row each: participant, value (canonical), any labels.

    A participant may name a value on several cards. Raises ValueError for a missing column, an empty
    cell or fewer than 2 participants.
    """
    check_level(level)
    person, value, people, values = _coded(cards)
    if people < 2:
        raise ValueError("one participant: completeness needs at least 2")
    on_cards = np.bincount(value, minlength=values)
    once, twice = int((on_cards == 1).sum()), int((on_cards == 2).sum())
    richness = _richness(person, value, people, values, level)
    return Completeness(
        unseen=_unseen(person, value, people, level),
        richness=richness,
        chao1=_chao1(len(value), people, values, once, twice, level),
        heard=_heard(values, richness),
        cards=len(value),
        participants=people,
        values=values,
        singletons=once,
        doubletons=twice,
    )


def _coded(cards: pd.DataFrame) -> tuple[Ints, Ints, int, int]:
    require(cards, COLUMNS, "cards")
    for column in COLUMNS:
        complete(cards, column)
    person, people = pd.factorize(cards["participant"])
    value, values = pd.factorize(cards["value"])
    return person.astype(np.intp), value.astype(np.intp), len(people), len(values)


def _counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"{name} is {count}: a number of values cannot be negative")


def _possible(observed: int, once: int, twice: int) -> None:
    _counts(observed=observed, once=once, twice=twice)
    if once + twice > observed:
        raise ValueError(f"{once} values named once and {twice} twice among {observed} observed: impossible")


def _unheard(once: int, twice: int, corrected: bool) -> float:
    if corrected:
        return once * (once - 1) / (2 * (twice + 1))
    if twice == 0:
        raise ValueError("no value was named twice: the classic form divides by 0, take the corrected one")
    return once**2 / (2 * twice)


def _chao_variance(once: int, twice: int, scale: float = 1.0) -> float:
    """Variance of the bias-corrected Chao1 (scale 1) or Chao2 (scale (m-1)/m). Chao 1987; as in EstimateS."""
    ratio = twice + 1
    return (
        scale * once * (once - 1) / (2 * ratio)
        + scale**2 * once * (2 * once - 1) ** 2 / (4 * ratio**2)
        + scale**2 * once**2 * twice * (once - 1) ** 2 / (4 * ratio**4)
    )


def _lognormal(observed: int, value: float, se: float, level: float) -> tuple[float, float]:
    """Interval of a number of values that cannot fall below the observed one (Chao 1987)."""
    unheard = value - observed
    if unheard <= 0:
        return float(observed), float(observed)
    spread = np.exp(norm.ppf((1 + check_level(level)) / 2) * np.sqrt(np.log1p((se / unheard) ** 2)))
    return float(observed + unheard / spread), float(observed + unheard * spread)


def _chao1(cards: int, people: int, values: int, once: int, twice: int, level: float) -> Estimate:
    value = chao1(values, once, twice)
    se = float(np.sqrt(_chao_variance(once, twice)))
    low, high = _lognormal(values, value, se, level)
    return Estimate(value, se, low, high, cards, people, note="interval for independent cards")


def _cells(person: Ints, value: Ints) -> tuple[Ints, Ints, Ints]:
    """Distinct (participant, value) cells and the number of cards in each."""
    size = int(value.max()) + 1
    keys, times = np.unique(person * size + value, return_counts=True)
    return (keys // size).astype(np.intp), (keys % size).astype(np.intp), times.astype(np.intp)


def _unseen(person: Ints, value: Ints, people: int, level: float) -> Estimate:
    """f1 / n with the error of what it foretells: Esty's (1983), for participants who give several cards.

    The share that is really unseen falls where f1 rises by chance, and what matters is their difference. It is the
    mean over cards of "new to all others" less that share. Within a participant these vary together as they please:
    their sum is squared. Between two participants they do only by a value that both and nobody else gave, 1 each
    way. One card each: (f1 - f1^2 / n + 2 f2) / n^2, but for n / (n - 1). A jackknife takes 4 f1 f2 / n^3 more.
    """
    cards = len(value)
    frequency = np.bincount(value)
    share = good_turing(int((frequency == 1).sum()), cards)
    _, what, _ = _cells(person, value)
    new = np.bincount(person, weights=frequency[value] == 1, minlength=people)
    surplus = new - share * np.bincount(person, minlength=people)
    shared = int(((frequency == 2) & (np.bincount(what) == 2)).sum())
    se = float(np.sqrt(people / (people - 1) * np.sum(surplus**2) + 2 * shared)) / cards
    if share in (0.0, 1.0):
        return _one_sided(share, cards, people, level)
    half = float(norm.ppf((1 + level) / 2)) * se
    return Estimate(share, se, max(0.0, share - half), min(1.0, share + half), cards, people)


def _one_sided(share: float, cards: int, people: int, level: float) -> Estimate:
    """No value, or every value, was named once: an exact bound with participants as the sample size."""
    bound = 1 - (1 - level) ** (1 / people)
    low, high = (0.0, bound) if share == 0 else (1 - bound, 1.0)
    note = "one-sided: all values or none were named once, which leaves no spread to estimate from"
    return Estimate(share, np.nan, low, high, cards, people, note=note)


def _richness(person: Ints, value: Ints, people: int, values: int, level: float) -> Estimate:
    """Chao2 with a log-normal interval whose variance is the published one plus UNEVEN times the number unheard.

    The published variance takes the counts for a multinomial sample of as many values as the bound says, and so
    subtracts bound^2 / bound. Where some values are rarer than others there are more values, N, and bound^2 / N is
    less: by bound - observed if the bound falls short of N as the observed falls short of the bound, by nothing if
    all are equally common.
    """
    _, what, _ = _cells(person, value)
    frequency = np.bincount(what, minlength=values)
    once, twice = int((frequency == 1).sum()), int((frequency == 2).sum())
    estimate = chao2(values, once, twice, people)
    se = float(np.sqrt(_chao_variance(once, twice, (people - 1) / people) + UNEVEN * (estimate - values)))
    low, high = _lognormal(values, estimate, se, level)
    return Estimate(estimate, se, low, high, len(value), people, note="a lower bound")


def _heard(values: int, richness: Estimate) -> Estimate:
    ends = values / richness.high, values / richness.low
    se = values * richness.se / richness.value**2
    return Estimate(values / richness.value, se, *ends, richness.n, richness.clusters)


def accumulation(cards: pd.DataFrame) -> pd.DataFrame:
    """Expected number of values heard from any m of the participants, m = 1 ... all.

    Columns: participants, values (expected), new (expected from one participant more; nan at the end).
    Exact, without drawing. Source: Colwell, Mao and Chang 2004 (sample-based rarefaction).
    """
    person, value, people, values = _coded(cards)
    _, what, _ = _cells(person, value)
    sizes, kinds = np.unique(np.bincount(what, minlength=values), return_counts=True)
    m = np.arange(1, people + 1)
    missed = _never_drawn(people, sizes, m)
    expected = values - missed @ kinds
    return pd.DataFrame({"participants": m, "values": expected, "new": np.diff(expected, append=np.nan)})


def _never_drawn(people: int, sizes: Ints, m: Ints) -> Floats:
    """Probability that none of the `sizes` participants who named a value is among m drawn, (m, sizes)."""
    left = people - sizes[None, :] - m[:, None]
    possible = left >= 0
    kept = np.where(possible, left, 0)
    chance = (
        gammaln(people - sizes + 1)[None, :]
        - gammaln(kept + 1)
        - gammaln(people + 1)
        + gammaln(people - m + 1)[:, None]
    )
    return np.where(possible, np.exp(chance), 0.0)


def growth(cards: pd.DataFrame, *, points: int = 20, level: float = 0.95) -> pd.DataFrame:
    """Completeness as participants came in, in the order of the rows: one row per point in time.

    Columns: participants, cards, values, unseen, unseen_low, unseen_high, richness, richness_low,
    richness_high. This is the curve shown live; a registered stopping rule reads its last row.
    """
    if points < 1:
        raise ValueError(f"points is {points}: at least 1")
    person, _, people, _ = _coded(cards)
    if people < 2:
        raise ValueError("one participant: completeness needs at least 2")
    stops = np.unique(np.linspace(2, people, points).round().astype(int))
    rows = [_row(completeness(cards[person < stop], level=level)) for stop in stops]
    return pd.DataFrame(rows)


def _row(found: Completeness) -> dict[str, float]:
    return {
        "participants": found.participants,
        "cards": found.cards,
        "values": found.values,
        "unseen": found.unseen.value,
        "unseen_low": found.unseen.low,
        "unseen_high": found.unseen.high,
        "richness": found.richness.value,
        "richness_low": found.richness.low,
        "richness_high": found.richness.high,
    }


def over_thresholds(
    cards: pd.DataFrame, mappings: Mapping[float, Mapping[Hashable, Hashable]], *, level: float = 0.95
) -> pd.DataFrame:
    """Completeness under several deduplications: how much the answer owes to what counts as the same value.

    cards: participant, card. mappings: for each threshold, card to canonical value; every card is mapped.
    Columns: threshold and those of `growth`. Raises ValueError for a card that a mapping leaves out.
    """
    require(cards, ("participant", "card"), "cards")
    if not mappings:
        raise ValueError("no threshold was given")
    return pd.DataFrame(list(_thresholds(cards, mappings, level)))


def _thresholds(
    cards: pd.DataFrame, mappings: Mapping[float, Mapping[Hashable, Hashable]], level: float
) -> Iterator[dict[str, float]]:
    for threshold, mapping in sorted(mappings.items()):
        missing = [card for card in cards["card"].unique() if card not in mapping]
        if missing:
            raise ValueError(f"threshold {threshold}: card {missing[0]!r} has no value")
        values = cards["card"].map(mapping)
        found = completeness(
            pd.DataFrame({"participant": cards["participant"], "value": values}), level=level
        )
        yield {"threshold": threshold, **_row(found)}
