"""The columns of the tidy tables: fixed ones, and those a protocol's stages add. One list for tables and codebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from study.protocol.types import Protocol, Question, Stage
from study.stages import registry
from study.stages.columns import Column
from study.tables import meanings

PARTICIPANTS = (
    Column("participant", "participants", "text", "Public code of the participant: no order, no meaning"),
    Column("source", "participants", "category", "Who was it", ("real", "pilot", "rehearsal")),
    Column("arm", "participants", "category", "Condition; missing before assignment"),
    Column("slot", "participants", "integer", "Place in the committed schedule, from 1 within its stratum"),
    Column("block", "participants", "integer", "Block of the schedule"),
    Column("stratum", "participants", "text", "Stratum of the schedule; empty without strata"),
    Column("language", "participants", "text", "Language of the pages"),
    Column(
        "outcome",
        "participants",
        "category",
        "How the session ended; 'unfinished' while it has not",
        ("complete", "screened_out", "failed_check", "withdrawn", "declined", "full", "unfinished"),
    ),
    Column("registration", "participants", "integer", "Version of the registration the session ran under"),
    Column("started_at", "participants", "time", "Arrival, UTC"),
    Column("consented_at", "participants", "time", "Consent accepted, UTC"),
    Column("ended_at", "participants", "time", "End of the session, UTC"),
    Column("seconds", "participants", "number", "From arrival to the end", unit="s"),
    Column(
        "comprehension_errors", "participants", "integer", "Statements answered wrongly, over all attempts"
    ),
    Column("recognition_hits", "participants", "integer", "Questions of the study recognised"),
    Column("recognition_false_alarms", "participants", "integer", "Foils taken for questions of the study"),
    Column("honeypots", "participants", "integer", "Fields invisible to people that were filled in"),
    Column("pastes", "participants", "integer", "Pastes over all pages"),
    Column(
        "hidden_seconds", "participants", "number", "Time the page was not visible, by the browser", unit="s"
    ),
    Column("links_opened", "participants", "integer", "Sources opened, as the server saw it"),
    Column("fast_trials", "participants", "integer", "Trials faster than the protocol's threshold"),
    Column("trials", "participants", "integer", "Trials with a final answer"),
    Column("late", "participants", "boolean", "Finished after the slot had been given to somebody else"),
)

TRIALS = (
    Column("participant", "trials", "text", "Public code of the participant"),
    Column("arm", "trials", "category", "Condition"),
    Column("item", "trials", "category", "Item of the protocol"),
    Column("position", "trials", "integer", "Place in the participant's order, from 1"),
    Column("truth", "trials", "answer", "The right answer"),
    Column("advice", "trials", "answer", "The AI's answer; missing in arms without advice"),
    Column(
        "ai_correct",
        "trials",
        "boolean",
        "Is the item's AI answer right; known in all arms, missing where it is unsure",
    ),
    Column(
        "hedged", "trials", "boolean", "Did the item carry its arm's phrasing; missing in arms without advice"
    ),
    Column("phrasing", "trials", "category", "Phrasing as shown; missing in arms without advice"),
    Column("initial", "trials", "answer", "Answer before advice (two-stage)"),
    Column("final", "trials", "answer", "Final answer"),
    Column(
        "agree", "trials", "boolean", "Final answer equals the AI's; missing without a definite AI answer"
    ),
    Column("correct", "trials", "boolean", "Final answer equals the truth"),
    Column("initial_agree", "trials", "boolean", "Answer before advice equals the AI's (two-stage)"),
    Column("initial_correct", "trials", "boolean", "Answer before advice equals the truth (two-stage)"),
    Column(
        "seconds", "trials", "number", "Final page: from first served to accepted, by the server", unit="s"
    ),
    Column(
        "visible_seconds",
        "trials",
        "number",
        "The same less the time hidden; missing without traces",
        unit="s",
    ),
    Column("links_opened", "trials", "integer", "Sources of the item opened, as the server saw it"),
    Column("pastes", "trials", "integer", "Pastes on the final page; missing without traces"),
    Column("left_page", "trials", "integer", "Times the final page was left; missing without traces"),
    Column(
        "stimulus_sha256", "trials", "text", "Hash of the AI's words as shown; missing in arms without advice"
    ),
)

RESPONSES = (
    Column("participant", "responses", "text", "Public code of the participant"),
    Column("stage", "responses", "text", "Stage of the flow"),
    Column("page", "responses", "text", "Page key"),
    Column("attempt", "responses", "integer", "Which try of the page, from 1"),
    Column("question", "responses", "text", "Question, item or statement id"),
    Column("value", "responses", "text", "What was answered; several options joined by |"),
    Column("shown_at", "responses", "time", "Page first served, UTC"),
    Column("received_at", "responses", "time", "Page accepted, UTC"),
)

EVENTS = (
    Column("participant", "events", "text", "Public code of the participant"),
    Column("page", "events", "text", "Page key; the item for links the server saw opened"),
    Column("load", "events", "text", "Which load of the page"),
    Column("number", "events", "integer", "Order within the load, from 1"),
    Column("kind", "events", "text", "What was noticed"),
    Column("client_ms", "events", "number", "Since the page was shown, by the browser's clock", unit="ms"),
    Column("received_at", "events", "time", "When the server had it, UTC"),
    Column("data", "events", "text", "Details as JSON"),
)

TYPES = {
    "likert": "integer",
    "semantic": "integer",
    "choice": "category",
    "text": "text",
    "number": "number",
    "slider": "number",
    "score": "number",
}
"""Question kinds to column types; `select` becomes one boolean an option, honeypots are counted only."""

SEPARATOR = "__"


def columns_of(table: str, protocols: Iterable[Protocol]) -> list[Column]:
    """All columns of a table for these versions of a protocol, in order, each name once."""
    protocols = list(protocols)
    fixed = {"participants": PARTICIPANTS, "trials": TRIALS, "responses": RESPONSES, "events": EVENTS}[table]
    columns = {c.name: meanings.fixed(_with_levels(c, protocols), protocols) for c in fixed}
    for protocol in protocols:
        for column in _added(table, protocol):
            columns.setdefault(column.name, column)
    return list(columns.values())


def _with_levels(column: Column, protocols: list[Protocol]) -> Column:
    levels: list[str] = []
    for protocol in protocols:
        if column.name == "arm":
            levels += [arm.id for arm in protocol.arms]
        elif column.name == "item":
            levels += [item.id for item in protocol.items]
        elif column.name == "phrasing":
            levels += list(protocol.phrasings_by_id)
        elif column.type == "answer":
            return replace(column, type="number" if answers_are_numbers(protocols) else "text")
    return replace(column, levels=tuple(dict.fromkeys(levels))) if levels else column


def answers_are_numbers(protocols: Iterable[Protocol]) -> bool:
    """Is every item answered by a probability 0-100? (Answers are option ids otherwise.)"""
    items = [item for protocol in protocols for item in protocol.items]
    return bool(items) and all(item.kind == "probability" for item in items)


def _added(table: str, protocol: Protocol) -> list[Column]:
    """What the stages add, and on trials the items' tags."""
    added = [c for stage in protocol.flow for c in stage_columns(stage, protocol) if c.table == table]
    if table == "trials":
        added += _tags(protocol)
    return added


def stage_columns(stage: Stage, protocol: Protocol) -> list[Column]:
    """A stage's own columns as the tables hold them: select questions opened into one column an option."""
    questions: dict[str, Question] = {}
    for q in _questions(stage):  # one column may be asked of several arms in other words, with other options
        other = questions.get(q.id)
        questions[q.id] = q.model_copy(update={"options": other.options | q.options}) if other else q
    out: list[Column] = []
    for column in registry.get(stage.kind).columns(stage, protocol):
        question = questions.get(column.name.removeprefix("initial_")) or questions.get(column.name)
        opened = _opened(column, question, protocol)
        out += [meanings.of_stage(one, stage, question, protocol) for one in opened]
    return out


def _questions(stage: Any) -> list[Question]:
    return [*getattr(stage, "questions", []), *getattr(stage, "initial_questions", [])]


def _opened(column: Column, question: Question | None, protocol: Protocol) -> list[Column]:
    if column.type == "honeypot":
        return []
    say, language = protocol.say, protocol.languages[0]
    options = {key: say(label, language) for key, label in question.options.items()} if question else {}
    if column.type == "select":
        return [
            Column(f"{column.name}{SEPARATOR}{key}", column.table, "boolean", f"{column.label} {label}")
            for key, label in options.items()
        ]
    levels = tuple(options) or tuple(column.levels)
    return [replace(column, type=TYPES.get(column.type, column.type), levels=levels)]


def _tags(protocol: Protocol) -> list[Column]:
    tags: dict[str, list[Any]] = {}
    for item in protocol.items:
        for name, value in item.tags.items():
            tags.setdefault(name, []).append(value)
    return [
        Column(name, "trials", _type_of(values), f"Tag of the item: {name}", source=meanings.TAG)
        for name, values in tags.items()
    ]


def _type_of(values: list[Any]) -> str:
    if all(isinstance(v, bool) for v in values):
        return "boolean"
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return "number"
    return "text"
