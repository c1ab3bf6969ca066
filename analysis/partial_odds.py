"""Cumulative logit with an effect of its own at every threshold, shrunk towards equal effects.

logit P(y <= k) = threshold_k - x' b_k. The penalty is on the changes of an effect from one threshold to the
next, so that a large one gives proportional odds and none gives separate effects at every threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.estimate import Floats

SMALLEST = 1e-12  # a probability below this at any observed x is no probability
TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Fit:
    """thresholds (k,), effects (k, predictors), mean log-loss of the data, and whether the optimum was reached."""

    thresholds: Floats
    effects: Floats
    loss: float
    converged: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """x (rows, predictors), y codes 0..k; parameters are thresholds, first effects, then changes."""

    x: Floats
    y: NDArray[np.intp]
    cuts: int

    @property
    def first_change(self) -> int:
        return self.cuts + int(self.x.shape[1])

    @property
    def size(self) -> int:
        return self.cuts * (1 + int(self.x.shape[1]))

    def unpack(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Thresholds and effects; an effect is the first one plus all changes up to its threshold."""
        changes = parameters[self.cuts :].reshape(self.cuts, -1)
        return parameters[: self.cuts], np.cumsum(changes, axis=0)

    def start(self) -> Floats:
        """Thresholds of the plain frequencies, no effects."""
        share = np.cumsum(np.bincount(self.y, minlength=self.cuts + 1))[:-1] / len(self.y)
        return np.concatenate([logit(share), np.zeros(self.size - self.cuts)])


def category_probabilities(thresholds: Floats, effects: Floats, x: Floats) -> Floats:
    """P(y = c) for each row of x and category, shape (rows, k + 1); negative where thresholds cross."""
    below = expit(thresholds - x @ effects.T)
    rows = len(x)
    return np.diff(np.hstack([np.zeros((rows, 1)), below, np.ones((rows, 1))]), axis=1)


def mean_loss(problem: Problem, parameters: Floats) -> float:
    """Mean negative log-likelihood; infinite where some category would have no positive probability."""
    probability = category_probabilities(*problem.unpack(parameters), problem.x)
    if probability.min() < SMALLEST:
        return np.inf
    return float(-np.log(probability[np.arange(len(problem.y)), problem.y]).mean())


def slopes(problem: Problem, parameters: Floats) -> tuple[Floats, Floats]:
    """Gradient and expected information of the mean loss, shapes (size,), (size, size)."""
    thresholds, effects = problem.unpack(parameters)
    cuts, rows = problem.cuts, len(problem.y)
    below = expit(thresholds - problem.x @ effects.T)
    density = below * (1 - below)
    probability = np.maximum(category_probabilities(thresholds, effects, problem.x), SMALLEST)
    observed = probability[np.arange(rows), problem.y]
    score = np.zeros((rows, cuts + 1))  # of the loss, by linear predictor
    score[np.arange(rows), problem.y] -= 1 / observed
    per_cut = density * (score[:, :-1] - score[:, 1:])
    own = density**2 * (1 / probability[:, :-1] + 1 / probability[:, 1:])
    next_one = -density[:, :-1] * density[:, 1:] / probability[:, 1:-1]
    z = np.hstack([np.ones((rows, 1)), -problem.x])
    width = z.shape[1]
    gradient = (per_cut.T @ z / rows).ravel()
    information = np.zeros((cuts, width, cuts, width))
    for cut in range(cuts):
        information[cut, :, cut, :] = z.T @ (z * own[:, cut, None]) / rows
        if cut + 1 < cuts:
            across = z.T @ (z * next_one[:, cut, None]) / rows
            information[cut, :, cut + 1, :] = information[cut + 1, :, cut, :] = across
    change = _jacobian(problem)
    full = information.reshape(cuts * width, cuts * width)
    return change.T @ gradient, change.T @ full @ change


def _jacobian(problem: Problem) -> Floats:
    """Of (threshold, effects) by cut with respect to the parameters."""
    cuts, predictors = problem.cuts, problem.x.shape[1]
    result = np.zeros((cuts, 1 + predictors, problem.size))
    for cut in range(cuts):
        result[cut, 0, cut] = 1
        for earlier in range(cut + 1):
            begin = cuts + earlier * predictors
            result[cut, 1:, begin : begin + predictors] = np.eye(predictors)
    return result.reshape(cuts * (1 + predictors), problem.size)


def fit(
    problem: Problem, penalty: float, start: Floats | None = None, *, steps: int = 200
) -> tuple[Fit, Floats]:
    """Minimise mean loss + penalty * sum of absolute changes by proximal Newton steps (expected information).

    penalty may be infinite: changes stay 0. Returns the fit and its parameters, a start for the next one.
    """
    parameters = problem.start() if start is None else start.copy()
    weights = np.zeros(problem.size)
    weights[problem.first_change :] = penalty
    free = np.isfinite(weights)
    weights = np.where(free, weights, 0.0)
    parameters[~free] = 0.0
    objective = mean_loss(problem, parameters) + float(weights @ np.abs(parameters))
    converged = False
    for _ in range(steps):
        gradient, information = slopes(problem, parameters)
        if _stationarity(parameters, gradient, weights, free) < TOLERANCE:
            converged = True
            break
        step = _newton_step(parameters, gradient, information, weights, free)
        taken, lower = _line_search(problem, parameters, step, weights, objective)
        if taken is None:
            break
        parameters, objective = taken, lower
    thresholds, effects = problem.unpack(parameters)
    return Fit(thresholds, effects, mean_loss(problem, parameters), converged), parameters


def stationarity(problem: Problem, parameters: Floats, penalty: float) -> float:
    """Largest violation of the optimality conditions; 0 at the optimum."""
    weights = np.zeros(problem.size)
    weights[problem.first_change :] = penalty
    gradient, _ = slopes(problem, parameters)
    return _stationarity(parameters, gradient, weights, np.ones(problem.size, dtype=bool))


def _stationarity(parameters: Floats, gradient: Floats, weights: Floats, free: NDArray[np.bool_]) -> float:
    at_zero = np.maximum(np.abs(gradient) - weights, 0)
    away = np.abs(gradient + weights * np.sign(parameters))
    return float(np.where(parameters == 0, at_zero, away)[free].max())


def _newton_step(
    parameters: Floats, gradient: Floats, information: Floats, weights: Floats, free: NDArray[np.bool_]
) -> Floats:
    """Minimise the penalised quadratic model by coordinate descent."""
    ridge = 1e-10 * np.trace(information) / len(gradient)
    target = parameters.copy()
    slope = gradient.copy()  # of the quadratic model at `target`
    curvature = np.diag(information) + ridge
    for _ in range(500):
        largest = 0.0
        for j in np.flatnonzero(free):
            raw = target[j] - slope[j] / curvature[j]
            new = np.sign(raw) * max(abs(raw) - weights[j] / curvature[j], 0.0)
            move = new - target[j]
            if move != 0.0:
                target[j] = new
                slope += information[:, j] * move
                slope[j] += ridge * move
                largest = max(largest, abs(move) * np.sqrt(curvature[j]))
        if largest < 1e-11:
            break
    return target - parameters


def _line_search(
    problem: Problem, parameters: Floats, step: Floats, weights: Floats, objective: float
) -> tuple[Floats | None, float]:
    """The longest of the halved steps that lowers the objective; None where none does."""
    length = 1.0
    for _ in range(40):
        tried = parameters + length * step
        found = mean_loss(problem, tried) + weights @ np.abs(tried)
        if found < objective:
            return tried, float(found)
        length /= 2
    return None, objective
