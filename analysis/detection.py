"""Signal detection of reliance: is advice followed more when it is right than when it is wrong?

A hit is agreeing with right advice, a false alarm agreeing with wrong advice. d' = z(H) - z(F) is how
well right and wrong advice are told apart; c = -(z(H) + z(F)) / 2 is how ready people are to reject
advice (negative: ready to accept).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from analysis.estimate import Estimate, Floats, linear_estimate


@dataclass(frozen=True, slots=True)
class Detection:
    """Rates of agreeing with right and with wrong advice (0..1) and what they say in normal units."""

    agreement_right: float
    agreement_wrong: float
    d_prime: float
    criterion: float


def detection_from_rates(right: float, wrong: float) -> Detection:
    """d' and c of two given rates, strictly between 0 and 1 (no correction)."""
    for name, rate in (("agreement with right advice", right), ("agreement with wrong advice", wrong)):
        if not 0 < rate < 1:
            raise ValueError(f"{name} is {rate}: d' needs rates inside 0 to 1")
    hit, false_alarm = float(norm.ppf(right)), float(norm.ppf(wrong))
    return Detection(right, wrong, hit - false_alarm, -(hit + false_alarm) / 2)


def implied_rates(agreement: float, accuracy: float, *, share_right: float = 0.5) -> tuple[float, float]:
    """Agreement with right and with wrong advice that a published agreement and accuracy imply.

    Only for answers of two kinds (disagreeing with wrong advice is then right), the advice being right in
    `share_right` of the trials. With one half: agreement + accuracy - 0.5 and agreement - accuracy + 0.5.
    Raises ValueError where no study can have produced the two numbers.
    """
    if not 0 < share_right < 1:
        raise ValueError(
            f"share_right is {share_right}: advice must be right in some trials and wrong in others"
        )
    share_wrong = 1 - share_right
    right = (agreement + accuracy - share_wrong) / (2 * share_right)
    wrong = (agreement - accuracy + share_wrong) / (2 * share_wrong)
    for rate in (right, wrong):
        if not -1e-12 <= rate <= 1 + 1e-12:
            raise ValueError(
                f"agreement {agreement} and accuracy {accuracy} contradict each other if advice is right "
                f"in {share_right:g} of the trials: they imply a rate of {rate:.3f}"
            )
    return min(max(right, 0.0), 1.0), min(max(wrong, 0.0), 1.0)


def d_prime(totals: Floats) -> Floats:
    """d' of rows (agreed with right, right, agreed with wrong, wrong); nan without trials."""
    hit, false_alarm = _scores(totals)
    return hit - false_alarm


def criterion(totals: Floats) -> Floats:
    """c of rows (agreed with right, right, agreed with wrong, wrong); nan without trials."""
    hit, false_alarm = _scores(totals)
    return -(hit + false_alarm) / 2


def detection_estimate(sums: Floats, measure: str, *, level: float = 0.95, missing: int = 0) -> Estimate:
    """Pooled d' ("d_prime") or c ("criterion") from per-participant counts.

    sums: (participants, 4): agreed with right advice, right advice, agreed with wrong, wrong. The
    correction adds one half to each count and one to each number of trials (Hautus 1995). The standard
    error is the cluster-robust one of the linearised value; t with clusters - 1 degrees of freedom.
    """
    used = sums[(sums[:, 1] + sums[:, 3]) > 0]
    totals = used.sum(axis=0)
    n = round(float(totals[1] + totals[3]))
    for column, word in ((1, "right"), (3, "wrong")):
        if totals[column] == 0:
            return Estimate.unavailable(f"the advice is never {word}", missing=missing)
    value = float((d_prime if measure == "d_prime" else criterion)(totals[None, :])[0])
    hits, false_alarms = _influence(used, totals, 0), _influence(used, totals, 2)
    scores = hits - false_alarms if measure == "d_prime" else -(hits + false_alarms) / 2
    return linear_estimate(value, scores, n=n, level=level, missing=missing)


def _rates(totals: Floats, column: int) -> Floats:
    rates = np.full(len(totals), np.nan)
    trials = totals[:, column + 1]
    np.divide(totals[:, column] + 0.5, trials + 1, out=rates, where=trials > 0)
    return rates


def _scores(totals: Floats) -> tuple[Floats, Floats]:
    return norm.ppf(_rates(totals, 0)), norm.ppf(_rates(totals, 2))


def _influence(used: Floats, totals: Floats, column: int) -> Floats:
    """Each participant's contribution to z of a corrected rate: derivative of z times that of the rate."""
    rate = (totals[column] + 0.5) / (totals[column + 1] + 1)
    slope = 1 / norm.pdf(norm.ppf(rate))
    contribution: Floats = slope * (used[:, column] - rate * used[:, column + 1]) / (totals[column + 1] + 1)
    return contribution
