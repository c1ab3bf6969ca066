"""What a planned model will be unable to tell, said before a single participant has been paid.

Pure arithmetic on the plan: no data and no numerical library are needed, so the linter can ask at every keystroke.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from analysis.mixed.formula import Formula, RandomPart, Term, parse_formula

Varies = Literal["participant", "item", "trial"]

FEW_DF = 20
"""Fewer degrees of freedom than this widen an interval by 6 % or more over the normal's."""
EVENTS_PER_PARAMETER = 10
FEW_LEVELS = 5


@dataclass(frozen=True)
class PlannedModel:
    """A model as it is planned. formula: with or without an outcome. varies: for each predictor, whether it is
    constant within a participant ("participant", as the arm), within an item ("item", as the AI being right), or
    neither ("trial", as a phrasing dealt at random). levels: of factors (numbers count as one parameter when absent).
    per_person: trials a participant gives. rarer: expected share of the rarer answer of a binary outcome."""

    formula: str
    family: str
    participants: int
    items: int
    per_person: int
    varies: Mapping[str, Varies]
    levels: Mapping[str, int] = field(default_factory=dict)
    rarer: float | None = None
    df: str = "satterthwaite"
    participant: str = "participant"
    item: str = "item"


@dataclass(frozen=True)
class DesignWarning:
    """One finding. level: "warning" for what biases tests, "note" for what is worth knowing. term: the term of the
    formula it is about; empty when it is about the whole model."""

    code: str
    level: Literal["warning", "note"]
    message: str
    term: Term = ()


def design_warnings(plan: PlannedModel) -> list[DesignWarning]:
    """Every finding about a planned model, most serious first. Raises ModelError for an unreadable formula."""
    formula = parse_formula(plan.formula if "~" in plan.formula else f"outcome ~ {plan.formula}")
    found = [
        *_repeated(plan, formula),
        *_between_items(plan, formula),
        *_slopes(plan, formula),
        *_events(plan, formula),
        *_few_levels(plan, formula),
    ]
    return sorted(found, key=lambda w: w.level != "warning")


def _random(formula: Formula, group: str) -> list[RandomPart]:
    return [part for part in formula.random if part.group == (group,)]


def _level(plan: PlannedModel, term: Term) -> Varies:
    """The finest level any column of a term varies on; a product of arm and item varies by trial."""
    kinds = {plan.varies.get(column, "trial") for column in term}
    return kinds.pop() if len(kinds) == 1 else "trial"


def _parameters(plan: PlannedModel, term: Term) -> int:
    count = 1
    for column in term:
        count *= max(plan.levels.get(column, 2) - 1, 1)
    return count


def _named(term: Term) -> str:
    return "'" + ":".join(term) + "'"


def _repeated(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """Repeated answers without the random effect that accounts for them."""
    if plan.per_person > 1 and not _random(formula, plan.participant):
        yield DesignWarning(
            "participants-not-random",
            "warning",
            f"Each participant answers {plan.per_person} times, but the model has no (1 | {plan.participant}): it "
            "counts their answers as independent, and its standard errors are too small for what differs "
            "between participants.",
        )
    meets = plan.participants * plan.per_person / max(plan.items, 1)
    if plan.items > 1 and meets > 1 and not _random(formula, plan.item) and plan.per_person > 1:
        serious = any(_level(plan, term) == "item" for term in formula.fixed.terms)
        yield DesignWarning(
            "items-not-random",
            "warning" if serious else "note",
            f"Every item is answered about {meets:.0f} times, but the model has no (1 | {plan.item}): its conclusions "
            f"hold for these {plan.items} items only, not for items like them.",
        )


def _between_items(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """Effects that differ between items only: their precision is bought with items, not with participants."""
    between = [term for term in formula.fixed.terms if _level(plan, term) == "item"]
    df = plan.items - int(formula.fixed.intercept) - sum(_parameters(plan, term) for term in between)
    for term in between:
        if df < 1:
            yield DesignWarning(
                "item-effect-not-estimable",
                "warning",
                f"{_named(term)} differs between items, and {plan.items} items leave no degree of freedom to test it.",
                term,
            )
            continue
        if df < FEW_DF:
            yield DesignWarning(
                "item-effect-few-df",
                "warning" if df < 10 else "note",
                f"{_named(term)} differs between items: with {plan.items} items its test has about {df} degrees of "
                "freedom however many participants take part. More items help, more participants do not.",
                term,
            )
        if df < FEW_DF and (plan.family != "gaussian" or plan.df == "asymptotic"):
            yield DesignWarning(
                "item-effect-by-z",
                "warning",
                f"{_named(term)} is tested by z, as if there were endlessly many items; with {plan.items} items its "
                "p is too small and its interval too narrow. Call it exploratory, bootstrap the test, or use "
                "more items.",
                term,
            )


def _slopes(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """Within-participant effects whose differences between participants are left out."""
    parts = _random(formula, plan.participant)
    if not parts or plan.per_person < 2:
        return
    have = {term for part in parts for term in part.columns.terms}
    width = sum(1 + sum(_parameters(plan, t) for t in part.columns.terms) for part in parts)
    if width > plan.per_person:
        yield DesignWarning(
            "more-slopes-than-trials",
            "warning",
            f"The model asks {width} random effects of each participant, who gives {plan.per_person} answers: "
            "they cannot all be estimated.",
        )
    for term in formula.fixed.terms:
        moving = len(term) == 1 and _level(plan, term) in ("item", "trial")
        if moving and term not in have:
            yield DesignWarning(
                "slope-left-out",
                "warning" if _level(plan, term) == "trial" else "note",
                f"{_named(term)} varies within participants, but the model lets it have the same effect on everybody; "
                f"if people differ, its test rejects too often. Consider (1 + {term[0]} | {plan.participant}).",
                term,
            )
    yield from _slopes_over_items(plan, formula)


def _slopes_over_items(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """Products of an item's property with something else: does the something else differ between items of a kind?"""
    parts = _random(formula, plan.item)
    have = {term for part in parts for term in part.columns.terms}
    for term in formula.fixed.terms:
        own = [column for column in term if plan.varies.get(column) == "item"]
        others = tuple(column for column in term if column not in own)
        if parts and own and others and others not in have:
            name = ":".join(others)
            yield DesignWarning(
                "slope-over-items-left-out",
                "warning" if plan.items < FEW_DF else "note",
                f"{_named(term)} compares kinds of items, but the model lets '{name}' have the same effect on every "
                f"item of a kind; if items differ, its test rejects too often. Consider (1 + {name} | {plan.item}).",
                term,
            )


def _events(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """Too few of the rarer answer for the parameters asked of them."""
    if plan.family != "binomial" or plan.rarer is None:
        return
    parameters = int(formula.fixed.intercept) + sum(_parameters(plan, term) for term in formula.fixed.terms)
    events = plan.participants * plan.per_person * min(plan.rarer, 1 - plan.rarer)
    if events < EVENTS_PER_PARAMETER * parameters:
        yield DesignWarning(
            "few-events",
            "warning",
            f"About {events:.0f} of the rarer answer are expected for {parameters} parameters, fewer than "
            f"{EVENTS_PER_PARAMETER} each: estimates will be too extreme and may separate.",
        )


def _few_levels(plan: PlannedModel, formula: Formula) -> Iterator[DesignWarning]:
    """A variance estimated from a handful of levels is hardly estimated."""
    sizes = {plan.participant: plan.participants, plan.item: plan.items}
    for group in dict.fromkeys(part.group for part in formula.random):
        size = sizes.get(group[0]) if len(group) == 1 else None
        if size is not None and size < FEW_LEVELS:
            yield DesignWarning(
                "few-levels",
                "warning",
                f"The variance over '{group[0]}' would be estimated from {size} levels and often come out as zero; "
                "make it a fixed predictor, or use five or more.",
            )
