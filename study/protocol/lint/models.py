"""What a registered model will be unable to tell (`analysis.design_warnings`), asked of the protocol's own design."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.design_warnings import DesignWarning, PlannedModel, Varies, design_warnings
from analysis.mixed.errors import ModelError
from analysis.mixed.formula import parse_formula
from analysis.plan.types import Contrast, Model, Outcome
from study.protocol.expected import NotAssumed, attributes, means_of, met, per_person
from study.protocol.lint.columns import known_columns
from study.protocol.lint.said import Said
from study.protocol.types import Arm, Item, Protocol

OF_MODELS = {"few-events": "few-events", "more-slopes-than-trials": "more-slopes-than-trials"}
OF_FORMULAS = {"slope-left-out": "slope-left-out", "slope-over-items-left-out": "slope-left-out"}
OF_CONTRASTS = {
    "item-effect-few-df": "few-items",
    "item-effect-not-estimable": "few-items",
    "item-effect-by-z": "item-effect-by-z",
}
"""The linter's code of each design warning, by where it is reported. Missing random effects have a check of their own
(`no-random-effects`)."""


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on every model whose outcome and formula can be read. What no hypothesis tests is left in peace."""
    outcomes = {outcome.id: outcome for outcome in protocol.plan.outcomes}
    for number, model in enumerate(protocol.plan.models):
        outcome = outcomes.get(model.outcome)
        if outcome is None:
            continue
        try:
            found = design_warnings(planned(protocol, model, outcome))
        except ModelError:
            continue
        yield from _of_model(protocol, ("plan", "models", number, "formula"), model, found)


def _of_model(
    protocol: Protocol, path: tuple[str | int, ...], model: Model, found: list[DesignWarning]
) -> Iterator[Said]:
    contrasts = [
        (("plan", "hypotheses", number, "contrast"), hypothesis.contrast)
        for number, hypothesis in enumerate(protocol.plan.hypotheses)
        if hypothesis.model == model.id
    ]
    for warning in found:
        if warning.code in OF_MODELS:
            yield Said(OF_MODELS[warning.code], path, warning.message)
        elif warning.code in OF_FORMULAS and any(_rests_on(c, warning) for _, c in contrasts):
            yield Said(OF_FORMULAS[warning.code], path, warning.message)
        elif warning.code in OF_CONTRASTS:
            for where, contrast in contrasts:
                if _tests(contrast, warning):
                    yield Said(OF_CONTRASTS[warning.code], where, warning.message)


def _tests(contrast: Contrast, warning: DesignWarning) -> bool:
    """Is the term what the contrast compares? A difference of differences rests on its items as well, but its z test
    fails in another way (`slope-left-out`)."""
    within = contrast.within.factor if contrast.within and warning.code != "item-effect-by-z" else None
    return len(warning.term) == 1 and warning.term[0] in (contrast.factor, within)


def _rests_on(contrast: Contrast, warning: DesignWarning) -> bool:
    """Does the contrast rest on the term: its factor, the factor it is compared within, or their product?"""
    parts = {contrast.factor} | ({contrast.within.factor} if contrast.within else set())
    return set(warning.term) == parts or (len(warning.term) == 1 and warning.term[0] in parts)


def planned(protocol: Protocol, model: Model, outcome: Outcome) -> PlannedModel:
    """A model of the plan with the numbers of the registered design. Where the assumptions do not say which rows a
    subset keeps, all count. Raises ModelError for an unreadable formula."""
    trials = outcome.table == "trials" and outcome.per_participant is None
    try:
        arms, items = met(protocol, model, outcome)
        answers = per_person(protocol, model, len(items)) if items else 1
    except NotAssumed:
        arms, items = list(protocol.arms), list(protocol.items)
        answers = len(items)
    weights = sum(arm.weight for arm in arms) / sum(arm.weight for arm in protocol.arms)
    variables = parse_formula(f"y ~ {model.formula}").variables
    return PlannedModel(
        formula=model.formula,
        family=model.family,
        participants=round(protocol.sample.target * weights),
        items=len(items) if trials else 0,
        per_person=answers if trials else 1,
        varies={name: _varies(protocol, arms, name) for name in variables} if trials else {},
        levels={name: count for name in variables if (count := _levels(protocol, arms, items, name))},
        rarer=_rarer(protocol, model, outcome, arms, items) if trials else None,
        df=model.df,
    )


def _varies(protocol: Protocol, arms: list[Arm], column: str) -> Varies:
    """Where a column of the trials table varies: the arm and what is known of people, items, or single trials."""
    if any(column in attributes(protocol, item) for item in protocol.items):
        return "item"
    if column == "hedged" and all(arm.phrasing == "plain" or arm.hedged.count in (0, "all") for arm in arms):
        return "participant"
    own = column in known_columns(protocol, "trials") and column != "arm"
    return "trial" if own else "participant"


def _levels(protocol: Protocol, arms: list[Arm], items: list[Item], column: str) -> int | None:
    """How many values a factor takes in the model's rows; None for numbers."""
    if column in ("arm", "item"):
        return len(arms) if column == "arm" else len(items)
    values = {
        str(attributes(protocol, item).get(column)) for item in items if column in attributes(protocol, item)
    }
    return len(values) or len(protocol.plan.levels.get(column, [])) or None


def _rarer(
    protocol: Protocol, model: Model, outcome: Outcome, arms: list[Arm], items: list[Item]
) -> float | None:
    """The assumed share of the rarer answer, over the arms that the assumptions speak of; None where a cell is open."""
    try:
        known = means_of(protocol, model, outcome, arms, items)
    except NotAssumed:
        return None
    spoken = {arm for arm, _ in known}
    if not known or len(known) < len(spoken) * len(items):
        return None
    share = sum(known.values()) / len(known)
    return min(share, 1 - share)
