"""Reliance measures that are shares of trials: which trials count, and which of them are counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analysis.answers import NOTHING, Answers, Codes
from analysis.bootstrap import sums_by
from analysis.estimate import Estimate, Floats, Scale, ratio_estimate

Mask = NDArray[np.bool_]
Rule = Callable[[dict[str, Codes]], Mask]


@dataclass(frozen=True, slots=True)
class Computed:
    """An estimate, and for the bootstrap: sums per participant and the value of rows of their totals."""

    estimate: Estimate
    method: str
    sums: Floats
    value: Callable[[Floats], Floats]

    @classmethod
    def unavailable(cls, reason: str, *, missing: int) -> Self:
        """A measure without a value in this group."""
        return cls(Estimate.unavailable(reason, missing=missing), "none", np.zeros((0, 2)), ratio)


@dataclass(frozen=True, slots=True)
class Share:
    """Among the trials that satisfy `among`, the share that satisfies `counted`.

    needs: answers that must be there to know whether a trial belongs; then `counted_needs`.
    nothing: what to say where no trial belongs.
    """

    name: str
    needs: tuple[str, ...]
    among: Rule
    counted_needs: tuple[str, ...]
    counted: Rule
    nothing: str


def _everywhere(trial: dict[str, Codes]) -> Mask:
    return np.ones(len(trial["final"]), dtype=bool)


def _same(first: str, second: str) -> Rule:
    def rule(trial: dict[str, Codes]) -> Mask:
        equal: Mask = trial[first] == trial[second]
        return equal

    return rule


def _not(rule: Rule) -> Rule:
    return lambda trial: ~rule(trial)


def _both(first: Rule, second: Rule) -> Rule:
    return lambda trial: first(trial) & second(trial)


_agrees = _same("final", "advice")
_correct = _same("final", "truth")
_first_correct = _same("initial", "truth")
_advice_right = _same("advice", "truth")

_ADVISED, _FINAL = ("advice", "truth"), ("final",)
_STAGED = ("initial", "advice", "truth")
SHARES = {
    share.name: share
    for share in (
        Share("agreement", ("advice",), _everywhere, _FINAL, _agrees, "no trial has an answer to advice"),
        Share("accuracy", ("truth",), _everywhere, _FINAL, _correct, "no trial has an answer and a truth"),
        Share("overreliance", _ADVISED, _not(_advice_right), _FINAL, _agrees, "the advice is never wrong"),
        Share("underreliance", _ADVISED, _advice_right, _FINAL, _not(_agrees), "the advice is never right"),
        Share(
            "initial_accuracy",
            ("truth",),
            _everywhere,
            ("initial",),
            _first_correct,
            "no trial has an initial answer and a truth",
        ),
        Share(
            "switch_fraction",
            ("initial", "advice"),
            _not(_same("initial", "advice")),
            _FINAL,
            _agrees,
            "the advice never contradicts the initial answer",
        ),
        Share(
            "rair",
            _STAGED,
            _both(_not(_first_correct), _advice_right),
            _FINAL,
            _correct,
            "no trial has a wrong initial answer and right advice",
        ),
        Share(
            "rsr",
            _STAGED,
            _both(_first_correct, _not(_advice_right)),
            _FINAL,
            _correct,
            "no trial has a right initial answer and wrong advice",
        ),
    )
}


def share_of(share: Share, group: Answers, *, level: float, scale: Scale) -> Computed:
    needs = (*share.needs, *share.counted_needs)
    if reason := absent(group, needs):
        return Computed.unavailable(reason, missing=len(group))
    unclear = without(group, share.needs)
    among = ~unclear & share.among(group.labels)
    unanswered = among & without(group, share.counted_needs)
    used = among & ~unanswered
    missing = int(unclear.sum() + unanswered.sum())
    if not used.any():
        return Computed.unavailable(share.nothing, missing=missing)
    columns = np.stack([used & share.counted(group.labels), used], axis=1).astype(np.float64)
    sums = sums_by(group.participant, columns, group.clusters)
    estimate = ratio_estimate(sums[:, 0], sums[:, 1], level=level, missing=missing, scale=scale)
    return Computed(estimate, f"cluster-robust (CR1), t on the {scale} scale", sums, ratio)


def ratio(totals: Floats) -> Floats:
    """First column over second, nan where the second is 0."""
    result = np.full(len(totals), np.nan)
    np.divide(totals[:, 0], totals[:, 1], out=result, where=totals[:, 1] > 0)
    return result


def without(group: Answers, needs: Sequence[str]) -> Mask:
    unclear = np.zeros(len(group), dtype=bool)
    for name in needs:
        unclear |= group.labels[name] == NOTHING
    return unclear


def absent(group: Answers, needs: Sequence[str]) -> str:
    """Why a measure is not available in this group; empty when it is."""
    for name in needs:
        if name not in group.labels:
            if name == "initial":
                return "not available: no column 'initial' (a one-stage study takes no answer before advice)"
            return f"not available: no column '{name}'"
        if not group.has(name):
            return f"not available: column '{name}' is empty in this group"
    return ""
