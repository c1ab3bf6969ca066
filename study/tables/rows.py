"""From one person's accepted pages to rows of the tidy tables. Pure but for what is handed in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from study.advice import columns as advised
from study.advice.shown import recorded_verdict
from study.protocol.stimulus import stimulus
from study.protocol.types import UNSURE, Item, Protocol
from study.registration.frozen import protocol_of
from study.stages.configs import ComprehensionStage, ConsentStage, RecognitionStage
from study.tables.columns import SEPARATOR
from study.tables.reading import Page, Person, Traces

Row = dict[str, Any]
FINAL, INITIAL, ANSWER = "final", "initial", "answer"


def participant_row(person: Person, pages: Sequence[Page], traces: Traces, columns: Sequence[str]) -> Row:
    """One row of `participants`. columns: the table's names, of which question columns are filled from the answers."""
    session, slot = person.session, person.session.slot
    row: Row = {
        "participant": person.code,
        "source": session.participant.source,
        "arm": slot.arm if slot else None,
        "slot": slot.number if slot else None,
        "block": slot.block if slot else None,
        "stratum": slot.stratum if slot else "",
        "language": session.language,
        "outcome": session.outcome or "unfinished",
        "registration": session.registration.version if session.registration else None,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "seconds": (session.ended_at - session.started_at).total_seconds() if session.ended_at else None,
        "late": person.late,
    }
    row |= _checks(person, pages) | _behaviour(person, pages, traces)
    answers = {key: value for page in pages if not _is_trial(page) for key, value in page.payload.items()}
    row |= {name: read(name, answers) for name in columns if name not in row}
    return row | _scores(person.protocol, row)


def _is_trial(page: Page) -> bool:
    parts = page.parts
    return len(parts) == 3 and parts[2] in (FINAL, INITIAL)


def read(name: str, answers: Mapping[str, Any]) -> Any:
    """The value of a question's column; of `question__option` whether that option was chosen; None where not asked."""
    if name in answers:
        value = answers[name]
        return None if value == "" else value
    question, separator, option = name.rpartition(SEPARATOR)
    if separator and isinstance(answers.get(question), list):
        return option in answers[question]
    return None


def _checks(person: Person, pages: Sequence[Page]) -> Row:
    """Consent, comprehension and recognition, judged by the protocol the person ran under."""
    row: Row = {"consented_at": None}
    for page in pages:
        stage = person.protocol.stages_by_id.get(page.stage)
        if isinstance(stage, ConsentStage) and page.payload.get("agreed"):
            row["consented_at"] = page.received_at
        elif isinstance(stage, ComprehensionStage):
            wrong = sum(
                page.payload.get(s.id) is not s.truth for s in stage.statements if s.id in page.payload
            )
            row["comprehension_errors"] = row.get("comprehension_errors", 0) + wrong
        elif isinstance(stage, RecognitionStage):
            recognised = {key for key, value in page.payload.items() if value is True}
            row["recognition_hits"] = len(recognised & set(person.item_order))
            row["recognition_false_alarms"] = len(recognised & {foil.id for foil in stage.foils})
    for name in ("comprehension_errors", "recognition_hits", "recognition_false_alarms"):
        row.setdefault(name, None)
    return row


def _behaviour(person: Person, pages: Sequence[Page], traces: Traces) -> Row:
    seen = [traces.on(page.session_id, page.page) for page in pages]
    finals = [page for page in pages if _is_trial(page) and page.parts[2] == FINAL]
    honeypots = _honeypots(person.protocol)
    least = person.protocol.integrity.min_seconds_per_trial
    noticed = any(n.seen for n in seen)
    return {
        "honeypots": sum(bool(page.payload.get(name)) for page in pages for name in honeypots),
        "pastes": sum(n.pastes for n in seen) if noticed else None,
        "hidden_seconds": sum(n.hidden_ms for n in seen) / 1000 if noticed else None,
        "links_opened": sum(traces.links.get((person.session.pk, item), 0) for item in person.item_order),
        "fast_trials": sum(page.seconds < least for page in finals),
        "trials": len(finals),
    }


def _honeypots(protocol: Protocol) -> tuple[str, ...]:
    questions = [
        question
        for stage in protocol.flow
        for question in (*getattr(stage, "questions", ()), *getattr(stage, "initial_questions", ()))
    ]
    return tuple(q.id for q in questions if q.kind == "honeypot")


def _scores(protocol: Protocol, row: Row) -> Row:
    """Scale scores: the mean of the items after reverse coding, missing unless every item was answered."""
    scores: Row = {}
    for scale in protocol.scales:
        if scale.id not in row:
            continue
        ratings = [row.get(item.id) for item in scale.items]
        if any(rating is None for rating in ratings):
            scores[scale.id] = None
            continue
        turned = [
            scale.points + 1 - r if i.reverse else r for i, r in zip(scale.items, ratings, strict=True) if r
        ]
        scores[scale.id] = sum(turned) / len(turned)
    return scores


def trial_rows(
    person: Person, pages: Sequence[Page], traces: Traces, columns: Sequence[str]
) -> Iterator[Row]:
    """Rows of `trials`: one for every item with a final answer, in the order answered."""
    initial = {page.parts[1]: page for page in pages if _is_trial(page) and page.parts[2] == INITIAL}
    for page in pages:
        if _is_trial(page) and page.parts[2] == FINAL and page.parts[1] in person.protocol.items_by_id:
            yield _trial(person, page, initial.get(page.parts[1]), traces, columns)


def _trial(person: Person, page: Page, before: Page | None, traces: Traces, columns: Sequence[str]) -> Row:
    item = person.protocol.items_by_id[page.parts[1]]
    final = page.payload.get(ANSWER)
    row: Row = {
        "participant": person.code,
        "arm": person.arm.id if person.arm else None,
        "item": item.id,
        "position": person.item_order.index(item.id) + 1 if item.id in person.item_order else None,
        "truth": item.truth,
        "ai_correct": person.protocol.ai_correct(item),
        INITIAL: before.payload.get(ANSWER) if before else None,
        FINAL: final,
        "correct": agrees(item, final, item.truth),
    }
    row |= (
        _shown(person, item, final)
        if advised.TEXT not in page.payload
        else _varied(person, item, page.payload)
    )
    row |= _process(person, page, traces, item)
    row["initial_agree"] = agrees(item, row[INITIAL], row["advice"])
    row["initial_correct"] = agrees(item, row[INITIAL], item.truth)
    answers = {
        f"initial_{key}": value for key, value in (before.payload if before else {}).items()
    } | page.payload
    for name in columns:
        if name not in row:
            row[name] = item.tags[name] if name in item.tags else read(name, answers)
    return row


def agrees(item: Item, answer: Any, other: Any) -> bool | None:
    """Do two answers to an item say the same? Probabilities by the side of 50; None where one says nothing."""
    if answer is None or other is None or other == UNSURE:
        return None
    if item.kind != "probability":
        return bool(answer == other)
    a, b = float(answer), float(other)
    return None if 50.0 in (a, b) else (a > 50) == (b > 50)


def _shown(person: Person, item: Item, final: Any) -> Row:
    """The advice as this arm showed it; all missing where none was shown."""
    arm = person.arm
    if arm is None or not arm.advice or item.advice is None:
        return {"advice": None, "hedged": None, "phrasing": None, "agree": None, "stimulus_sha256": None}
    hedged = item.id in person.hedged
    registration = person.session.registration_id or 0
    phrasing, digest = _stimulus(registration, item.id, arm.id, hedged, person.session.language)
    return {
        "advice": item.advice.answer,
        "hedged": hedged,
        "phrasing": phrasing,
        "agree": agrees(item, final, item.advice.answer),
        "stimulus_sha256": digest,
    }


def _varied(person: Person, item: Item, payload: Mapping[str, Any]) -> Row:
    """A live or replayed answer as it was stored with the trial; right or wrong as far as its verdict is known."""
    verdict = recorded_verdict(payload, person.verdicts)
    phrasing = payload[advised.PHRASING]
    fallback = payload[advised.SOURCE] == advised.FALLBACK
    return {
        "advice": verdict,
        "ai_correct": agrees(item, verdict, item.truth),
        "hedged": phrasing != "plain" and not fallback,
        "phrasing": phrasing,
        "agree": agrees(item, payload.get(ANSWER), verdict),
        "stimulus_sha256": sha256(payload[advised.TEXT].encode()).hexdigest(),
    }


@lru_cache(maxsize=50_000)
def _stimulus(registration: int, item: str, arm: str, hedged: bool, language: str) -> tuple[str, str]:
    """(phrasing, hash of the words shown). Registrations never change, so this is worked out once a process."""
    protocol = protocol_of(registration)
    shown = stimulus(protocol, protocol.items_by_id[item], protocol.arms_by_id[arm], hedged, language)
    return shown.phrasing_id, shown.sha256


def _process(person: Person, page: Page, traces: Traces, item: Item) -> Row:
    noticed = traces.on(page.session_id, page.page)
    return {
        "seconds": page.seconds,
        "visible_seconds": max(0.0, page.seconds - noticed.hidden_ms / 1000) if noticed.seen else None,
        "links_opened": traces.links.get((page.session_id, item.id), 0),
        "pastes": noticed.pastes if noticed.seen else None,
        "left_page": noticed.left if noticed.seen else None,
    }


def response_rows(person: Person, pages: Sequence[Page]) -> Iterator[Row]:
    """Rows of `responses`: one for every question answered, honeypots included."""
    code = person.code
    for page in pages:
        stage = page.stage
        for question, value in page.payload.items():
            yield {
                "participant": code,
                "stage": stage,
                "page": page.page,
                "attempt": page.attempt,
                "question": question,
                "value": as_text(value),
                "shown_at": page.shown_at,
                "received_at": page.received_at,
            }


def as_text(value: Any) -> str | None:
    """An answer as text: options joined by |, truth values as true and false, numbers without a needless point."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(str(part) for part in value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return value if isinstance(value, str) else json.dumps(value)
