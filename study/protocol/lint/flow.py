"""The stages: consent first, completion last, everything shown to those who need it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from study.protocol.lint.said import Said
from study.protocol.types import Protocol, Question, Scale
from study.protocol.walk import questions_of
from study.stages.configs import ComprehensionStage, RecognitionStage, SurveyStage, TrialsStage

Path = tuple[str | int, ...]


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on the flow."""
    yield from _ends(protocol)
    yield from _trials(protocol)
    yield from _debrief(protocol)
    yield from _assigned(protocol)
    yield from _comprehension(protocol)
    yield from _anchors(protocol)
    yield from _scales(protocol)
    yield from _columns(protocol)
    yield from _recognition(protocol)


def _ends(protocol: Protocol) -> Iterator[Said]:
    for kind, number, place in (("consent", 0, "first"), ("completion", len(protocol.flow) - 1, "last")):
        found = [n for n, stage in enumerate(protocol.flow) if stage.kind == kind]
        if not found:
            yield Said(f"no-{kind}", ("flow",), f"The flow has no {kind} stage.")
        elif number not in found:
            yield Said(f"{kind}-not-{place}", ("flow", found[0]), f"The {kind} stage must come {place}.")


def _trials(protocol: Protocol) -> Iterator[Said]:
    stages = [(n, stage) for n, stage in enumerate(protocol.flow) if isinstance(stage, TrialsStage)]
    for number, _stage in stages:
        if not protocol.items:
            yield Said("trials-without-items", ("flow", number), "There are trials and no items.")
    if protocol.items and not stages:
        yield Said("no-trials", ("flow",), f"There are {len(protocol.items)} items and no trials stage.")
        return
    shown: set[str] = set()
    for _number, stage in stages:
        shown |= set(protocol.items_by_id if stage.items == "all" else stage.items)
    for number, item in enumerate(protocol.items):
        if item.id not in shown:
            yield Said("item-never-shown", ("items", number), "No trials stage shows this item.")


def _debrief(protocol: Protocol) -> Iterator[Said]:
    """In every arm with an AI that is wrong somewhere, or may be, a debrief follows the last trials."""
    if not protocol.varies and not any(protocol.ai_correct(item) is False for item in protocol.items):
        return
    for number, arm in enumerate(protocol.arms):
        kinds = [stage.kind for stage in protocol.flow if not stage.arms or arm.id in stage.arms]
        if not arm.advice or "trials" not in kinds:
            continue
        last = len(kinds) - 1 - kinds[::-1].index("trials")
        if "debrief" not in kinds[last:]:
            see = "may see" if protocol.varies else "see"
            message = f"People of '{arm.id}' {see} wrong answers and no debrief after them."
            yield Said("wrong-answer-without-debrief", ("arms", number), message)


def _assigned(protocol: Protocol) -> Iterator[Said]:
    """Nothing that depends on the arm may come before a slot is claimed."""
    after = list(protocol.stages_by_id).index(protocol.randomisation.after)
    for number, stage in enumerate(protocol.flow[: after + 1]):
        needs = bool(stage.arms) or isinstance(stage, TrialsStage | RecognitionStage)
        needs = needs or any(q.arms for _, q in questions_of(stage, ()))
        if needs:
            claim = protocol.randomisation.after
            message = f"'{stage.id}' depends on the arm, which is only assigned after '{claim}'."
            yield Said("assigned-too-late", ("flow", number), message)


def _comprehension(protocol: Protocol) -> Iterator[Said]:
    for number, stage in enumerate(protocol.flow):
        if isinstance(stage, ComprehensionStage):
            for place, statement in enumerate(stage.statements):
                if not protocol.say(statement.explanation).strip():
                    path = ("flow", number, "statements", place, "explanation")
                    yield Said("comprehension-unexplained", path, "The explanation is empty.")


def _anchors(protocol: Protocol) -> Iterator[Said]:
    for number, scale in enumerate(protocol.scales):
        if not _has_anchors(scale):
            need = "both ends of every item" if scale.kind == "semantic" else "anchors"
            yield Said("scale-without-anchors", ("scales", number), f"The scale needs {need}.")
    for path, question in _questions(protocol):
        if question.kind in ("likert", "semantic") and not question.anchors:
            yield Said("scale-without-anchors", path, "The question needs anchors.")


def _has_anchors(scale: Scale) -> bool:
    if scale.kind == "semantic":
        return len(scale.anchors) == 2 or all(item.right for item in scale.items)
    return bool(scale.anchors)


def _questions(protocol: Protocol) -> Iterator[tuple[Path, Question]]:
    for number, stage in enumerate(protocol.flow):
        yield from questions_of(stage, ("flow", number))


def _scales(protocol: Protocol) -> Iterator[Said]:
    shown = {scale for stage in protocol.flow for scale in getattr(stage, "scales", [])}
    for number, scale in enumerate(protocol.scales):
        if scale.id not in shown:
            yield Said("scale-never-shown", ("scales", number), f"No stage shows the scale '{scale.id}'.")
        if scale.kind == "likert" and len(scale.items) > 2 and not any(item.reverse for item in scale.items):
            yield Said(
                "scale-not-reversed", ("scales", number), f"No statement of '{scale.id}' is reverse-coded."
            )


def _columns(protocol: Protocol) -> Iterator[Said]:
    """Every column of the tables is written by one question (or by one an arm)."""
    from study.advice.columns import KEYS
    from study.tables.columns import PARTICIPANTS, TRIALS

    fixed = {"participants": {c.name for c in PARTICIPANTS}, "trials": {c.name for c in TRIALS} | {"answer"}}
    writers: dict[tuple[str, str], list[tuple[str, set[str]]]] = defaultdict(list)
    if protocol.varies:
        fixed["trials"] |= set(KEYS)
    for table, name, path, stage, arms in _written(protocol):
        if name in fixed[table]:
            yield Said("column-reserved", path, f"'{name}' is a column of the {table} table already.")
        for other, theirs in writers[table, name]:
            if other != stage and (not theirs or not arms or theirs & arms):
                yield Said("column-twice", path, f"'{name}' is also asked in '{other}'.")
        writers[table, name].append((stage, arms))


def _written(protocol: Protocol) -> Iterator[tuple[str, str, Path, str, set[str]]]:
    """Table, column, path, stage and arms of everything that is asked."""
    for number, stage in enumerate(protocol.flow):
        table = "trials" if isinstance(stage, TrialsStage) else "participants"
        for path, question in questions_of(stage, ("flow", number)):
            name = f"initial_{question.id}" if "initial_questions" in path else question.id
            yield table, name, (*path, "id"), stage.id, set(question.arms or stage.arms)
        if isinstance(stage, SurveyStage):
            for place, scale_id in enumerate(stage.scales):
                scale = protocol.scales_by_id[scale_id]
                for name in [scale.id, *(item.id for item in scale.items)]:
                    yield (
                        table,
                        name,
                        ("flow", number, "scales", place),
                        stage.id,
                        set(scale.arms or stage.arms),
                    )


def _recognition(protocol: Protocol) -> Iterator[Said]:
    asked = {_plain(protocol.say(item.question)) for item in protocol.items}
    for number, stage in enumerate(protocol.flow):
        if not isinstance(stage, RecognitionStage):
            continue
        for place, foil in enumerate(stage.foils):
            if _plain(protocol.say(foil.text)) in asked or foil.id in protocol.items_by_id:
                yield Said(
                    "foil-is-item", ("flow", number, "foils", place), f"'{foil.id}' is one of the items."
                )
        if len(stage.foils) != len(protocol.items):
            message = f"Foils: {len(stage.foils)}; items: {len(protocol.items)}."
            yield Said("foils-uneven", ("flow", number, "foils"), message)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
