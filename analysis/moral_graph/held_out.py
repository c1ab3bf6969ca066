"""How well the answers of people who were left out follow from those of the others."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.estimate import Estimate
from analysis.moral_graph import pairwise
from analysis.moral_graph.likelihood import log_shares
from analysis.moral_graph.means import mean
from analysis.moral_graph.votes import Ballots, encode

Floats = NDArray[np.float64]

FOLDS = 5
MOST = 4000  # participants; more are drawn from, so that the fits stay within a minute


def held_out(
    ballots: Ballots, *, folds: int = FOLDS, level: float = 0.95, seed: int | np.random.Generator = 0
) -> Estimate:
    """How well the answers of participants who were left out are predicted from the others', in bits a vote.

    Participants are split into folds; the pairwise model of the other folds predicts each vote, and so do
    the overall shares of the answers; the value is the mean difference of the log probabilities of what was
    said. 0: the values predict nothing. Of more than MOST participants, so many are drawn first.
    Raises ValueError where the model cannot be fitted in a fold.
    """
    rng = np.random.default_rng(seed)
    everybody = len(ballots.participants)
    if everybody > MOST:
        drawn = np.isin(ballots.participant, rng.choice(everybody, MOST, replace=False))
        ballots = encode(_decoded(ballots, drawn))
    people = len(ballots.participants)
    if people < 2 * folds:
        raise ValueError(f"{people} participants are too few for {folds} folds")
    fold = rng.permutation(people) % folds
    gained = np.full(ballots.votes, np.nan)
    for one in range(folds):
        out = fold[ballots.participant] == one
        gained[out] = _gain(ballots, out)
    used = np.isfinite(gained)
    missing = int((~used).sum())
    found = mean(gained[used].tolist(), ballots.participant[used].tolist(), level)
    notes = [f"{missing} votes on values that only they compared are left out"] if missing else []
    notes += [f"{people} of {everybody} participants, drawn"] if everybody > people else []
    return Estimate(
        found.value, found.se, found.low, found.high, found.n, found.clusters, missing, "; ".join(notes)
    )


def _gain(ballots: Ballots, out: NDArray[np.bool_]) -> Floats:
    """Bits gained on the votes left out; nan where a value was not seen in the others, or its part has no fit.

    Values that no chain of comparisons connects are fitted apart. Raises ValueError where no part can be fitted.
    """
    rest = encode(_decoded(ballots, ~out))
    part_of = pairwise.components(rest)[rest.source[rest.pair]]
    base = np.log2(np.maximum(np.bincount(rest.verdict, minlength=3), 1) / rest.votes)
    gained, problem = np.full(int(out.sum()), np.nan), None
    for part in np.unique(part_of):
        try:
            fitted = pairwise.fit(encode(_decoded(rest, part_of == part)))
        except ValueError as error:
            problem = error
            continue
        bits = _bits(ballots, out, fitted) - base[ballots.verdict[out]]
        gained = np.where(np.isnan(gained), bits, gained)
    if problem is not None and np.isnan(gained).all():
        raise problem
    return gained


def _bits(ballots: Ballots, out: NDArray[np.bool_], fitted: pairwise.PairwiseFit) -> Floats:
    """Log probabilities, base 2, of the answers left out; nan for values that are not in the model."""
    strength = fitted.strengths.set_index("value")["strength"].reindex(ballots.values).to_numpy(float)
    pair, said = ballots.pair[out], ballots.verdict[out]
    eta = strength[ballots.target[pair]] - strength[ballots.source[pair]]
    points, weights = np.polynomial.hermite_e.hermegauss(21)
    spread = fitted.spread.value * points
    logs = log_shares(eta[:, None] + fitted.acquiescence.value + spread, fitted.tie.value)
    shares = (np.exp(logs) * weights / weights.sum()).sum(axis=-1)
    return np.asarray(np.log2(shares[said, np.arange(len(said))]))


def _decoded(ballots: Ballots, kept: NDArray[np.bool_]) -> pd.DataFrame:
    pair = ballots.pair[kept]
    return pd.DataFrame(
        {
            "participant": ballots.participants[ballots.participant[kept]],
            "from_value": ballots.values[ballots.source[pair]],
            "to_value": ballots.values[ballots.target[pair]],
            "context": ballots.contexts[ballots.context[kept]],
            "verdict": np.array(["wiser", "not_wiser", "unsure"])[ballots.verdict[kept]],
        }
    )
