"""Asking a study's probes on their schedule, and storing each round once.

A round is begun by asking every question (the keys make a second asking the same) and concluded when every call has
ended, so no task waits for a model.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from llm import calls, gateway
from llm.errors import LLMError
from llm.models import Call
from llm.prompts import Message, Prompt, Sampling
from study.advice import drift, prompts
from study.advice.models import ProbeRound
from study.protocol.advice import Probe, Probes
from study.protocol.types import Protocol
from study.registration.frozen import current, protocol_of
from study.registration.models import Study

PURPOSE, VERSION = "study.probe", "1"
DEADLINE = 900  # seconds; nobody waits, and a service that is away for a moment is no change of the model


def tend(study: Study, now: datetime) -> ProbeRound | None:
    """Begin the next round if it is due, or conclude the open one; the round that was concluded. Safe to run twice."""
    protocol = protocol_of(current(study).pk)
    if protocol.probes is None:
        return None
    last = ProbeRound.objects.filter(study=study).order_by("-number").first()
    number = last.number + 1 if last else 1
    asked = {call.key: call for call in Call.objects.filter(key__startswith=f"probe:{study.pk}:{number}:")}
    wanted = keys(study.pk, number, protocol.probes)
    if asked.keys() >= wanted.keys():
        found = [calls.settled(asked[key].pk) for key in wanted]
        return conclude(study, number, protocol, found) if all(call.is_finished for call in found) else None
    if asked or last is None or last.asked_at + timedelta(hours=protocol.probes.every_hours) <= now:
        begin(study, number, protocol)
    return None


def keys(study: uuid.UUID, number: int, probes: Probes) -> dict[str, tuple[Probe, int]]:
    """Every call of a round by its key."""
    return {
        f"probe:{study}:{number}:{probe.id}:{repeat}": (probe, repeat)
        for probe in probes.questions
        for repeat in range(1, probes.repeats + 1)
    }


@transaction.atomic
def begin(study: Study, number: int, protocol: Protocol) -> None:
    """Ask every question of a round."""
    if protocol.probes is None:
        return
    for key, (probe, repeat) in keys(study.pk, number, protocol.probes).items():
        calls.request(
            prompt(protocol, probe, repeat, rehearsal=study.mode == Study.Mode.REHEARSAL),
            key=key,
            purpose=PURPOSE,
            study=study.pk,
            priority=Call.Priority.BATCH,
            deadline=DEADLINE,
        )


def prompt(protocol: Protocol, probe: Probe, repeat: int, *, rehearsal: bool) -> Prompt:
    """The probe under the study's own prompt and settings; each repeat has its own seed, in every round."""
    settings = prompts.pinned(protocol)
    system = "\n".join(part for part in (f"Task: {PURPOSE}", settings.prompt) if part)
    seed = None if settings.seed is None else settings.seed + repeat - 1
    sampling = Sampling(temperature=settings.temperature, seed=seed, max_tokens=settings.max_tokens)
    messages = (Message("system", system), Message("user", probe.prompt))
    model = "" if rehearsal else settings.name
    return Prompt(messages, PURPOSE, VERSION, sampling=sampling, model=model)


def conclude(study: Study, number: int, protocol: Protocol, found: Sequence[Call]) -> ProbeRound | None:
    """Compare a round whose calls have all ended with the reference, and store it; None where another process did."""
    probes = protocol.probes
    if probes is None:
        return None
    asked = keys(study.pk, number, probes)
    answers = [_answer(call, *asked[call.key]) for call in found]
    reference = ProbeRound.objects.filter(study=study, reference__isnull=False).order_by("number").first()
    result = drift.Drift(None, None, [])
    if reference is not None:
        vectors, problem = _vectors(study, probes, [*reference.answers, *answers])
        result = drift.compare(probes, reference.answers, answers, vectors)
        result.changes.extend(problem)
    complete = not any(answer["error"] for answer in answers)
    compared_with = reference.number if reference is not None else number if complete else None
    stored, created = ProbeRound.objects.get_or_create(
        study=study,
        number=number,
        defaults={
            "reference": compared_with,
            "asked_at": min(call.created_at for call in found),
            "concluded_at": timezone.now(),
            "answers": answers,
            "distance": result.distance,
            "same_share": result.same_share,
            "changes": result.changes,
        },
    )
    return stored if created else None


def _answer(call: Call, probe: Probe, repeat: int) -> dict[str, Any]:
    done = call.state == Call.State.DONE
    labels = {label: label for label in probe.labels}
    return {
        "probe": probe.id,
        "repeat": repeat,
        "text": call.text if done else "",
        "label": prompts.opening(call.text, labels) if done and labels else None,
        "model": call.model_answered,
        "fingerprint": call.fingerprint,
        "call": str(call.pk),
        "error": "" if done else f"{call.error}: {call.error_kind}",
    }


def _vectors(
    study: Study, probes: Probes, answers: Sequence[dict[str, Any]]
) -> tuple[dict[str, list[float]], list[str]]:
    """Embeddings of the answers that are compared by distance; and a sentence where they cannot be had."""
    free = {probe.id for probe in probes.questions if not probe.labels}
    texts = sorted({a["text"] for a in answers if a["probe"] in free and a["text"]})
    if not texts:
        return {}, []
    try:
        found = gateway.embed(texts, purpose=f"{PURPOSE}.distance", study=study.pk, deadline=60)
    except LLMError as error:
        return {}, [f"Distances could not be measured: {error.kind}."]
    return dict(zip(texts, found.vectors, strict=True)), []
