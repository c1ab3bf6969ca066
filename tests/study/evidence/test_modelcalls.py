"""The record of model calls in a bundle: who answered, and no participant's words."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from llm.models import Call
from study.analyses.language_model import answered, is_registered, others
from study.evidence import modelcalls
from study.registration.models import Study
from tests import factories

pytestmark = pytest.mark.django_db


def call(study: Study, key: str, *, participant: str = "", model: str = "small-1", **also) -> Call:
    now = timezone.now()
    return Call.objects.create(
        key=key, purpose="study.phrasing", study=study.pk, participant=participant, template="study.phrasing",
        template_version="1", prompt={"messages": ["SAID TO IT"], "sampling": {"temperature": 0}}, prompt_hash="0" * 64,
        model_asked="small", state="done", deadline_at=now, finished_at=now, model_answered=model, text="ITS WORDS",
        tokens_in=10, tokens_out=5, tries=2, **also,
    )  # fmt: skip


def test_words_of_participants_stay_and_the_others_are_given_in_full():
    study = factories.draft()
    call(study, "a")
    call(study, "b", participant="17")
    ours, theirs = modelcalls.rows(study)
    assert ours["text"] == "ITS WORDS"
    assert "SAID TO IT" in json.dumps(ours)
    assert "WORDS" not in json.dumps(theirs)
    assert "SAID" not in json.dumps(theirs)
    assert "17" not in [str(value) for value in theirs.values()]
    assert theirs["prompt_hash"] == "0" * 64


def test_the_sheet_has_fourteen_filled_points():
    study = factories.draft()
    call(study, "a")
    call(study, "b", model="other")
    points = modelcalls.sheet(factories.tiny(), list(modelcalls.rows(study)))
    assert len(points) == 14
    assert all(point["answer"] for point in points)
    sheet = modelcalls.as_markdown(points)
    assert "small-1 (1), other (1)" in sheet
    assert "20 tokens in, 10 out" in sheet
    assert "2 requests were sent again" in sheet


def test_a_study_without_calls_has_no_sheet():
    assert modelcalls.sheet(factories.tiny(), []) == []


def test_a_model_that_was_not_registered_is_named():
    study = factories.draft()
    call(study, "a")
    call(study, "b", model="other-2")
    assert others(answered(study), "small") == ["'other-2' answered 1 times; registered was 'small'."]
    assert len(others(answered(study), "")) == 2


def test_a_snapshot_of_the_registered_model_is_that_model():
    assert is_registered("small-2026-01-31", "small")
    assert not is_registered("smaller", "small")
    assert not is_registered("small", "")
