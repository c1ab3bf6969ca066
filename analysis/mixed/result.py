"""A fitted model: tables as R users know them, plus predict, ranef, simulate and refit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.mixed.design import Design, Mask, level_codes
from analysis.mixed.errors import ModelError
from analysis.mixed.families import Ordinal, make_family
from analysis.mixed.gaussian import LinearEngine
from analysis.mixed.inference import DegreesOfFreedom
from analysis.mixed.laplace import LaplaceEngine, LaplaceFit
from analysis.mixed.separation import Separation
from analysis.mixed.variables import Floats


@dataclass(frozen=True)
class Model:
    """What was asked: design, family, link, REML, the df method and the level of intervals."""

    design: Design
    family: str
    link: str
    reml: bool
    df: str
    level: float


@dataclass(frozen=True)
class MixedResult:
    """A fitted model.

    fixed: term, estimate, se, df, statistic (t or z), p, low, high; thresholds `1|2` first for ordinal.
    random: group, term, sd, correlations (a dict to earlier terms of the same group).
    covariance: of the fixed effects (thresholds included), labelled by term.
    log_likelihood: restricted for REML. residual_sd: nan where the family has none.
    converged, singular, separated: flags, each with its sentence in `warnings`; `separation` tells which contrasts
    run off to infinity (`moves`) and so leaves the others their use."""

    model: Model
    fixed: pd.DataFrame
    random: pd.DataFrame
    covariance: pd.DataFrame
    residual_sd: float
    log_likelihood: float
    parameters: int
    converged: bool
    singular: bool
    separation: Separation | None
    warnings: tuple[str, ...]
    theta: Floats = field(repr=False)
    effects: Floats = field(repr=False)
    degrees: DegreesOfFreedom = field(repr=False)
    engine: LinearEngine | LaplaceEngine | None = field(repr=False, default=None)
    laplace: LaplaceFit | None = field(repr=False, default=None)

    @property
    def separated(self) -> bool:
        """Whether some fixed effect runs off to infinity."""
        return self.separation is not None

    def runs_off(self, rows: Floats) -> Mask:
        """Which combinations of the fixed parameters, (combinations, parameters), have no finite estimate."""
        if self.separation is None:
            return np.zeros(len(rows), dtype=bool)
        return self.separation.moves(rows)

    @property
    def formula(self) -> str:
        return self.model.design.formula.text

    @property
    def family(self) -> str:
        return self.model.family

    @property
    def n(self) -> int:
        """Rows used."""
        return self.model.design.rows

    @property
    def groups(self) -> dict[str, int]:
        """Levels of each grouping factor."""
        return {g.name: g.size for g in self.model.design.groupings}

    @property
    def estimates(self) -> Floats:
        return self.fixed["estimate"].to_numpy(dtype=np.float64)

    @property
    def tau(self) -> Floats:
        """Thresholds of an ordinal model; empty otherwise."""
        return self.estimates[: self.n_thresholds]

    @property
    def beta(self) -> Floats:
        return self.estimates[self.n_thresholds :]

    @property
    def n_thresholds(self) -> int:
        return len(self.model.design.response.labels) - 1 if self.family == "ordinal" else 0

    def predict(
        self, data: pd.DataFrame | None = None, *, scale: str = "response", random: bool = True
    ) -> pd.Series:
        """Predictions for the rows fitted or for new rows.

        scale: "link" (linear predictor) or "response" (mean; for ordinal the expected category, counted
        from 1). random: with the conditional modes of known levels; unknown levels count as average."""
        design = self.model.design
        frame = design.frame if data is None else data
        eta = self._fixed_part(frame)
        if random:
            eta = eta + self._random_part(frame)
        if scale not in ("link", "response"):
            raise ModelError(f"scale {scale!r} is not known; choose link or response")
        values = eta if scale == "link" else self.mean(eta)
        return pd.Series(values, index=frame.index, name=design.response.text)

    def mean(self, eta: Floats) -> Floats:
        """The response scale of a linear predictor."""
        if self.family == "gaussian":
            return eta
        family = make_family(self.family, self.model.link, self.model.design.response)
        if isinstance(family, Ordinal):
            return np.asarray(family.probabilities(eta, self.tau) @ np.arange(1, family.thresholds + 2))
        return family.mean(eta)

    def category_probabilities(
        self, data: pd.DataFrame | None = None, *, random: bool = True
    ) -> pd.DataFrame:
        """Probability of each category, a row an observation; ordinal models only."""
        if self.family != "ordinal":
            raise ModelError("category probabilities belong to ordinal models")
        response = self.model.design.response
        eta = self.predict(data, scale="link", random=random)
        family = Ordinal(np.zeros(1), len(response.labels))
        table = family.probabilities(eta.to_numpy(dtype=np.float64), self.tau)
        return pd.DataFrame(table, index=eta.index, columns=list(response.labels))

    def _fixed_part(self, frame: pd.DataFrame) -> Floats:
        design = self.model.design
        X = design.X if frame is design.frame else design.matrix(design.encode(frame), len(frame))
        return np.asarray(X @ self.beta)

    def _random_part(self, frame: pd.DataFrame) -> Floats:
        design = self.model.design
        eta = np.zeros(len(frame))
        for grouping, modes in zip(design.groupings, self._modes(), strict=False):
            for name in grouping.variables:
                if name not in frame.columns:
                    raise ModelError(
                        f"column '{name}' is not in the new data; it names the levels of a random effect"
                    )
            codes, names = level_codes(frame, grouping.variables)
            place = {level: i for i, level in enumerate(grouping.levels)}
            known = np.array([place.get(level, -1) for level in names])[codes]
            columns = [c for term in grouping.terms for c in term.columns]
            used = sorted({v for c in columns for v, _ in c.parts})
            encoded = {v: design.variables[v].encode(frame[v]) for v in used}
            Z = np.column_stack([c.values(encoded, len(frame)) for c in columns])
            eta += np.where(known >= 0, np.einsum("nk,nk->n", Z, modes[known]), 0.0)
        return eta

    def _modes(self) -> list[Floats]:
        """Conditional modes, (levels, K) a grouping, in the formula's order."""
        return self.engine.layout.modes(self.theta, self.effects) if self.engine is not None else []

    def ranef(self) -> dict[str, pd.DataFrame]:
        """Conditional modes of the random effects: one table a grouping factor, levels × terms."""
        return {
            g.name: pd.DataFrame(
                modes, index=pd.Index(g.levels, name=g.name), columns=[n for t in g.terms for n in t.names]
            )
            for g, modes in zip(self.model.design.groupings, self._modes(), strict=False)
        }

    def simulate(self, rng: np.random.Generator) -> Floats:
        """A new outcome from the fitted model, all random effects drawn anew: (rows,).

        On the scale of the formula's left-hand side: successes for binomial, 0-based categories for ordinal."""
        design = self.model.design
        eta = design.X @ self.beta
        if self.engine is not None:
            layout = self.engine.layout
            for grouping, lam in zip(design.groupings, layout.natural(self.theta), strict=False):
                b = rng.standard_normal((grouping.size, grouping.width)) @ lam.T
                spread = self.residual_sd if self.family == "gaussian" else 1.0
                eta = eta + spread * np.einsum("nk,nk->n", grouping.Z, b[grouping.codes])
        if self.family == "gaussian":
            return np.asarray(eta + self.residual_sd * rng.standard_normal(design.rows))
        family = make_family(self.family, self.model.link, design.response)
        return family.draw(eta, self.tau, rng)

    def refit(self, y: Floats | pd.Series) -> MixedResult:
        """The same model for another outcome of the same rows, started from this optimum.

        y: (rows,) as `simulate` gives it. Raises ModelError for another length, missing values or a
        constant outcome."""
        from analysis.mixed.fit import fit_model

        values = np.asarray(y, dtype=np.float64)
        check_outcome(values, self.model)
        model = Model(
            self.model.design.with_response(values), self.family, self.model.link, self.model.reml, self.model.df,
            self.model.level,
        )  # fmt: skip
        return fit_model(model, self)


def check_outcome(y: Floats, model: Model) -> None:
    """Whether an outcome can stand in for the one a model was fitted with; raises ModelError."""
    design = model.design
    if y.shape != (design.rows,):
        raise ModelError(f"the new outcome has shape {y.shape}; the model has {design.rows} rows")
    if not np.isfinite(y).all():
        raise ModelError(f"the new outcome holds {int((~np.isfinite(y)).sum())} missing or infinite values")
    if np.ptp(y / design.response.trials) == 0:
        raise ModelError("the new outcome is the same in every row: there is nothing to explain")
    if model.family == "binomial" and ((y < 0) | (y > design.response.trials) | (y != np.round(y))).any():
        raise ModelError(
            "the new outcome of a binomial model must count successes, between 0 and the tries of the row"
        )
    if model.family == "poisson" and ((y < 0) | (y != np.round(y))).any():
        raise ModelError("the new outcome of a poisson model must be whole counts, none negative")
    top = len(design.response.labels)
    if model.family == "ordinal" and (
        (y != np.round(y)).any() or not np.array_equal(np.unique(y), np.arange(top, dtype=np.float64))
    ):
        raise ModelError(f"the new outcome of an ordinal model must use every category 0 to {top - 1}")
