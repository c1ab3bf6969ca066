"""Honest studies of many kinds raise no alarm; what deviated in them is told as a note, not as a finding."""

from __future__ import annotations

import shutil
from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from study.analyses.actions import analyse
from study.analyses.blinding import unblind
from study.assignment import actions as assignment
from study.evidence import bundle, psychds, reproduce
from study.evidence.verify import verify
from study.protocol import Protocol, document, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.session import actions as session_actions
from study.session.models import Session
from study.session.visit import Visit
from tests import factories
from tests.study.closed import notice, wrong_at_first
from tests.study.evidence.validators import croissant_errors, frictionless_errors
from tests.study.people import form, walk

pytestmark = pytest.mark.django_db

CONFIDENCE = {
    "id": "confidence",
    "kind": "likert",
    "text": "How sure are you?",
    "anchors": ["Not", "A bit", "Half", "Fairly", "Very"],
}
WHY = {
    "id": "why",
    "kind": "select",
    "text": "Why?",
    "options": [{"id": "ai", "label": "The AI"}, {"id": "own", "label": "Knew"}],
}
SLIDER = {"id": "sure", "kind": "slider", "text": "How sure?", "minimum": 0, "maximum": 100}


def varied(rng: np.random.Generator) -> Protocol:
    """The tiny study with another paradigm, other stages, rules, phrasings, languages."""
    content = document(factories.tiny())
    content["sample"]["target"] = int(rng.integers(6, 13))
    content["randomisation"] |= {
        "item_order": str(rng.choice(["random", "fixed"])),
        "repeats": int(rng.integers(1, 3)),
    }
    flow = {stage["id"]: stage for stage in content["flow"]}
    tasks = flow["tasks"]
    tasks["questions"] = [dict(CONFIDENCE), *([dict(WHY)] if rng.random() < 0.5 else [])]
    if rng.random() < 0.5:
        content["paradigm"] = "two-stage"
        tasks["initial_questions"] = [dict(SLIDER)] if rng.random() < 0.5 else []
    phrase = content["phrasings"][0]
    phrase["placement"] = str(rng.choice(["prefix", "suffix"]))
    if rng.random() < 0.3:
        phrase["items"] = {"moon": "Hard to say, but"}
    content["arms"][1]["hedged"] = {
        "count": "all" if rng.random() < 0.3 else int(rng.integers(1, 4)),
        "balance": ["truth"],
    }
    for item in content["items"]:
        item["tags"] = {
            "topic": "nature" if item["id"] == "whale" else "other",
            "long": item["id"] == "river",
            "weight": 1.5,
        }
    if rng.random() < 0.3:
        content["items"][3]["advice"]["answer"] = "unsure"
    if rng.random() < 0.3:
        strata(content, flow)
    if rng.random() < 0.3:
        content["languages"] = ["en", "de"]
        content["items"][0]["advice"]["body"] = {"en": "the Moon is smaller.", "de": "der Mond ist kleiner."}
    content["integrity"]["min_seconds_per_trial"] = float(rng.choice([0.0, 0.001, 2.0]))
    content["plan"] |= {"population": str(rng.choice(["complete", "all"])), "exclusions": rules(rng), "models": [], "hypotheses": [],
                        "measures": [{"by": ["arm"], "measures": ["agreement", "accuracy", "overreliance"], "draws": 100}]}  # fmt: skip
    if rng.random() < 0.4:
        content["plan"] |= {"models": [{"id": "agreement", "outcome": "agree", "formula": "arm", "family": "binomial"}],
                            "hypotheses": [hypothesis(rng, n) for n in range(1, int(rng.integers(2, 4)))]}  # fmt: skip
    return Protocol.model_validate(content)


def strata(content, flow) -> None:
    """A question before the draw, and a schedule for each answer."""
    asked = {
        "id": "hand",
        "kind": "choice",
        "text": "Which hand?",
        "options": [{"id": "left", "label": "Left"}, {"id": "right", "label": "Right"}],
    }
    content["flow"].insert(1, {"kind": "survey", "id": "before", "questions": [asked]})
    content["randomisation"] |= {"after": "before", "strata": ["hand"]}


def rules(rng: np.random.Generator) -> list[dict]:
    """Some of the rules that a plan may hold."""
    every = [
        [{"column": "comprehension_errors", "op": ">", "value": 0}],
        [{"column": "seconds", "op": "<", "value": 0.001}],
        [{"column": "outcome", "op": "in", "value": ["withdrawn", "declined"]}],
        [{"column": "late", "op": "==", "value": True}],
        [{"column": "trust", "op": "missing"}],
        [{"column": "age_group", "op": "==", "value": "old"}, {"column": "trust", "op": ">=", "value": 3}],
        [{"column": "pastes", "op": ">=", "value": 1}],
        [{"column": "trials", "op": "!=", "value": 4}],
    ]
    chosen = rng.choice(len(every), size=int(rng.integers(0, 4)), replace=False)
    return [
        {"id": f"rule-{n}", "sentence": f"Rule {n}.", "when": every[n], "measured": "after", "reason": "Said before.",
         "action": str(rng.choice(["exclude", "flag"]))}
        for n in chosen
    ]  # fmt: skip


def hypothesis(rng: np.random.Generator, number: int) -> dict:
    criteria = [{"op": "<", "value": 0.0}, {"op": ">=", "value": -0.5}, {"op": "equivalent", "low": -1.0, "high": 1.0},
                {"op": "==", "value": 0.0, "tolerance": 0.7}]  # fmt: skip
    return {"id": f"h{number}", "sentence": f"Sentence {number}.", "model": "agreement",
            "contrast": {"factor": "arm", "level": "hedged", "reference": "control"},
            "criterion": criteria[int(rng.integers(len(criteria)))]}  # fmt: skip


def lived(protocol: Protocol, rng: np.random.Generator) -> Study:
    """A study in which things happen that happen, up to its end."""
    study = factories.collecting(protocol, mode=str(rng.choice(["real", "pilot", "rehearsal"])))
    walk(study, rng, choose=lambda visit, question: "no" if question.id == "agreed" else None)
    left = walk(study, rng, pages=int(rng.integers(2, 7)))
    gone = walk(study, rng, pages=int(rng.integers(2, 9)))
    if rng.random() < 0.5:
        Session.objects.filter(pk=left.pk).update(active_at=timezone.now() - timedelta(days=2))
        assignment.sweep_idle(study, timezone.now())
    session_actions.withdraw(token=gone.token, erase=bool(rng.random() < 0.5))
    if rng.random() < 0.3:
        unblind(study=study, reason="Asked by the board.", by=None)
        analyse(study=study)
    if rng.random() < 0.3:
        more = factories.changed(protocol, sample={"target": protocol.sample.target + 2})
        actions.amend(study=study, protocol=more, reason="More people.", by=None)
    for number in range(int(rng.integers(2, protocol.sample.target + 1))):
        session = walk(study, rng, choose=wrong_at_first if number == 0 else None)
        if number == 0 and session.slot and session.outcome == "complete":
            notice(session)
    if not left.timed_out_at and rng.random() < 0.5:
        walk_on(left, rng)
    actions.close(study=study, by=None)
    return study


def walk_on(session: Session, rng: np.random.Generator) -> None:
    """Somebody who left comes back and finishes, perhaps too late for the place."""
    for _ in range(40):
        visit = Visit(Session.objects.with_walk().get(pk=session.pk))
        if visit.session.outcome:
            return
        session_actions.submit(
            token=session.token,
            page=visit.page.key,
            attempt=visit.session.attempt,
            data=form(visit, rng, None),
        )


def alarms(number: int, folder) -> list[str]:
    rng = np.random.default_rng(number)
    with transaction.atomic():
        made = bundle.write(study=lived(varied(rng), rng), folder=folder, execute=False)
        transaction.set_rollback(True)
    report = verify(made.folder)
    shutil.rmtree(folder)
    made.archive.unlink()
    return [f"{number}: [{code}] {sentence}" for code, sentence in report.findings]


@pytest.mark.parametrize("number", range(5))
def test_an_honest_study_raises_no_alarm(number, tmp_path):
    assert alarms(number, tmp_path / "study") == []


@pytest.mark.soak
def test_two_hundred_honest_studies_raise_no_alarm(tmp_path):
    found = [alarm for number in range(100, 300) for alarm in alarms(number, tmp_path / str(number))]
    print(f"\nhonest studies: 200, alarms: {len(found)}")
    assert found == []


def test_what_deviated_is_a_note_and_no_finding(tmp_path):
    protocol = factories.tiny()
    study = factories.collecting(protocol, mode="rehearsal")
    unblind(study=study, reason="Asked by the board.", by=None)
    analyse(study=study)
    actions.amend(
        study=study,
        protocol=factories.changed(protocol, sample={"target": 14}),
        reason="More people.",
        by=None,
    )
    rng = np.random.default_rng(1)
    for _ in range(3):
        walk(study, rng)
    actions.close(study=study, by=None)
    report = verify(bundle.write(study=study, folder=tmp_path / "s", execute=False).folder)
    assert report.findings == []
    assert sum("Early look" in note for note in report.notes) == 2
    assert any("version 2, More people." in note for note in report.notes)
    assert any("3 people completed; 14 were planned" in note for note in report.notes)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_bundle_of_a_shipped_study_is_clean(name, tmp_path):
    protocol = read(shipped()[name])
    protocol = factories.changed(protocol, sample={"target": 8})
    study = factories.collecting(protocol, mode="rehearsal")
    rng = np.random.default_rng(2)
    for _ in range(3):
        walk(study, rng, pages=40)
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / name, execute=False)
    assert verify(made.folder).findings == []
    assert reproduce.compare(made.folder)[1] == []
    assert frictionless_errors(made.folder) == []
    assert croissant_errors(made.folder) == []
    assert psychds.errors(made.folder) == []
