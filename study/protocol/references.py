"""What one part of a protocol says of another: ids are unique and name something, answers are among the options.

A document that breaks one of these could not be run (a page would look for what is not there), so it is refused at
reading, whoever reads it. What could be run but should not be registered is the linter's (`study.protocol.lint`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from study.protocol.walk import parts_of, questions_of, texts_of

if TYPE_CHECKING:
    from study.protocol.advice import Replay
    from study.protocol.types import Item, Protocol, Question, Scale, Stage, Step

Path = tuple[str | int, ...]
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][^\s<>\"'\\]*)?")


@dataclass(frozen=True)
class Broken:
    """One reference that does not hold: where, why, and what is allowed there."""

    path: Path
    message: str
    allowed: tuple[str, ...] = ()


def require(protocol: Protocol) -> None:
    """Raises one ValidationError that names every broken reference."""
    problems = list(broken(protocol))
    if not problems:
        return
    raise ValidationError.from_exception_data(
        "Protocol",
        [
            InitErrorDetails(
                type=PydanticCustomError(
                    "reference", "{text}", {"text": p.message, "allowed": list(p.allowed)}
                ),
                loc=p.path,
                input=_at(protocol, p.path),
            )
            for p in problems
        ],
    )


def broken(protocol: Protocol) -> Iterator[Broken]:
    """Every reference that does not hold."""
    yield from _duplicates(protocol)
    yield from _arms(protocol)
    for number, item in enumerate(protocol.items):
        yield from _item(("items", number), item)
    yield from _phrasings(protocol)
    for number, scale in enumerate(protocol.scales):
        yield from _scale(("scales", number), scale)
        yield from _known(("scales", number, "arms"), scale.arms, protocol.arms_by_id, "arm")
    for number, stage in enumerate(protocol.flow):
        yield from _stage(("flow", number), stage, protocol)
    yield from _randomisation(protocol)
    yield from _varying(protocol)
    yield from _languages(protocol)
    yield from _links(protocol)


def _duplicates(protocol: Protocol) -> Iterator[Broken]:
    for name in ("arms", "items", "phrasings", "scales", "flow"):
        yield from _twice((name,), [part.id for part in getattr(protocol, name)])
    yield from _twice(("languages",), protocol.languages, key="")


def _twice(path: Path, ids: Iterable[str], key: str = "id") -> Iterator[Broken]:
    seen: set[str] = set()
    for number, name in enumerate(ids):
        if name in seen:
            where = (*path, number, key) if key else (*path, number)
            yield Broken(where, f"'{name}' is used twice; each must have a name of its own")
        seen.add(name)


def _known(path: Path, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[Broken]:
    allowed = tuple(known)
    for number, name in enumerate(names):
        if name not in allowed:
            yield Broken((*path, number), f"There is no {what} '{name}'", allowed)


def _arms(protocol: Protocol) -> Iterator[Broken]:
    for number, arm in enumerate(protocol.arms):
        path: Path = ("arms", number)
        if arm.phrasing not in protocol.phrasings_by_id:
            yield Broken(
                (*path, "phrasing"), f"There is no phrasing '{arm.phrasing}'", tuple(protocol.phrasings_by_id)
            )
        most = len(protocol.hedgeable)
        if arm.hedged.count != "all" and arm.phrasing != "plain" and arm.hedged.count > most:
            message = f"{arm.hedged.count} items are to carry the phrasing, but only {most} have a definite AI answer"
            yield Broken((*path, "hedged", "count"), message, (f"0 to {most}", "all"))
        tags = {"ai_correct", "truth"} | {tag for item in protocol.items for tag in item.tags}
        yield from _known((*path, "hedged", "balance"), arm.hedged.balance, sorted(tags), "tag")


def _item(path: Path, item: Item) -> Iterator[Broken]:
    answers = [((*path, "truth"), item.truth, False)]
    if item.advice is not None:
        answers.append(((*path, "advice", "answer"), item.advice.answer, True))
    for where, answer, may_be_unsure in answers:
        if may_be_unsure and answer == "unsure":
            continue
        if item.kind == "probability":
            if isinstance(answer, bool | str) or not 0 <= answer <= 100:
                yield Broken(
                    where, "A probability item needs a number", ("0 (surely false) to 100 (surely true)",)
                )
        elif answer not in item.options:
            yield Broken(where, f"'{_shown(answer)}' is none of the item's options", tuple(item.options))
    if item.kind == "binary" and len(item.options) != 2:
        yield Broken((*path, "options"), f"A binary item has 2 options, this one {len(item.options)}")
    if item.kind == "choice" and len(item.options) < 2:
        yield Broken((*path, "options"), "A choice needs at least 2 options")


def _phrasings(protocol: Protocol) -> Iterator[Broken]:
    for number, phrasing in enumerate(protocol.phrasings):
        path: Path = ("phrasings", number)
        for item in phrasing.items:
            if item not in protocol.items_by_id:
                yield Broken(
                    (*path, "items", item), f"There is no item '{item}'", tuple(protocol.items_by_id)
                )
        yield from _known((*path, "answers"), phrasing.answers or {}, protocol.items_by_id, "item")
        said = (phrasing.text, phrasing.items, phrasing.answers, phrasing.drafted, phrasing.by_probability)
        worded = any(said)
        if phrasing.direction != "plain" and not worded:
            yield Broken((*path, "text"), "A phrasing that is not plain needs its words")
        if phrasing.placement == "numeric":
            yield from _numbers(protocol, phrasing.id)
        if phrasing.by_probability is not None:
            yield from _steps(protocol, phrasing.by_probability, path)


def _numbers(protocol: Protocol, phrasing: str) -> Iterator[Broken]:
    for number, item in enumerate(protocol.items):
        if item.id in protocol.hedgeable and item.advice and item.advice.probability is None:
            message = f"The numeric phrasing '{phrasing}' shows this probability, but the item has none"
            yield Broken(("items", number, "advice", "probability"), message, ("0 to 100",))


def _steps(protocol: Protocol, steps: Sequence[Step], path: Path) -> Iterator[Broken]:
    """Every answer that can carry a phrase reaches a step, and no two steps begin at the same number."""
    yield from _twice((*path, "by_probability"), [f"{step.least:g}" for step in steps], key="least")
    lowest = min((step.least for step in steps), default=101.0)
    for number, item in enumerate(protocol.items):
        sure = item.advice.probability if item.advice else None
        if item.id in protocol.hedgeable and (sure is None or sure < lowest):
            message = "The phrasing is chosen by this probability, and no step is low enough for it"
            allowed = (f"{lowest:g} to 100",) if steps else ("a phrasing with steps",)
            yield Broken(("items", number, "advice", "probability"), message, allowed)


def _scale(path: Path, scale: Scale) -> Iterator[Broken]:
    yield from _twice((*path, "items"), [item.id for item in scale.items])
    wanted = 2 if scale.kind == "semantic" else scale.points
    if scale.kind == "likert" and scale.anchors and len(scale.anchors) not in (2, wanted):
        message = f"{len(scale.anchors)} anchors for {scale.points} points"
        yield Broken((*path, "anchors"), message, (f"{wanted}, one a point", "2, for the ends"))


def _stage(path: Path, stage: Stage, protocol: Protocol) -> Iterator[Broken]:
    yield from _known((*path, "arms"), stage.arms, protocol.arms_by_id, "arm")
    for where, message, allowed in stage.broken(protocol):
        yield Broken((*path, *where), message, allowed)
    asked = list(questions_of(stage, path))
    yield from _same_column(asked)
    for where, question in asked:
        yield from _known((*where, "arms"), question.arms, protocol.arms_by_id, "arm")
        yield from _question(where, question)
    for name, known in (("scales", protocol.scales_by_id), ("items", protocol.items_by_id)):
        listed: Any = getattr(stage, name, None)
        if isinstance(listed, list) and all(isinstance(entry, str) for entry in listed):
            yield from _known((*path, name), listed, known, name[:-1])
            yield from _twice((*path, name), listed, key="")
    for name in ("statements", "foils"):
        parts = [part for part in getattr(stage, name, []) if isinstance(part, BaseModel)]
        yield from _twice((*path, name), [str(getattr(part, "id", i)) for i, part in enumerate(parts)])
        for number, part in enumerate(parts):
            arms = getattr(part, "arms", [])
            yield from _known((*path, name, number, "arms"), arms, protocol.arms_by_id, "arm")


def _same_column(asked: list[tuple[Path, Question]]) -> Iterator[Broken]:
    """In one list of questions a column may be asked of different arms in different words, but of nobody twice."""
    seen: dict[Path, list[Question]] = {}
    for where, question in asked:
        before = seen.setdefault((*where[:-1], question.id), [])
        if any(not (q.arms and question.arms) or set(q.arms) & set(question.arms) for q in before):
            yield Broken((*where, "id"), f"'{question.id}' is asked twice in this stage")
        before.append(question)


def _question(path: Path, question: Question) -> Iterator[Broken]:
    kind, anchors = question.kind, len(question.anchors)
    if kind in ("choice", "select") and len(question.options) < (2 if kind == "choice" else 1):
        yield Broken((*path, "options"), f"A {kind} question needs options")
    if kind == "likert" and anchors not in (0, 2, question.points):
        message = f"{anchors} anchors for {question.points} points"
        yield Broken((*path, "anchors"), message, (f"{question.points}, one a point", "2, for the ends"))
    if kind == "semantic" and anchors not in (0, 2):
        yield Broken((*path, "anchors"), f"{anchors} anchors", ("2, the left and the right end",))
    low, high = question.minimum, question.maximum
    if low is not None and high is not None and low >= high:
        yield Broken((*path, "maximum"), f"The maximum {high:g} is not above the minimum {low:g}")


def _randomisation(protocol: Protocol) -> Iterator[Broken]:
    after = protocol.randomisation.after
    if after not in protocol.stages_by_id:
        yield Broken(("randomisation", "after"), f"There is no stage '{after}'", tuple(protocol.stages_by_id))
        return
    order = list(protocol.stages_by_id)
    early = protocol.flow[: order.index(after) + 1]
    choices = {q.id for stage in early for _, q in questions_of(stage, ()) if q.kind == "choice"}
    for number, column in enumerate(protocol.randomisation.strata):
        if column not in choices:
            message = f"'{column}' is no choice question asked up to stage '{after}'"
            yield Broken(("randomisation", "strata", number), message, tuple(sorted(choices)))


def _languages(protocol: Protocol) -> Iterator[Broken]:
    first = protocol.languages[0] if protocol.languages else ""
    if not first:
        yield Broken(("languages",), "A protocol needs at least one language")
        return
    for path, text in texts_of(protocol):
        if isinstance(text, str):
            continue
        if first not in text:
            yield Broken(path, f"The text is missing in '{first}', the protocol's first language")
        for language in sorted(set(text) - set(protocol.languages)):
            yield Broken(
                (*path, language), f"'{language}' is none of the languages", tuple(protocol.languages)
            )


def _varying(protocol: Protocol) -> Iterator[Broken]:
    """Live and replayed answers take the place of the items' own, on every item, in the arm's phrasing."""
    live, replay = protocol.live, protocol.replay
    if live is not None and replay is not None:
        yield Broken(("replay",), "Answers are asked for live or replayed, not both")
    if live is not None and protocol.model is None:
        yield Broken(("model",), "Live answers need the model that is asked")
    if protocol.probes is not None:
        if protocol.model is None:
            yield Broken(("model",), "Probes need the model that is asked")
        yield from _twice(("probes", "questions"), [probe.id for probe in protocol.probes.questions])
    if not protocol.varies:
        return
    for number, item in enumerate(protocol.items):
        if item.advice is not None:
            yield Broken(
                ("items", number, "advice"), "The AI's answers are live or replayed: items have none"
            )
    for number, arm in enumerate(protocol.arms):
        phrasing = protocol.phrasings_by_id.get(arm.phrasing)
        if arm.hedged.count != "all":
            message = "Live and replayed answers carry the arm's phrasing on every item"
            yield Broken(("arms", number, "hedged", "count"), message, ("all",))
        if live is None or phrasing is None or phrasing.id in live.instructions:
            continue
        chosen = phrasing.answers or phrasing.drafted or phrasing.by_probability
        if phrasing.placement in ("inline", "numeric") or chosen:
            message = (
                f"'{phrasing.id}' cannot be put around a live answer: give the model an instruction for it"
            )
            yield Broken(("arms", number, "phrasing"), message, ("prefix", "suffix", "live.instructions"))
    if live is not None:
        yield from _known(("live", "instructions"), live.instructions, protocol.phrasings_by_id, "phrasing")
    if replay is not None:
        yield from _replayed(protocol, replay)


def _replayed(protocol: Protocol, replay: Replay) -> Iterator[Broken]:
    """Every arm with an AI finds an answer to every item in its phrasing."""
    recorded = {(answer.item, answer.phrasing) for answer in replay.answers}
    for arm in protocol.arms:
        for item in protocol.items if arm.advice else ():
            if (item.id, arm.phrasing) not in recorded:
                message = f"No recorded answer to '{item.id}' in the phrasing '{arm.phrasing}' of '{arm.id}'"
                yield Broken(("replay", "answers"), message)
    for number, answer in enumerate(replay.answers):
        asked = protocol.items_by_id.get(answer.item)
        if asked is None:
            yield Broken(("replay", "answers", number, "item"), f"There is no item '{answer.item}'")
        elif answer.verdict not in (None, "unsure") and not _is_an_answer(asked, answer.verdict):
            message = f"'{_shown(answer.verdict)}' is no answer to the item"
            yield Broken(("replay", "answers", number, "verdict"), message, tuple(asked.options))


def _is_an_answer(item: Item, value: object) -> bool:
    if item.kind == "probability":
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
    return value in item.options


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part] if isinstance(part, int) or isinstance(value, dict) else getattr(value, part)
        except (KeyError, IndexError, AttributeError):
            return None
    return value


def _links(protocol: Protocol) -> Iterator[Broken]:
    """Links lead to web pages and to nothing else (no scripts, no files)."""
    from study.protocol.types import Source

    for path, part in parts_of(protocol):
        if isinstance(part, Source) and not _LINK.fullmatch(part.url):
            yield Broken((*path, "url"), f"'{part.url[:60]}' is no web address", ("https://…",))
    completion = protocol.entry.completion_url
    if completion and not _LINK.fullmatch(completion.replace("{code}", "code")):
        yield Broken(
            ("entry", "completion_url"), f"'{completion[:60]}' is no web address", ("https://…{code}",)
        )
