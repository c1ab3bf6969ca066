"""Somebody on a study's page that waits for a live answer, in as few steps as possible."""

from __future__ import annotations

from llm.models import Call
from study.protocol import Protocol, document
from study.registration.models import Study
from study.session.models import Session
from tests.factories import collecting, tiny
from tests.study.advice.protocols import LIVE, MODEL, live
from tests.study.session.visitor import Visitor

FALLBACK = "The registered fallback."
SHORT = ("consent", "tasks", "debrief", "done")


def one_trial(model: str = MODEL["name"]) -> Protocol:
    """Consent, one trial with a live answer, the debrief; every arm has an AI."""
    content = document(tiny())
    flow = [stage for stage in content["flow"] if stage["id"] in SHORT]
    trials = next(stage for stage in flow if stage["kind"] == "trials")
    trials["items"] = ["moon"]
    arms = [arm for arm in content["arms"] if arm["advice"]]
    arms = [arm | {"hedged": {"count": "all", "balance": []}} for arm in arms]
    live_part = LIVE | {"fallback": FALLBACK}
    return live(
        **live_part,
        _flow=flow,
        _arms=arms,
        _scales=[],
        _sample=content["sample"] | {"target": 100},
        _model=MODEL | {"name": model},
    )


def studies(model: str) -> Study:
    """The collecting study of that protocol."""
    return collecting(one_trial(model))


def waiting(study: Study) -> tuple[Visitor, Call]:
    """A participant on the trial, and the call that its page waits for."""
    visitor = Visitor(study).open().go_to("tasks.")
    return visitor, call_of(visitor.session)


def call_of(session: Session) -> Call:
    return Call.objects.get(key=f"advice:{session.pk}:tasks.moon.final")
