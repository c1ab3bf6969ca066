"""The graph that endless votes would give: what the rank of a finite study's graph is an estimate of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.moral_graph import ranks
from analysis.moral_graph.likelihood import log_shares
from analysis.moral_graph.rules import Rule, answers, rule_of
from analysis.moral_graph.votes import VERDICTS, encode

NODES = 41  # of the quadrature over participants
VOTES = 1e9  # on each story: whatever has a share above 0 is then said at least twice


def endless(
    stories: pd.DataFrame,
    strength: Mapping[Any, float],
    *,
    acquiescence: float,
    spread: float,
    tie: float,
    rule: str | Rule = "corrected",
) -> pd.Series:
    """Rank of every value (index), 0 without an edge, if participants answer as the pairwise model says.

    stories: from_value, to_value; a row is a story in one direction, all told equally often, two rows twice as
    often. strength: of each value in logits; acquiescence, spread (sd between participants) and tie as in
    `pairwise`. The expected shares of the answers take the place of votes and go through the rule as votes do.
    Raises KeyError for a value without a strength.
    """
    ends = stories[["from_value", "to_value"]].reset_index(drop=True)
    eta = np.array([strength[b] - strength[a] for a, b in ends.itertuples(index=False)]) + acquiescence
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    shares = np.exp(log_shares(eta[:, None] + spread * points, tie)) @ (weights / weights.sum())
    said = pd.concat([ends.assign(verdict=verdict) for verdict in VERDICTS], ignore_index=True)
    ballots = encode(said.assign(participant=said.index, context=""))
    scores = ranks.score(ballots, answers(ballots, VOTES * shares.ravel()), rule_of(rule))
    found = np.zeros(len(ballots.values))
    found[scores.present] = scores.rank
    return pd.Series(found, index=ballots.values, name="rank")
