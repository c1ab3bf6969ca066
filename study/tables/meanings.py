"""What a codebook says of a column beside its type: what its values mean, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from study.protocol.types import Protocol, Question, Scale, Stage
from study.stages.columns import Column

SOURCES: dict[str, tuple[str, ...]] = {
    "the platform": ("participant", "source", "language", "outcome", "registration", "stage", "page", "attempt"),
    "the schedule drawn from the seed": ("arm", "slot", "block", "stratum", "item", "position", "hedged"),
    "the server's clock": ("started_at", "consented_at", "ended_at", "seconds", "shown_at", "received_at", "late"),
    "the registered document": ("truth", "advice", "ai_correct", "phrasing", "stimulus_sha256"),
    "told by the participant's browser": ("pastes", "hidden_seconds", "visible_seconds", "left_page", "load", "number",
                                          "kind", "client_ms", "data"),
    "the participant's answers": ("initial", "final", "question", "value"),
    "computed from the participant's answers": ("agree", "correct", "initial_agree", "initial_correct", "trials",
                                                "comprehension_errors", "recognition_hits", "honeypots",
                                                "recognition_false_alarms"),
    "computed from the server's record": ("links_opened", "fast_trials"),
}  # fmt: skip
"""Where the columns that every study has come from."""
SOURCE_OF = {name: source for source, names in SOURCES.items() for name in names}
TAG = "the registered document: tags of the items"


def fixed(column: Column, protocols: Iterable[Protocol]) -> Column:
    """A column that every study has, with its source; conditions with their labels."""
    labels: dict[str, str] = {}
    if column.name == "arm":
        labels = {arm.id: arm.label for protocol in protocols for arm in protocol.arms}
    return replace(column, source=SOURCE_OF[column.name], values=_named(labels))


def of_stage(column: Column, stage: Stage, question: Question | None, protocol: Protocol) -> Column:
    """A column that a stage adds, told from its question or scale."""
    where = f"stage '{stage.id}' ({stage.kind})"
    for scale in (protocol.scales_by_id[name] for name in getattr(stage, "scales", ())):
        if column.name == scale.id:
            source = f"computed from scale '{scale.id}' of {where}" + (
                f"; {scale.source}" if scale.source else ""
            )
            return replace(column, source=source, values=_score(scale))
        if column.name in {item.id for item in scale.items}:
            source = f"scale '{scale.id}' of {where}"
            return replace(column, source=source, values=_statement(column.name, scale, protocol))
    values = _answers(question, protocol) if question else ""
    return replace(column, source=column.source or where, values=column.values or values)


def _answers(question: Question, protocol: Protocol) -> str:
    say, language = protocol.say, protocol.languages[0]
    if question.kind == "choice":
        return _named({key: say(label, language) for key, label in question.options.items()})
    if question.kind in ("likert", "semantic"):
        return _points([say(anchor, language) for anchor in question.anchors], question.points)
    if question.kind in ("number", "slider"):
        low, high = (question.minimum, question.maximum) if question.kind == "number" else (0, 100)
        ends = (f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else "")
        return " ".join(end for end in ends if end)
    return "true = chosen" if question.kind == "select" else ""


def _statement(name: str, scale: Scale, protocol: Protocol) -> str:
    say, language = protocol.say, protocol.languages[0]
    item = next(item for item in scale.items if item.id == name)
    anchors = [say(anchor, language) for anchor in scale.anchors]
    if scale.kind == "semantic":
        anchors = [say(item.text, language), say(item.right, language)]
    turned = "; reverse coded in the score" if item.reverse else ""
    return _points(anchors, scale.points) + turned


def _score(scale: Scale) -> str:
    turned = [item.id for item in scale.items if item.reverse]
    told = f"mean of {', '.join(item.id for item in scale.items)}, from 1 to {scale.points}"
    reverse = f"; {', '.join(turned)} reverse coded ({scale.points + 1} − rating)" if turned else ""
    return f"{told}{reverse}; missing unless all are answered"


def _points(anchors: list[str], points: int) -> str:
    """Points with their words; two words are those of the ends."""
    if len(anchors) == points:
        return _named({str(n): words for n, words in enumerate(anchors, start=1)})
    ends = {"1": anchors[0], str(points): anchors[-1]} if anchors else {}
    return _named(ends) or f"from 1 to {points}"


def _named(labels: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} = {label}" for key, label in labels.items())
