"""The likelihood of the pairwise model: value, gradient, information, cluster-robust covariance.

Each vote has a linear predictor eta = design @ coefficients + acquiescence + sd * z, with one z per
participant, and the answers of `pairwise`. Everything here is for one vector of parameters:
coefficients (columns of the design), acquiescence, tie, log sd.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.sparse import csr_array, hstack

from analysis.moral_graph.votes import Ballots

Floats = NDArray[np.float64]

NODES = 21  # quadrature points; exact enough up to some forty votes a participant
SMALLEST_SD = 1e-3  # a participant effect below this is none
LARGEST_SD = 20.0
LEAST_INFORMATION = 0.01  # on the log sd; with less its standard error would be a factor of e^10
EXTRA = 3  # acquiescence, tie, log sd


def strength_design(ballots: Ballots) -> csr_array:
    """One row per vote, +1 for the value the story goes to and -1 for the one it leaves: (votes, values)."""
    rows = np.arange(ballots.votes)
    shape = (ballots.votes, len(ballots.values))
    ones = np.ones(ballots.votes)
    target = csr_array((ones, (rows, ballots.target[ballots.pair])), shape=shape)
    return csr_array(target - csr_array((ones, (rows, ballots.source[ballots.pair])), shape=shape))


def log_shares(eta: Floats, tie: float) -> Floats:
    """Log probabilities of wiser, not wiser and unsure, (3, ...)."""
    half = np.abs(eta) / 2
    largest = np.maximum(half, tie)
    total = np.exp(half - largest) + np.exp(-half - largest) + np.exp(tie - largest)
    norm = largest + np.log(total)
    return np.stack([eta / 2 - norm, -eta / 2 - norm, tie - norm])


class Likelihood:
    """The votes as the pairwise model sees them. prior_sd: of each coefficient, in logits."""

    def __init__(self, ballots: Ballots, design: csr_array, prior_sd: float) -> None:
        if prior_sd <= 0:
            raise ValueError(f"prior_sd is {prior_sd}: a positive number of logits")
        votes, self.people = ballots.votes, len(ballots.participants)
        self.design = design
        self.size = design.shape[1]
        self.person = ballots.participant
        self.members = csr_array(
            (np.ones(votes), (self.person, np.arange(votes))), shape=(self.people, votes)
        )
        self.said = np.stack([ballots.verdict == answer for answer in range(3)]).astype(float)
        self.precision = 1 / prior_sd**2
        self.repeated = votes > self.people  # one vote each tells nothing of differences between people
        points, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self.points = points
        self.log_weights = np.log(weights / weights.sum())

    def start(self) -> Floats:
        """No difference between values, the overall shares of the answers, half a logit between people."""
        wiser, not_wiser, unsure = self.said.mean(axis=1)
        at = np.zeros(self.size + EXTRA)
        at[-3:] = [np.log(wiser / not_wiser), np.log(unsure / np.sqrt(wiser * not_wiser)), np.log(0.5)]
        return at

    def maximise(self, start: Floats, *, coefficients: bool = True) -> Floats:
        """The parameters of the highest penalised likelihood; with coefficients=False these stay put."""
        free = slice(0 if coefficients else self.size, None)

        def objective(part: Floats) -> tuple[float, Floats]:
            at = start.copy()
            at[free] = part
            value, gradient = self.loss(at)
            return value, gradient[free]

        largest = LARGEST_SD if self.repeated else SMALLEST_SD
        bounds = [(None, None)] * (len(start[free]) - 1) + [(np.log(SMALLEST_SD), np.log(largest))]
        options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 30}
        found = minimize(objective, start[free], jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        if not (np.all(np.isfinite(found.x)) and found.nit < options["maxiter"]):
            raise ValueError(f"the pairwise model did not converge: {found.message}")
        at = start.copy()
        at[free] = found.x
        return at

    def loglik(self, at: Floats) -> float:
        """Marginal log-likelihood, without the prior."""
        return float(Posterior(self, at).total.sum())

    def loss(self, at: Floats) -> tuple[float, Floats]:
        """Minus the penalised log-likelihood, and its gradient."""
        posterior = Posterior(self, at)
        pull, ties, own = posterior.pulls()
        gradient = np.concatenate([self.design.T @ pull, [pull.sum(), ties.sum(), own.sum()]])
        theta = at[: self.size]
        gradient[: self.size] -= self.precision * theta
        return float(self.precision * (theta @ theta) / 2 - posterior.total.sum()), -gradient

    def scores(self, at: Floats, design: csr_array | None = None) -> csr_array:
        """Each participant's part of the gradient, (people, parameters); of another design if given."""
        pulls = Posterior(self, at).pulls()
        return self._scores(self.design if design is None else design, pulls)

    def _scores(self, design: csr_array, pulls: tuple[Floats, Floats, Floats]) -> csr_array:
        moved = self.members @ csr_array(design.multiply(pulls[0][:, None]))
        sums = csr_array(np.stack([self.members @ pull for pull in pulls], axis=1))
        return csr_array(hstack([moved, sums]))

    def information(self, at: Floats, rows: csr_array | None = None) -> Floats:
        """Observed information after Louis (1982): that of the complete data less what is lost with z.

        With the prior, (parameters, parameters). With `rows`, the design of other columns: the block
        between those and the parameters, without the prior, (columns of rows, parameters).
        """
        posterior = Posterior(self, at)
        left = self.design if rows is None else rows
        information = self._complete(posterior, left) - self._lost(posterior, left)
        if rows is not None:
            return information[: rows.shape[1]]
        return information + np.diag([self.precision] * self.size + [0.0] * EXTRA)

    def _complete(self, posterior: "Posterior", left: csr_array) -> Floats:
        """Expected information of the complete data between the columns of `left` and the parameters."""
        curve, cross, slope, tie, tie_slope, own = posterior.curves()
        top = (left.T @ csr_array(self.design.multiply(curve[:, None]))).toarray()
        beside = np.stack([left.T @ part for part in (curve, cross, slope)], axis=1)
        below = np.stack([self.design.T @ part for part in (curve, cross, slope)])
        corner = np.array(
            [
                [curve.sum(), cross.sum(), slope.sum()],
                [cross.sum(), tie.sum(), tie_slope.sum()],
                [slope.sum(), tie_slope.sum(), own.sum()],
            ]
        )
        return np.block([[top, beside], [below, corner]])

    def _lost(self, posterior: "Posterior", left: csr_array) -> Floats:
        """Variance of the complete scores over z, between the columns of `left` and the parameters."""
        pulls = posterior.pulls()
        mean = self._scores(left, pulls).T @ self._scores(self.design, pulls)
        own = self._by_node(self.design, posterior)
        beside = own if left is self.design else self._by_node(left, posterior)
        square = beside.T @ csr_array(own.multiply(posterior.weight.reshape(-1, 1)))
        return np.asarray((square - mean).toarray())

    def _by_node(self, design: csr_array, posterior: "Posterior") -> csr_array:
        """Each participant's scores at each node, (people * nodes, columns of the design and the three others)."""
        entries = design.tocoo()
        row = self.person[entries.row][:, None] * NODES + np.arange(NODES)
        moved = (entries.data[:, None] * posterior.residual[entries.row]).ravel()
        column = np.repeat(entries.col, NODES)
        shape = (self.people * NODES, design.shape[1])
        sums = np.stack([(self.members @ part).ravel() for part in posterior.at_nodes()], axis=1)
        return csr_array(hstack([csr_array((moved, (row.ravel(), column)), shape=shape), csr_array(sums)]))

    def determined(self, at: Floats) -> tuple[Floats, int]:
        """Information on the parameters that the votes determine, and how many these are: all, or all but
        the log sd, when it is at its limit or hardly known."""
        information = self.information(at)
        kept = len(at) - 1
        own = information[:kept, :kept]
        left = information[kept, kept] - information[kept, :kept] @ cho_solve(
            cho_factor(own), information[:kept, kept]
        )
        if no_spread(at) or left < LEAST_INFORMATION:
            return own, kept
        return information, len(at)

    def covariances(self, at: Floats) -> tuple[Floats, Floats]:
        """Covariance of the parameters twice: the inverse information, with the prior, and the cluster-robust one
        (CR1); of a sd that is not determined both are nan."""
        information, kept = self.determined(at)
        bread = cho_factor(information)
        scores = self.scores(at)[:, :kept]
        meat = (scores.T @ scores).toarray() * self.people / (self.people - 1)
        model, robust = np.full((2, len(at), len(at)), np.nan)
        model[:kept, :kept] = cho_solve(bread, np.eye(kept))
        robust[:kept, :kept] = cho_solve(bread, cho_solve(bread, meat).T)
        return model, robust


def no_spread(at: Floats) -> bool:
    """Whether the participants' sd is at its lower limit: they do not differ beyond chance."""
    return bool(at[-1] < np.log(2 * SMALLEST_SD))


class Posterior:
    """What the votes say about each participant's z, at one vector of parameters.

    total: log-likelihood per participant, (people,). weight: of the quadrature nodes, (people, nodes),
    each: the same per vote. shares: of the answers (3, votes, nodes); residual: (votes, nodes).
    """

    def __init__(self, model: Likelihood, at: Floats) -> None:
        self.points, self.said, self.sd = model.points, model.said, float(np.exp(at[-1]))
        eta = (model.design @ at[: model.size] + at[-3])[:, None] + self.sd * model.points
        logs = log_shares(eta, float(at[-2]))
        per_person = model.members @ np.einsum("kv,kvn->vn", model.said, logs) + model.log_weights
        largest = per_person.max(axis=1, keepdims=True)
        weight = np.exp(per_person - largest)  # the largest is 1: no underflow of the sum
        sums = weight.sum(axis=1, keepdims=True)
        self.total = (largest + np.log(sums))[:, 0]
        self.weight = weight / sums
        self.each = self.weight[model.person]
        self.shares = np.exp(logs)
        signed = (model.said[0] - model.said[1]) / 2
        self.residual = signed[:, None] - (self.shares[0] - self.shares[1]) / 2

    def at_nodes(self) -> tuple[Floats, Floats, Floats]:
        """Slopes of each vote's log-likelihood in eta, tie and log sd at each node, (votes, nodes)."""
        return self.residual, self.said[2][:, None] - self.shares[2], self.residual * self.points * self.sd

    def pulls(self) -> tuple[Floats, Floats, Floats]:
        """The same slopes as expected over the nodes, (votes,)."""
        pulled = self.each * self.residual
        ties = self.said[2] - (self.each * self.shares[2]).sum(axis=1)
        return pulled.sum(axis=1), ties, pulled @ self.points * self.sd

    def curves(self) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """Expected second slopes, each (votes,): eta eta, eta tie, eta sd, tie tie, tie sd, sd sd."""
        difference = self.shares[0] - self.shares[1]
        z = self.points * self.sd
        curve = self.each * (self.shares[0] + self.shares[1] - difference**2) / 4
        cross = -self.each * self.shares[2] * difference / 2
        tie = self.each * self.shares[2] * (1 - self.shares[2])
        own = curve @ z**2 - (self.each * self.residual) @ z
        return curve.sum(axis=1), cross.sum(axis=1), curve @ z, tie.sum(axis=1), cross @ z, own
