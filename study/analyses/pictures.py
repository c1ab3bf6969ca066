"""The report's figures: each a drawing inside the page, with the words that stand in for it."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pandas as pd

from analysis.figures import Figure, consort, forest, means, power_curve, reliability_diagram, reliance_plane
from analysis.plan.calibrated import diagrams
from analysis.plan.columns import ColumnError, Tables, outcome_table
from analysis.plan.people import RuleError
from analysis.plan.results import Group, HypothesisResult, Results
from analysis.plan.types import CALIBRATION, Outcome, Plan
from study.tables.consort import ArmFlow, Flow

MOST_MEANS = 4
MOST_CURVES = 6
POINTS = " pp"


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it. wide: keeps its size on a narrow screen and scrolls."""

    source: str
    alt: str
    caption: str
    wide: bool = False


def pictures(
    results: Results,
    plan: Plan,
    labels: dict[str, str],
    *,
    flow: Flow | None = None,
    tables: Tables | None = None,
    power: dict[str, Any] | None = None,
) -> dict[str, object]:
    """Figures by their place in the report; one that cannot be drawn is left out."""
    found: dict[str, object] = {
        "plane": _try(lambda: plane(results, labels)),
        "forest": _try(lambda: contrasts(results)),
    }
    if flow is not None:
        found["consort"] = _try(lambda: participants(flow, labels))
    if tables is not None:
        found["means"] = outcome_means(results, plan, tables, labels)
        found["calibration"] = reliability(plan, tables, labels)
        found["calibration_explored"] = unplanned_reliability(plan, tables, labels)
    if power is not None:
        found["power"] = _try(lambda: simulated_power(power, plan))
    return found


def _try(draw: Callable[[], Picture | None]) -> Picture | None:
    """A figure, or None where the numbers do not make one (an empty group, a flow with nobody in it)."""
    try:
        return draw()
    except ValueError:
        return None


def _picture(figure: Figure, caption: str, *, wide: bool = False) -> Picture:
    source = "data:image/svg+xml;base64," + base64.b64encode(figure.svg()).decode()
    return Picture(source, " ".join(figure.alt.split()), caption, wide)


def participants(flow: Flow, labels: dict[str, str]) -> Picture:
    """The CONSORT flow."""
    before = {
        "declined": flow.declined,
        "screened out": flow.screened_out,
        "failed the check": flow.failed_check,
        "withdrew": flow.withdrawn,
        "found no place": flow.full,
        "left": flow.unfinished,
    }
    drawn = consort(
        {
            "arrived": flow.arrived,
            "not_assigned": before,
            "assigned": flow.assigned,
            "arms": {labels.get(arm.arm, arm.arm): _arm(arm) for arm in flow.arms},
        }
    )
    rules = "; ".join(f"rule {n}: {sentence}" for n, sentence in enumerate(flow.rules.values(), start=1))
    return _picture(drawn, f"Flow of participants. {rules}", wide=True)


def _arm(arm: ArmFlow) -> dict[str, object]:
    left = {
        "withdrew": arm.withdrawn,
        "failed the check": arm.failed_check,
        "screened out": arm.screened_out,
        "left unfinished": arm.unfinished,
    }
    excluded = {f"rule {n}": count for n, count in enumerate(arm.excluded.values(), start=1)}
    analysed = arm.analysed if arm.analysed is not None else arm.completed
    shown = {"assigned": arm.assigned, "left": left, "completed": arm.completed, "excluded": excluded}
    return shown | {"analysed": analysed}


def plane(results: Results, labels: dict[str, str]) -> Picture | None:
    """Agreement when the AI is right against agreement when it is wrong, by arm."""
    found: dict[str, dict[str, float | None]] = {}
    for row in results.measures:
        if list(row.by) == ["arm"] and row.measure in ("overreliance", "underreliance"):
            e, point = row.estimate, found.setdefault(str(row.by["arm"]), {})
            if row.measure == "overreliance":
                point |= {"wrong": e.value, "wrong_low": e.low, "wrong_high": e.high}
            elif e.value is not None and e.low is not None and e.high is not None:
                point |= {"right": 1 - e.value, "right_low": 1 - e.high, "right_high": 1 - e.low}
    points = [{"label": labels.get(arm, arm)} | point for arm, point in found.items()]
    whole = pd.DataFrame(points).dropna() if points else pd.DataFrame()
    if whole.empty or "right" not in whole:
        return None
    caption = (
        "The reliance plane. Up and to the left is better: the AI followed when right and not when wrong."
    )
    return _picture(reliance_plane(whole), caption)


def reliability(plan: Plan, tables: Tables, labels: dict[str, str]) -> list[Picture]:
    """A reliability diagram by arm for every column whose calibration the plan asks for."""
    asked = dict.fromkeys(t.probability for t in plan.measures if set(t.measures) & set(CALIBRATION))
    drawn = [_try(partial(_reliability, tables, column, labels)) for column in asked]
    return [picture for picture in drawn if picture is not None]


def unplanned_reliability(plan: Plan, tables: Tables, labels: dict[str, str]) -> Picture | None:
    """The diagram of answers that are probabilities, where the plan does not ask for their calibration."""
    asked = {t.probability for t in plan.measures if set(t.measures) & set(CALIBRATION)}
    return None if None in asked else _try(partial(_reliability, tables, None, labels))


def _reliability(tables: Tables, column: str | None, labels: dict[str, str]) -> Picture | None:
    found = diagrams(tables["trials"], column)
    if not found:
        return None
    event = "was right" if column else "was true"
    drawn = reliability_diagram({labels.get(arm, arm): one for arm, one in found.items()}, event=event)
    what = f"{column.replace('_', ' ')} said it was" if column else "answers said it was"
    return _picture(
        drawn, f"Reliability diagram: how likely {what}, against how often it {event}, by condition."
    )


def simulated_power(power: dict[str, Any], plan: Plan) -> Picture | None:
    """The registration's simulated power by sample size, of the hypotheses that have the least."""
    if not power.get("curve"):
        return None
    least = sorted(power["hypotheses"], key=lambda name: power["hypotheses"][name]["power"])[:MOST_CURVES]
    order = [h.id for h in plan.hypotheses if h.id in least]
    table = pd.DataFrame(power["curve"])
    table = table[table["test"].isin(order)]
    if table.empty:
        return None
    table = table.sort_values("test", key=lambda names: names.map(order.index), kind="stable")
    others = len(power["hypotheses"]) - len(order)
    rest = f" The {others} with more power are in the table." if others else ""
    return _picture(
        power_curve(table, target=power["target"]),
        f"Power as simulated at registration, under the protocol's assumptions.{rest}",
    )


def contrasts(results: Results) -> Picture | None:
    """All hypotheses tested as a difference in probability, on one axis."""
    rows = [row for h in results.hypotheses if (row := _forest_row(h)) is not None]
    if len(rows) < 2:
        return None
    drawn = forest(
        pd.DataFrame(rows), label="difference in percentage points", factor=100, unit=POINTS, decimals=1
    )
    return _picture(
        drawn, "Hypotheses that speak of a probability, as differences in percentage points.", wide=True
    )


def _forest_row(h: HypothesisResult) -> dict[str, object] | None:
    effect = next((e.estimate for e in h.effects if e.name.endswith("in probability")), None)
    if h.unit == "probability":
        effect = h.estimate
    if effect is None or effect.value is None or effect.low is None or effect.high is None:
        return None
    return {"label": h.id, "value": effect.value, "low": effect.low, "high": effect.high, "p": h.p_adjusted}


def outcome_means(results: Results, plan: Plan, tables: Tables, labels: dict[str, str]) -> list[Picture]:
    """Means by arm of the outcomes of primary models, one dot a participant behind."""
    wanted = dict.fromkeys(m.outcome for m in plan.models if m.role == "primary")
    outcomes = {o.id: o for o in plan.outcomes}
    known = [outcomes[name] for name in wanted if name in outcomes]
    drawn = [_try(partial(_means, results, outcome, tables, labels)) for outcome in known]
    return [picture for picture in drawn if picture is not None][:MOST_MEANS]


def _means(results: Results, outcome: Outcome, tables: Tables, labels: dict[str, str]) -> Picture | None:
    if outcome.kind not in ("binary", "continuous"):
        return None
    labels = {arm: textwrap.fill(label, 16) for arm, label in labels.items()}
    groups = [g for g in results.summaries if g.outcome == outcome.id and list(g.by) == ["arm"]]
    try:
        people = _people(outcome, tables)
    except (ColumnError, RuleError):
        return None
    estimates = _estimates(groups, labels)
    people = people.assign(arm=[labels.get(str(arm), str(arm)) for arm in people["arm"]])
    people = people[people["arm"].isin(estimates["arm"])]
    unit: Literal["share", "number"] = "share" if outcome.kind == "binary" else "number"
    name = outcome.label + (f" ({outcome.unit})" if outcome.unit else "")
    drawn = means(estimates, people, label=name, unit=unit, order=list(estimates["arm"]))
    return _picture(drawn, outcome.label + ", by condition.")


def _estimates(groups: Sequence[Group], labels: dict[str, str]) -> pd.DataFrame:
    rows = [
        {
            "arm": labels.get(str(g.by["arm"]), str(g.by["arm"])),
            "value": g.mean.value,
            "low": g.mean.low,
            "high": g.mean.high,
        }
        for g in groups
        if g.mean.available
    ]
    return pd.DataFrame(rows, columns=["arm", "value", "low", "high"])


def _people(outcome: Outcome, tables: Tables) -> pd.DataFrame:
    """One mean a participant."""
    table, column = outcome_table(outcome, tables, ["arm"])
    table = table.dropna(subset=["arm", column])
    value = table.assign(value=table[column].astype("float64")).groupby(
        ["participant", "arm"], observed=True
    )["value"]
    return value.mean().reset_index()
