"""A pairwise-comparison model of the votes: how wise a value is held to be, apart from the habit of yes.

PageRank takes every "wiser" at its word. People also say yes to the story in front of them, whichever way
it runs, and some do so more than others. The model separates the two. A participant p who reads a story
from value a to value b answers

    wiser      with weight  exp(+eta / 2)
    not wiser  with weight  exp(-eta / 2)        eta = strength_b - strength_a + acquiescence + sd * z_p
    unsure     with weight  exp(tie)

over their sum: Bradley and Terry's model with ties after Davidson (1970) and an order effect (Davidson and
Beaver 1977); z_p is standard normal and is integrated out by Gauss-Hermite quadrature. A weak normal prior
on the strengths keeps the estimate finite where one value has won every comparison.

Two standard errors are made and the wider one counts (Angrist and Pischke 2009, 8.2.3). That of the model is the
inverse information with the prior. The cluster-robust one allows for participants' votes belonging together in
other ways than the model's; yet it is made of the surprises that occurred, and where a value has won (nearly)
every comparison there is hardly one to square: alone it comes out far too small there.

A value's place is an integer and jumps. Its interval counts the values that are surely above and surely below:
marginal confidence sets for ranks after Mogstad, Romano, Shaikh and Wilhelm (2024), which hold the true place with at
least the level's probability however close the strengths are, and mostly with more.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.stats import norm

from analysis.estimate import Estimate, check_level
from analysis.moral_graph.likelihood import Likelihood, log_shares, no_spread, strength_design
from analysis.moral_graph.votes import VERDICTS, Ballots

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PRIOR_SD = 5.0  # of a strength, in logits: weak, yet finite under perfect separation


@dataclass(frozen=True, slots=True)
class PairwiseFit:
    """The fitted model.

    strengths: value, strength (logits, mean 0), se, low, high, position (1 is the wisest), position_low,
    position_high; wisest first. se: the wider of the model's and the cluster-robust error.
    acquiescence: the added logit of "wiser" against "not wiser", whichever way the story runs.
    tie: log weight of "unsure" between equals. spread: sd of the participants' own acquiescence.
    loglik: marginal log-likelihood (without the prior); null_loglik: with all strengths equal.
    parameters: strengths in the order of the ballots' codes, acquiescence, tie, log sd.
    """

    strengths: pd.DataFrame
    acquiescence: Estimate
    tie: Estimate
    spread: Estimate
    loglik: float
    null_loglik: float
    votes: int
    participants: int
    parameters: Floats

    @property
    def explained(self) -> float:
        """McFadden's share of the null log-likelihood that the strengths explain, 0 to 1."""
        return 1 - self.loglik / self.null_loglik

    def probabilities(self, lower: object, upper: object) -> dict[str, float]:
        """The answers of a participant of average acquiescence to a story from `lower` to `upper`."""
        known: dict[object, float] = dict(
            zip(self.strengths["value"], self.strengths["strength"], strict=True)
        )
        for value in (lower, upper):
            if value not in known:
                raise ValueError(f"value {value!r} is not in the model")
        eta = np.array(known[upper] - known[lower] + self.acquiescence.value)
        return dict(zip(VERDICTS, np.exp(log_shares(eta, self.tie.value)).tolist(), strict=True))


def fit(
    ballots: Ballots,
    *,
    level: float = 0.95,
    prior_sd: float = PRIOR_SD,
    seed: int | np.random.Generator = 0,
) -> PairwiseFit:
    """Fit the model to encoded votes (`encode(check(votes))`) by penalised maximum likelihood.

    seed: of the normal draws that say how far apart strengths must be for the intervals of positions.
    Raises ValueError with fewer than 2 participants, when one answer was never given (its share cannot be
    modelled), when the comparisons do not connect all values, or when the directions of the stories do
    not let acquiescence be told from strength.
    """
    check_level(level)
    refuse(ballots)
    model = Likelihood(ballots, strength_design(ballots), prior_sd)
    at = model.maximise(model.start())
    null = model.maximise(model.start(), coefficients=False)
    size = model.size
    at[:size] -= at[:size].mean()
    covariance = wider(*(centred(one, size) for one in model.covariances(at)))
    half = float(norm.ppf((1 + level) / 2))
    acquiescence, tie, spread = _others(at, covariance, half, ballots)
    return PairwiseFit(
        strengths=_strengths(
            ballots, at[:size], covariance[:size, :size], level, np.random.default_rng(seed)
        ),
        acquiescence=acquiescence,
        tie=tie,
        spread=spread,
        loglik=model.loglik(at),
        null_loglik=model.loglik(null),
        votes=ballots.votes,
        participants=model.people,
        parameters=at,
    )


def refuse(ballots: Ballots) -> None:
    """Refuse (ValueError) votes from which the model cannot be estimated."""
    if len(ballots.participants) < 2:
        raise ValueError("one participant: the model needs at least 2")
    for count, name in zip(np.bincount(ballots.verdict, minlength=3), VERDICTS, strict=True):
        if count == 0:
            raise ValueError(f"no vote says {name!r}: its share cannot be modelled")
    parts = components(ballots)
    if parts.max() > 0:
        apart = ballots.values[parts != parts[0]][:5].tolist()
        raise ValueError(f"no comparison connects {apart} with {ballots.values[0]!r}: fit the parts apart")
    if not acquiescence_identified(ballots):
        raise ValueError(
            "every story ran the same way: saying yes cannot be told from the value being wiser; "
            "show some pairs in both directions"
        )


def components(ballots: Ballots) -> Ints:
    """The number of each value's connected part, shape (values,)."""
    return np.asarray(connected_components(_shown(ballots), directed=False)[1], dtype=np.intp)


def _shown(ballots: Ballots) -> csr_array:
    size = len(ballots.values)
    return csr_array((np.ones(ballots.pairs), (ballots.source, ballots.target)), shape=(size, size))


def acquiescence_identified(ballots: Ballots) -> bool:
    """Whether a constant added to every story can be told from the strengths (of connected comparisons).

    It cannot when a height can be given to each value so that every story climbs by exactly 1: heights
    are read along a walk through the comparisons, and some story must not fit them.
    """
    shown = _shown(ballots)
    order, before = breadth_first_order(csr_array(shown + shown.T), 0, directed=False)
    climbs = set(zip(ballots.source.tolist(), ballots.target.tolist(), strict=True))
    height = np.zeros(len(ballots.values))
    for node in order[1:].tolist():
        height[node] = height[before[node]] + (1 if (int(before[node]), node) in climbs else -1)
    return bool(np.any(height[ballots.target] - height[ballots.source] != 1))


def centred(covariance: Floats, size: int) -> Floats:
    """Covariance of the parameters when the first `size` are taken as differences from their mean."""
    centre = np.eye(len(covariance))
    centre[:size, :size] -= 1 / size
    known = np.isfinite(np.diag(covariance))
    part = np.full_like(covariance, np.nan)
    inner = centre[np.ix_(known, known)]
    part[np.ix_(known, known)] = inner @ covariance[np.ix_(known, known)] @ inner.T
    return part


def wider(model: Floats, robust: Floats) -> Floats:
    """The model's covariance, scaled so that no parameter's error is below its cluster-robust one."""
    ratio = np.sqrt(np.maximum(np.diag(robust) / np.diag(model), 1.0))
    scaled: Floats = model * np.outer(ratio, ratio)
    return scaled


def _others(
    at: Floats, covariance: Floats, half: float, ballots: Ballots
) -> tuple[Estimate, Estimate, Estimate]:
    """Acquiescence and tie; the participants' sd with an interval made on the log scale."""
    errors = np.sqrt(np.diag(covariance)[-3:])  # nan for a spread that is not determined
    low, high = at[-3:] - half * errors, at[-3:] + half * errors
    n, people = ballots.votes, len(ballots.participants)
    acquiescence, tie = (
        Estimate(float(at[i - 3]), float(errors[i]), float(low[i]), float(high[i]), n, people) for i in (0, 1)
    )
    if no_spread(at):
        note = "participants do not differ beyond chance: the estimate is at its limit, 0"
        return acquiescence, tie, Estimate(0.0, np.nan, np.nan, np.nan, n, people, note=note)
    sd = float(np.exp(at[-1]))
    if np.isnan(errors[2]):
        note = "the votes hardly tell how much participants differ: no interval"
        return acquiescence, tie, Estimate(sd, np.nan, np.nan, np.nan, n, people, note=note)
    ends = float(np.exp(low[2])), float(np.exp(high[2]))
    return acquiescence, tie, Estimate(sd, sd * float(errors[2]), *ends, n, people)


def _strengths(
    ballots: Ballots, theta: Floats, covariance: Floats, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    half = float(norm.ppf((1 + level) / 2))
    low, high = position_interval(theta, covariance, level, rng)
    table = pd.DataFrame(
        {
            "value": ballots.values,
            "strength": theta,
            "se": errors,
            "low": theta - half * errors,
            "high": theta + half * errors,
            "position": np.argsort(np.argsort(-theta, kind="stable")) + 1,
            "position_low": low,
            "position_high": high,
        }
    )
    return table.sort_values("position", ignore_index=True)


def position_interval(
    theta: Floats, covariance: Floats, level: float, rng: np.random.Generator, draws: int = 1000
) -> tuple[Ints, Ints]:
    """Intervals of the positions (1 is the highest) of values with estimated strengths `theta`.

    A value's position is at least 1 + the number of values surely above it and at most that of all less those
    surely below it. Sure is a difference of more standard errors than the largest of the value's differences
    from all others reaches by chance, with probability `level` (by normal draws). Mogstad et al. 2024.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = rng.standard_normal((draws, len(theta))) @ root.T
    variance = np.diag(covariance)
    low, high = np.ones((2, len(theta)), dtype=np.intp)
    for own in range(len(theta)):
        error = np.sqrt(np.maximum(variance + variance[own] - 2 * covariance[own], 0))
        error[own] = 1.0
        largest = np.max(np.abs(drawn - drawn[:, [own]]) / error, axis=1)
        apart = (theta - theta[own]) / error / np.quantile(largest, level)
        low[own] = 1 + np.count_nonzero(apart > 1)
        high[own] = len(theta) - np.count_nonzero(apart < -1)
    return low, high
