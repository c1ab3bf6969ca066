"""The plan: every hypothesis has its analysis, every analysis its columns, every exclusion its place in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from analysis.plan.types import CALIBRATION, Contrast, Exclusion, MeasureTable, Model, Outcome, Rule, Scalar
from study.protocol.lint.columns import known_columns
from study.protocol.lint.said import Said
from study.protocol.types import Protocol
from study.protocol.walk import questions_of
from study.protocol.yaml import nearest
from study.stages.columns import Column
from study.stages.configs import SurveyStage, TrialsStage

Path = tuple[str | int, ...]

TWO_STAGE = {"switch_fraction", "rair", "rsr", "weight_of_advice"}
RELIANCE = TWO_STAGE | {"agreement", "overreliance", "underreliance", "d_prime", "criterion_c"}
FITS = {
    "binomial": {"binary"},
    "gaussian": {"continuous", "ordinal", "count"},
    "poisson": {"count"},
    "ordinal": {"ordinal"},
}
KNOWN_AT_ENTRY = {
    "participant",
    "source",
    "language",
    "stratum",
    "started_at",
    "consented_at",
    "registration",
}


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on the plan and on what the simulation assumes."""
    yield from _Plan(protocol).check()
    yield from _assumptions(protocol)


@dataclass(frozen=True)
class _Plan:
    """The checks that need to know the tables' columns."""

    protocol: Protocol

    @cached_property
    def columns(self) -> dict[str, dict[str, Column]]:
        """Columns by table; those of participants are known beside their trials."""
        people = known_columns(self.protocol, "participants")
        trials = known_columns(self.protocol, "trials")
        return {"participants": people, "trials": people | trials}

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        return {outcome.id: outcome for outcome in self.protocol.plan.outcomes}

    @cached_property
    def models(self) -> dict[str, Model]:
        return {model.id: model for model in self.protocol.plan.models}

    def check(self) -> Iterator[Said]:
        """Every finding on the plan."""
        yield from self._names()
        yield from self._outcomes()
        for number, model in enumerate(self.protocol.plan.models):
            yield from self._model(("plan", "models", number), model)
        yield from self._hypotheses()
        yield from self._levels()
        yield from self._measures()
        yield from self._summaries()
        for number, rule in enumerate(self.protocol.plan.exclusions):
            yield from self._exclusion(("plan", "exclusions", number), rule)

    def _names(self) -> Iterator[Said]:
        plan = self.protocol.plan
        for part in ("exclusions", "outcomes", "models", "hypotheses", "rank_tests"):
            seen: set[str] = set()
            for number, entry in enumerate(getattr(plan, part)):
                if entry.id in seen:
                    yield Said("plan-id-twice", ("plan", part, number, "id"), f"'{entry.id}' is used twice.")
                seen.add(entry.id)

    # --- columns and levels

    def _column(self, table: str, column: str, path: Path) -> Iterator[Said]:
        """Is there such a column, and is it one that this paradigm has?"""
        if column in self.protocol.plan.columns:
            return
        first = column == "initial" or column.startswith("initial_")
        if first and self.protocol.paradigm == "one-stage":
            yield Said(
                "two-stage-measure",
                path,
                f"'{column}' is measured before the advice; this flow has one stage.",
            )
        elif column not in self.columns[table]:
            guess = nearest(column, list(self.columns[table]))
            hint = f" Did you mean '{guess}'?" if guess else ""
            yield Said("unknown-column", path, f"The {table} table has no column '{column}'.{hint}")

    def _known_levels(self, column: str, table: str = "trials") -> list[Scalar] | None:
        """The values a factor can have; None where that is open."""
        known = self.columns[table].get(column)
        if known is None:
            return None
        if known.type == "boolean":
            return [True, False]
        if column == "item":
            return list(self.protocol.items_by_id)
        return list(known.levels) or None

    def _level(self, column: str, value: Any, path: Path, table: str = "trials") -> Iterator[Said]:
        declared = self.protocol.plan.levels.get(column)
        known = self._known_levels(column, table) or declared
        if known is not None and not any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in known
        ):
            values = ", ".join(_shown(one) for one in known)
            yield Said("unknown-level", path, f"'{column}' is never {_shown(value)}; it is one of {values}.")

    def _rules(self, rules: Iterable[Rule], table: str, path: Path) -> Iterator[Said]:
        for number, rule in enumerate(rules):
            here = (*path, number)
            yield from self._column(table, rule.column, (*here, "column"))
            values = rule.value if isinstance(rule.value, list) else [rule.value]
            if rule.op in ("==", "!=", "in"):
                for value in values:
                    yield from self._level(rule.column, value, (*here, "value"), table)

    def _levels(self) -> Iterator[Said]:
        for column, values in self.protocol.plan.levels.items():
            path: Path = ("plan", "levels", column)
            yield from self._column("trials", column, path)
            for number, value in enumerate(values):
                if self._known_levels(column) is not None:
                    yield from self._level(column, value, (*path, number))

    # --- outcomes and models

    def _outcomes(self) -> Iterator[Said]:
        plan = self.protocol.plan
        used = {model.outcome for model in plan.models} | {summary.outcome for summary in plan.summaries}
        used |= {test.outcome for test in plan.rank_tests}
        for number, outcome in enumerate(plan.outcomes):
            path: Path = ("plan", "outcomes", number)
            yield from self._column(outcome.table, outcome.column, (*path, "column"))
            if outcome.per_participant:
                yield from self._rules(outcome.per_participant.of, "trials", (*path, "per_participant", "of"))
                yield from self._rules(
                    outcome.per_participant.less, "trials", (*path, "per_participant", "less")
                )
            if outcome.id not in used:
                yield Said("outcome-unused", path, f"Nothing analyses '{outcome.id}'.")

    def _model(self, path: Path, model: Model) -> Iterator[Said]:
        from analysis.mixed.errors import ModelError
        from analysis.mixed.formula import parse_formula

        outcome = self.outcomes.get(model.outcome)
        if outcome is None:
            yield Said(
                "model-without-outcome", (*path, "outcome"), _no("outcome", model.outcome, self.outcomes)
            )
            return
        if outcome.kind not in FITS[model.family]:
            message = f"A {model.family} model of a {outcome.kind} outcome."
            yield Said("outcome-does-not-fit", (*path, "family"), message)
        try:
            formula = parse_formula(f"y ~ {model.formula}")
        except ModelError as error:
            yield Said("formula-unreadable", (*path, "formula"), f"The formula cannot be read: {error}.")
            return
        table = "participants" if outcome.per_participant else outcome.table
        for variable in formula.variables:
            yield from self._column(table, variable, (*path, "formula"))
        yield from self._rules(model.subset, table, (*path, "subset"))
        groups = {name for part in formula.random for name in part.group}
        if table == "trials" and not {"participant", "item"} <= groups:
            missing = " and ".join(sorted({"participant", "item"} - groups))
            yield Said("no-random-effects", (*path, "formula"), f"No random effect of {missing}.")
        tested = {hypothesis.model for hypothesis in self.protocol.plan.hypotheses}
        if model.role in ("primary", "secondary") and model.id not in tested:
            message = f"'{model.id}' is called {model.role} and tests no hypothesis."
            yield Said("analysis-without-hypothesis", (*path, "role"), message)

    # --- hypotheses

    def _hypotheses(self) -> Iterator[Said]:
        plan = self.protocol.plan
        if not plan.hypotheses:
            yield Said("no-hypothesis", ("plan",), "There are no hypotheses.")
        families = Counter(hypothesis.family for hypothesis in plan.hypotheses)
        for number, hypothesis in enumerate(plan.hypotheses):
            path: Path = ("plan", "hypotheses", number)
            model = self.models.get(hypothesis.model)
            if model is None:
                message = _no("model", hypothesis.model, self.models)
                yield Said("hypothesis-without-analysis", (*path, "model"), message)
            else:
                yield from self._contrast((*path, "contrast"), hypothesis.contrast, model)
            if families[hypothesis.family] > 1 and hypothesis.family not in plan.multiplicity:
                count = families[hypothesis.family]
                message = f"The family '{hypothesis.family}' has {count} hypotheses and no correction."
                yield Said("family-undeclared", (*path, "family"), message)

    def _contrast(self, path: Path, contrast: Contrast, model: Model) -> Iterator[Said]:
        outcome = self.outcomes.get(model.outcome)
        table = (
            "trials"
            if outcome is None or (outcome.table == "trials" and not outcome.per_participant)
            else "participants"
        )
        parts: list[tuple[str, Path, list[Scalar]]] = [
            (contrast.factor, (*path, "factor"), [contrast.level, contrast.reference])
        ]
        parts += [(column, (*path, "at", column), [value]) for column, value in contrast.at.items()]
        if contrast.within:
            within = contrast.within
            parts.append((within.factor, (*path, "within", "factor"), [within.level, within.reference]))
        for column, where, values in parts:
            if column not in model.formula:
                yield Said("factor-not-in-model", where, f"'{column}' is not in the formula of '{model.id}'.")
            elif column in self.columns[table]:
                for value in values:
                    yield from self._level(column, value, where, table)
            if len(values) == 2 and values[0] == values[1]:
                yield Said("contrast-with-itself", where, f"'{_shown(values[0])}' is compared with itself.")

    # --- measures, summaries, exclusions

    def _measures(self) -> Iterator[Said]:
        advised = any(arm.advice for arm in self.protocol.arms) and any(
            item.advice or self.protocol.varies for item in self.protocol.items
        )
        for number, table in enumerate(self.protocol.plan.measures):
            path: Path = ("plan", "measures", number)
            for place, column in enumerate(table.by):
                yield from self._column("trials", column, (*path, "by", place))
            yield from self._calibration(path, table)
            for place, measure in enumerate(table.measures):
                here = (*path, "measures", place)
                if measure in TWO_STAGE and self.protocol.paradigm == "one-stage":
                    yield Said("two-stage-measure", here, f"'{measure}' needs an answer before the advice.")
                if measure in RELIANCE and not advised:
                    yield Said("measure-without-advice", here, f"'{measure}' needs an AI's answer.")

    def _calibration(self, path: Path, table: MeasureTable) -> Iterator[Said]:
        """Scores of probabilities want probabilities: answers from 0 to 100, or a slider from 0 to 100."""
        asked = [measure for measure in table.measures if measure in CALIBRATION]
        if table.probability is not None:
            yield from self._column("trials", table.probability, (*path, "probability"))
            if table.probability in self.columns["trials"] and table.probability not in self._percentages:
                message = f"'{table.probability}' is no slider from 0 to 100 of the trials."
                yield Said("not-a-probability", (*path, "probability"), message)
        elif asked and any(item.kind != "probability" for item in self.protocol.items):
            message = f"'{asked[0]}' needs probabilities: name their column in 'probability'."
            yield Said("not-a-probability", (*path, "measures"), message)

    @cached_property
    def _percentages(self) -> set[str]:
        """Columns of the trials table that hold probabilities from 0 to 100."""
        found: set[str] = set()
        for stage in self.protocol.flow:
            if isinstance(stage, TrialsStage):
                asked = [("", q) for q in stage.questions] + [
                    ("initial_", q) for q in stage.initial_questions
                ]
                found |= {
                    f"{part}{q.id}"
                    for part, q in asked
                    if (q.kind, q.minimum, q.maximum) == ("slider", 0, 100)
                }
        return found

    def _summaries(self) -> Iterator[Said]:
        plan = self.protocol.plan
        for part in ("summaries", "rank_tests"):
            for number, entry in enumerate(getattr(plan, part)):
                path: Path = ("plan", part, number)
                outcome = self.outcomes.get(entry.outcome)
                if outcome is None:
                    message = _no("outcome", entry.outcome, self.outcomes)
                    yield Said("model-without-outcome", (*path, "outcome"), message)
                    continue
                table = "participants" if outcome.per_participant or part == "rank_tests" else outcome.table
                columns = [entry.factor] if part == "rank_tests" else entry.by
                for column in columns:
                    yield from self._column(table, column, path)
                yield from self._rules(entry.subset, outcome.table, (*path, "subset"))
                if part == "rank_tests":
                    for field in ("level", "reference"):
                        yield from self._level(entry.factor, getattr(entry, field), (*path, field), table)

    def _exclusion(self, path: Path, exclusion: Exclusion) -> Iterator[Said]:
        yield from self._rules(exclusion.when, "participants", (*path, "when"))
        late = [rule.column for rule in exclusion.when if rule.column not in self._early]
        if exclusion.measured == "before" and late:
            message = f"'{late[0]}' is measured after the arm is assigned."
            yield Said("exclusion-measured-late", (*path, "measured"), message)
        if exclusion.measured == "after" and exclusion.action == "exclude":
            if exclusion.reason.strip():
                yield Said(
                    "exclusion-explained",
                    path,
                    f"'{exclusion.id}' leaves people out by what comes after the arm.",
                )
            else:
                message = (
                    f"'{exclusion.id}' leaves people out by what comes after the arm and gives no reason."
                )
                yield Said("exclusion-after-treatment", path, message)

    @cached_property
    def _early(self) -> set[str]:
        """Columns that are known before the arm can act."""
        after = list(self.protocol.stages_by_id).index(self.protocol.randomisation.after)
        early = set(KNOWN_AT_ENTRY)
        for stage in self.protocol.flow[: after + 1]:
            for _, question in questions_of(stage, ()):
                early |= {question.id} | {f"{question.id}__{option}" for option in question.options}
            if isinstance(stage, SurveyStage):
                scales = [self.protocol.scales_by_id[scale] for scale in stage.scales]
                early |= {scale.id for scale in scales} | {
                    item.id for scale in scales for item in scale.items
                }
        return early


def _assumptions(protocol: Protocol) -> Iterator[Said]:
    assumed = protocol.assumptions
    for field in ("agree_right", "agree_wrong", "switch"):
        for arm in getattr(assumed, field):
            if arm not in protocol.arms_by_id:
                yield Said("assumption-unknown", ("assumptions", field, arm), f"There is no arm '{arm}'.")
    for scale, means in assumed.scales.items():
        if scale not in protocol.scales_by_id:
            yield Said(
                "assumption-unknown", ("assumptions", "scales", scale), f"There is no scale '{scale}'."
            )
        for arm in means:
            if arm not in protocol.arms_by_id:
                yield Said(
                    "assumption-unknown", ("assumptions", "scales", scale, arm), f"There is no arm '{arm}'."
                )


def _no(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    guess = nearest(name, names)
    hint = f" Did you mean '{guess}'?" if guess else ""
    return f"There is no {what} '{name}' in the plan.{hint}"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
