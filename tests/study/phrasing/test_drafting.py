"""Drafts from the model to the reviewer: what is asked, what is checked, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from llm.models import Call
from study.phrasing import drafting, reviewing
from study.phrasing.models import Check, Draft, Wording
from study.phrasing.provenance import calls_behind
from study.phrasing.working import work_off
from study.protocol import document, from_canonical
from study.registration.errors import Refused
from tests import factories
from tests.study.phrasing.drafted import drafted, newest, protocol

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_option_gets_an_answer_and_five_phrasings_that_change_only_what_they_may(model: Any) -> None:
    study = drafted()
    drafts = list(Draft.objects.select_related("wording", "plain"))
    assert Counter(draft.wording.kind for draft in drafts) == dict.fromkeys(
        ["plain", "first-person", "general", "strengthened", "numeric", "verbal"], 4
    )
    assert {(draft.state, draft.reason) for draft in drafts} == {("open", "")}
    whale = newest(study, "whale", "no", "plain")
    assert whale.text == f"No, {whale.body}"
    assert newest(study, "whale", "no", "first-person").text.endswith(f" {whale.body}")
    assert newest(study, "whale", "no", "numeric").text.startswith(f"{whale.text} ")
    assert "{probability}" in newest(study, "whale", "no", "numeric").phrase
    assert "better than even" in newest(study, "whale", "no", "verbal").phrase
    strong = newest(study, "whale", "no", "strengthened")
    checks = {check.name: check for check in strong.checks.all()}
    assert set(checks) == {"form", "claims", "distance"}
    assert 0 < checks["distance"].value <= checks["distance"].threshold == 0.25
    assert {str(pk) for pk in calls_behind(strong)} == {
        str(pk)
        for pk in [strong.call, strong.check_call, checks["distance"].call, whale.call, whale.check_call]
    }
    assert Call.objects.filter(pk__in=calls_behind(strong), rehearsal=True, state="done").count() == 5


def test_nothing_that_is_asked_depends_on_the_truth_the_answer_or_the_arms(model: Any) -> None:
    """Two studies that differ in truth, in what the AI says and in their arms send the very same prompts."""
    one = factories.draft(protocol(), slug="one")
    content = document(protocol())
    for item in content["items"]:
        item["truth"] = "yes" if item["truth"] == "no" else "no"
        item["advice"] |= {"answer": "yes", "lead": "", "body": "something else entirely, said by nobody."}
        item["correction"], item["provenance"], item["tags"] = "WRONGLY", "KEYED", {"ai_wrong": "SECRET"}
    content["arms"] = [content["arms"][0] | {"id": "other-arm"}, *content["arms"][1:]]
    content["assumptions"] = {}
    content["plan"] = content["plan"] | {"levels": {}, "hypotheses": [], "models": [], "outcomes": []}
    other = factories.draft(from_canonical(content), slug="two")
    for study in (one, other):
        drafting.ask(study=study, by=None)
        work_off(study)
    chats = Call.objects.filter(kind="chat")
    sent = [Counter(chats.of_study(s.pk).values_list("prompt_hash", flat=True)) for s in (one, other)]
    assert sent[0] == sent[1]
    assert sum(sent[0].values()) == 4 * (2 + 5 + 1)
    said = json.dumps(list(chats.values_list("prompt", flat=True)))
    assert not [
        word for word in ("WRONGLY", "KEYED", "SECRET", "other-arm", "control", 'truth\\"') if word in said
    ]


def test_asking_again_asks_nothing_twice(model: Any) -> None:
    study = factories.draft(protocol())
    assert drafting.ask(study=study, by=None) == 4
    assert drafting.ask(study=study, by=None) == 0
    work_off(study)
    before = Call.objects.count()
    assert drafting.ask(study=study, by=None) == 0
    assert Call.objects.count() == before


def test_a_call_that_failed_is_asked_for_again_and_its_error_is_kept(model: Any) -> None:
    study = factories.draft(protocol())
    model.fault("status", value=400)
    drafting.ask(study=study, by=None)
    work_off(study)
    assert Draft.objects.count() == 0
    assert {call.error for call in Call.objects.all()} == {"rejected"}
    model.reset()
    assert drafting.ask(study=study, by=None) == 4
    work_off(study)
    assert Counter(Draft.objects.values_list("state", "reason")) == {("open", ""): 24}
    assert Wording.objects.get(item="moon", stance="yes", kind="plain").rounds == 2


def test_an_edit_is_a_new_version_that_is_checked_like_the_models(model: Any) -> None:
    study, ada = drafted(), factories.user("ada")
    old = newest(study, "moon", "no", "first-person")
    with pytest.raises(Refused, match="letter for letter"):
        drafting.edit(draft=old, text=old.text.replace("answer", "solution"), by=ada)
    with pytest.raises(Refused, match="first person"):
        drafting.edit(draft=old, text=f"Perhaps {old.body}", by=ada)
    new = drafting.edit(draft=old, text=f"I am not quite sure, but  {old.body} ", by=ada)
    assert (new.number, new.state, new.parent, new.author) == (2, "open", old, ada)
    assert new.phrase == "I am not quite sure, but"
    assert old.call in calls_behind(new)
    with pytest.raises(Refused, match="meanwhile"):
        drafting.edit(draft=old, text=f"I guess {old.body}", by=ada)


def test_a_plain_answer_that_argues_for_something_else_is_refused_by_the_models_check(model: Any) -> None:
    study, ada = drafted(), factories.user("ada")
    old = newest(study, "moon", "no", "plain")
    with pytest.raises(Refused, match="begins with “No,”"):
        drafting.edit(draft=old, text="Yes, the Moon is larger than Mercury by far.", by=ada)
    new = drafting.edit(
        draft=old, text="No, the Moon has a diameter of 3,475 km and Mercury one of 4,880 km.", by=ada
    )
    assert new.state == "checking"
    work_off(study)
    new.refresh_from_db()
    assert new.state == "open"
    carried = newest(study, "moon", "no", "general")
    assert (carried.source, carried.plain, carried.state, carried.number) == ("carried", new, "open", 2)
    assert carried.text.endswith("4,880 km.")
    strong = newest(study, "moon", "no", "strengthened")
    assert (strong.plain, strong.number) == (new, 2)


def test_a_rewritten_answer_that_claims_something_else_is_refused_with_the_reason(model: Any) -> None:
    study, ada = drafted(), factories.user("ada")
    old = newest(study, "moon", "no", "strengthened")
    new = drafting.edit(
        draft=old, text="No, and Mars is certainly not larger either, as anybody knows.", by=ada
    )
    work_off(study)
    new.refresh_from_db()
    assert new.state == "refused"
    assert new.reason.startswith("It claims something else than the plain answer: “")
    with pytest.raises(Refused, match="Numbers were changed"):
        drafting.edit(draft=new, text=old.text + " This holds in 99 cases.", by=ada)
    far = drafting.edit(
        draft=new, text=f"{old.text} {'Quasar zebra xylophone wombat jigsaw. ' * 6}".strip(), by=ada
    )
    work_off(study)
    far.refresh_from_db()
    assert far.state == "refused"
    assert "Its meaning lies 0." in far.reason
    assert Check.objects.get(draft=far, name="distance").value > 0.25


def test_a_check_that_could_not_be_made_lets_nothing_through(model: Any) -> None:
    study, ada = drafted(), factories.user("ada")
    old = newest(study, "moon", "no", "strengthened")
    model.fault("status", value=401)
    new = drafting.edit(draft=old, text=old.text.replace("No,", "No indeed,"), by=ada)
    work_off(study)
    new.refresh_from_db()
    assert new.state == "refused"
    assert "could not be made (rejected" in new.reason


def test_the_words_of_a_version_never_change(model: Any) -> None:
    study = drafted()
    draft = newest(study, "moon", "no", "plain")
    for change in [{"text": "Something else."}, {"state": "checking"}, {"state": "refused", "reason": "x"}]:
        with pytest.raises(IntegrityError), transaction.atomic():
            Draft.objects.filter(pk=draft.pk).update(**change)
    for table in ("draft", "check"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM study_{table}")


@pytest.mark.parametrize(
    ("kind", "said", "why"),
    [
        (
            "first-person",
            {"text": "I'm not sure, but the Moon may be the smaller of the two."},
            "letter for letter",
        ),
        ("numeric", {"text": "Perhaps 60 %."}, "letter for letter"),
        ("plain", {"text": "I think that it is smaller than Mercury.", "claims": []}, "It hedges"),
        (
            "strengthened",
            {"text": "No, the Moon is 4,880 km wide, and that is certain."},
            "Numbers were changed",
        ),
    ],
)
def test_a_model_that_drifts_is_refused_and_no_approval_helps(
    model: Any, llmock: Any, settings: Any, kind: str, said: dict[str, Any], why: str
) -> None:
    """The drifting model is an implementation of the API by others, told what to say."""
    study, ada = drafted(), factories.user("ada")
    wording = newest(study, "moon", "no", kind).wording
    llmock.tool_mode("off")
    llmock.reply(json.dumps(said))
    settings.HEED_LLM_BASE_URL, settings.HEED_LLM_MODEL = f"{llmock.url}/v1", "gpt-4o-mini"
    drafting.ask_again(wording=wording, by=ada)
    work_off(study)
    drift = newest(study, "moon", "no", kind)
    assert (drift.number, drift.state) == (2, "refused")
    assert why in drift.reason
    assert not Call.objects.get(pk=drift.call).rehearsal
    with pytest.raises(Refused, match="refused"):
        reviewing.approve(draft=drift, by=ada)
