"""The registered plan and the protocol's stated assumptions as a power simulation (`analysis.power`).

Assumed cell means (arm × whether the AI is right) are projected on each model that a hypothesis rests on: for binary
outcomes by penalised maximum likelihood with item effects, as the model itself would average them. A hypothesis whose
outcome the assumptions say nothing of is left out, by name and with the reason: no number is made up for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.mixed.design import build_design
from analysis.mixed.errors import ModelError
from analysis.plan.types import Hypothesis, Model, Outcome
from analysis.power import Effects, PowerCurve, PowerDesign, PowerTest, simulate_power
from study.protocol import Protocol, sha256
from study.protocol.expected import Means, NotAssumed, attributes, means_of, met, per_person

ATTENUATION = (
    16 * math.sqrt(3) / (15 * math.pi)
)  # of a logistic mean by normal effects, Zeger, Liang & Albert 1988
SCALE_SHARE = 0.25  # residual SD of a scale score, as a share of its range: 1 point on five
ITEM_PENALTY = 0.16  # precision of the item effects in the projection: an SD of 2.5 log odds
CURVE = (0.5, 0.75, 1.25, 1.5)
"""Samples of a power curve, as shares of the registered one."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Prepared:
    """One simulation to run: the tests of one family on one model, and how many participants its arms have."""

    design: PowerDesign
    effects: Effects
    participants: int


def simulate(
    protocol: Protocol,
    *,
    runs: int,
    progress: Progress | None = None,
    workers: int | None = None,
    shares: Sequence[float] = (),
) -> dict[str, Any]:
    """Simulated power of every hypothesis at the registered sample, as JSON values.

    runs: simulated studies per model and family, at least 20. progress is called with (studies done, in all). shares:
    other samples to simulate besides, as shares of the registered one (0.5, 1.25 …), for a curve. Keys of the result:
    runs, participants, target, seed, sha256 (of the protocol), hypotheses (id to power, 95 % Monte Carlo interval low
    and high, mean width of the contrast's interval, participants analysed, share of failed fits), left_out (id to
    reason), notes, and with shares curve (test, size in participants of the whole study, power, simulations).
    """
    prepared, left_out = prepare(protocol)
    found: dict[str, dict[str, float | None]] = {}
    curve: list[dict[str, Any]] = []
    notes: list[str] = []
    each = runs * (1 + len(_others(shares)))
    for number, one in enumerate(prepared):
        told = _Told(progress, number * each, len(prepared) * each)
        try:
            at_target = _simulated(
                one, [1.0], runs, [protocol.assumptions.seed, number], workers, told.after(0)
            )
            if others := _others(shares):
                stream = [protocol.assumptions.seed, number, 1]
                besides = _simulated(one, others, runs, stream, workers, told.after(runs))
                curve += _points(pd.concat([at_target.table, besides.table]), one, protocol.sample.target)
        except ModelError as error:
            left_out |= {test.name: str(error) for test in one.design.tests}
            continue
        found |= _rows(at_target.table)
        notes += at_target.notes
    result = {
        "runs": runs,
        "participants": protocol.sample.target,
        "target": protocol.sample.power_target,
        "seed": protocol.assumptions.seed,
        "sha256": sha256(protocol),
        "hypotheses": {h.id: found[h.id] for h in protocol.plan.hypotheses if h.id in found},
        "left_out": {h.id: left_out[h.id] for h in protocol.plan.hypotheses if h.id in left_out},
        "notes": list(dict.fromkeys(notes)),
    }
    return result | ({"curve": curve} if curve else {})


def _others(shares: Sequence[float]) -> list[float]:
    return sorted({share for share in shares if share != 1.0})


def _simulated(
    one: Prepared,
    shares: Sequence[float],
    runs: int,
    stream: Sequence[int],
    workers: int | None,
    progress: Progress | None,
) -> PowerCurve:
    return simulate_power(
        one.design,
        one.effects,
        [max(round(one.participants * share), 2 * len(one.design.arms)) for share in shares],
        np.random.default_rng(list(stream)),
        simulations=runs,
        workers=workers,
        progress=progress,
    )


@dataclass(frozen=True)
class _Told:
    """Passes progress on, counted over all simulations."""

    progress: Progress | None
    before: int
    total: int

    def after(self, done: int) -> Progress | None:
        """What to call in a part that starts when `done` more are through."""
        if self.progress is None:
            return None
        tell = self.progress
        return lambda more, _: tell(self.before + done + more, self.total)


def _points(table: pd.DataFrame, one: Prepared, target: int) -> list[dict[str, Any]]:
    """Points of the curve, by participants of the whole study."""
    rows = table[table["test"] != "all of them"].drop_duplicates(["test", "size"])
    return [
        {
            "test": row["test"],
            "size": round(row["size"] * target / one.participants),
            "power": float(row["power"]),
            "simulations": int(row["simulations"]),
        }
        for row in rows.sort_values(["test", "size"], kind="stable").to_dict("records")
    ]


def _rows(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    names = ["power", "low", "high", "width", "analysed", "failed"]
    rows = table[table["test"] != "all of them"].to_dict("records")
    return {row["test"]: {name: _number(row[name]) for name in names} for row in rows}


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def prepare(protocol: Protocol) -> tuple[list[Prepared], dict[str, str]]:
    """The simulations that the plan's hypotheses need, and for the others why there is none (by hypothesis id)."""
    groups: dict[tuple[str, str], list[Hypothesis]] = {}
    for hypothesis in protocol.plan.hypotheses:
        groups.setdefault((hypothesis.model, hypothesis.family), []).append(hypothesis)
    prepared: list[Prepared] = []
    left_out: dict[str, str] = {}
    for (name, family), hypotheses in groups.items():
        model = next(model for model in protocol.plan.models if model.id == name)
        try:
            prepared.append(_prepared(protocol, model, family, hypotheses))
        except NotAssumed as reason:
            left_out |= {hypothesis.id: str(reason) for hypothesis in hypotheses}
    return prepared, left_out


def _prepared(protocol: Protocol, model: Model, family: str, hypotheses: list[Hypothesis]) -> Prepared:
    outcome = next(outcome for outcome in protocol.plan.outcomes if outcome.id == model.outcome)
    arms, items = met(protocol, model, outcome)
    means = means_of(protocol, model, outcome, arms, items)
    arms = [arm for arm in arms if any((arm.id, item) in means for item in [*(i.id for i in items), ""])]
    if len(arms) < 2:
        raise NotAssumed(f"The assumptions give '{outcome.column}' for fewer than two arms.")
    properties = tuple(attributes(protocol, item) for item in items) or ({},)
    weights = sum(arm.weight for arm in arms) / sum(arm.weight for arm in protocol.arms)
    design = PowerDesign(
        formula=f"{outcome.column} ~ {model.formula}",
        arms=tuple(arm.id for arm in arms),
        tests=tuple(_test(hypothesis) for hypothesis in hypotheses),
        items=properties,
        per_person=per_person(protocol, model, len(items)) if items else None,
        family=model.family,
        df=model.df,
        excluded=protocol.assumptions.inattentive,
        alpha=hypotheses[0].alpha,
        target=protocol.sample.power_target,
        adjust=protocol.plan.multiplicity.get(family, "none"),
    )
    effects = _effects(protocol, model, outcome, design, [item.id for item in items], means)
    return Prepared(design, effects, round(protocol.sample.target * weights))


def _test(hypothesis: Hypothesis) -> PowerTest:
    contrast, criterion = hypothesis.contrast, hypothesis.criterion
    within = contrast.within
    low, high = criterion.low, criterion.high
    if criterion.op == "==" and criterion.tolerance is not None:
        low, high = criterion.value - criterion.tolerance, criterion.value + criterion.tolerance
    return PowerTest(
        name=hypothesis.id,
        factor=contrast.factor,
        level=contrast.level,
        reference=contrast.reference,
        at=contrast.at,
        within=(within.factor, within.level, within.reference) if within else None,
        scale=contrast.scale,
        op={"<=": "<", ">=": ">", "==": "equivalent"}.get(criterion.op, criterion.op),
        value=criterion.value,
        low=low,
        high=high,
    )


def _effects(
    protocol: Protocol, model: Model, outcome: Outcome, design: PowerDesign, items: list[str], means: Means
) -> Effects:
    """Coefficients of the model that come closest to the assumed means, and the random effects' spread."""
    cells = [(arm, n) for arm in design.arms for n in range(len(design.items))]
    names = items or [""]
    if missing := [arm for arm, n in cells if (arm, names[n]) not in means]:
        raise NotAssumed(f"The assumptions give no mean of '{outcome.column}' in arm '{missing[0]}'.")
    try:
        X, terms = _matrix(design, cells)
    except ModelError as error:
        raise NotAssumed(str(error)) from None
    target = np.array([means[arm, names[n]] for arm, n in cells])
    if model.family == "gaussian":
        coefficients = np.linalg.lstsq(X, target, rcond=None)[0]
        return Effects(
            dict(zip(terms, coefficients.tolist(), strict=True)), residual_sd=_scale_sd(protocol, outcome)
        )
    assumed = protocol.assumptions
    spread = math.sqrt(1 + ATTENUATION**2 * (assumed.participant_sd**2 + assumed.item_sd**2))
    p = np.clip(target, 0.001, 0.999)
    eta = np.log(p / (1 - p)) * spread
    coefficients, by_item = project(X, np.array([n for _, n in cells]), 1 / (1 + np.exp(-eta)))
    groups = {
        "participant": assumed.participant_sd,
        "item": math.hypot(assumed.item_sd, float(np.std(by_item))),
    }
    sds = {name: sd for name, sd in groups.items() if f"| {name})" in model.formula}
    return Effects(dict(zip(terms, coefficients.tolist(), strict=True)), sds)


def _matrix(
    design: PowerDesign, cells: list[tuple[str, int]]
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """The fixed-effects matrix of one row a cell (twice over, so that every factor varies), and its terms."""
    frame = pd.DataFrame(
        {
            "arm": pd.Categorical([arm for arm, _ in cells] * 2, list(design.arms)),
            "item": [n for _, n in cells] * 2,
            "participant": [0] * len(cells) + [1] * len(cells),
            **{name: [design.items[n][name] for _, n in cells] * 2 for name in design.items[0]},
        }
    )
    response = design.formula.split("~")[0].strip()
    frame[response] = [0] * len(cells) + [1] * len(cells)
    made = build_design(design.formula, frame, design.family)
    return made.X[: len(cells)], tuple(made.terms)


def _scale_sd(protocol: Protocol, outcome: Outcome) -> float:
    points = next((scale.points for scale in protocol.scales if scale.id == outcome.column), 5)
    return SCALE_SHARE * (points - 1)


def project(
    X: np.ndarray[Any, Any], item: np.ndarray[Any, Any], p: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Log-odds coefficients and item effects of the logistic model closest in likelihood to cell probabilities.

    X (cells, terms); item (cells,) codes from 0; p (cells,) in (0, 1). Newton's method with a ridge on item effects.
    """
    Z = np.column_stack([X, np.eye(int(item.max()) + 1)[item]])
    ridge = np.diag([1e-9] * X.shape[1] + [ITEM_PENALTY] * (Z.shape[1] - X.shape[1]))
    b = np.zeros(Z.shape[1])
    for _ in range(200):
        fitted = 1 / (1 + np.exp(-Z @ b))
        gradient = Z.T @ (p - fitted) - ridge @ b
        hessian = Z.T @ (Z * (fitted * (1 - fitted))[:, None]) + ridge
        step = np.linalg.solve(hessian, gradient)
        b = b + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return b[: X.shape[1]], b[X.shape[1] :]
