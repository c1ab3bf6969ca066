"""Live answers: asked once, shown as they come, stored as shown, and never in anybody's way."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from llm import calls, worker
from llm.models import Budget, Call
from study.registration import actions as registration
from study.registration.models import Study
from study.session import actions
from study.session.models import Submission
from study.stages.trials import FINAL
from study.tables.tidy import tidy
from tests.factories import collecting, draft, user
from tests.study.advice.protocols import LIVE, MODEL, live
from tests.study.session.visitor import Visitor

ONE_STAGE, TWO_STAGE = {}, {"_paradigm": "two-stage"}


def arrived(study: Study, arm: str) -> Visitor:
    """Somebody of that arm on their first trial with an answer of the AI."""
    for seed in range(12):
        visitor = Visitor(study, seed).open().go_to("tasks.")
        slot = visitor.session.slot
        assert slot is not None
        if slot.arm == arm:
            return visitor if visitor.page.key.endswith(FINAL) else visitor.send()
    raise AssertionError(f"nobody came to {arm}")


def own(visitor: Visitor) -> Any:
    """The calls of this participant; others may have come before, to other arms."""
    return Call.objects.filter(participant=str(visitor.session.participant_id))


def look(visitor: Visitor) -> Visitor:
    visitor.answer = visitor.client.get(visitor.address)
    return visitor


def work() -> None:
    """What the workers do: every queued call, and those that these make."""
    while queued := list(Call.objects.filter(state=Call.State.QUEUED)):
        for call in queued:
            worker.work(call.pk)


def out_of_time() -> None:
    for call in Call.objects.unfinished():
        Call.objects.filter(pk=call.pk).update(deadline_at=timezone.now() - timedelta(minutes=1))


def stored(visitor: Visitor) -> dict[str, Any]:
    payload = (
        Submission.objects.filter(session=visitor.session, page__endswith=FINAL).latest("number").payload
    )
    assert isinstance(payload, dict)
    return payload


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("paradigm", [ONE_STAGE, TWO_STAGE], ids=["one-stage", "two-stage"])
def test_what_was_shown_is_stored_with_the_trial_word_for_word(model: Any, paradigm: dict[str, str]) -> None:
    visitor = arrived(collecting(live(**paradigm)), "hedged")
    assert 'data-stream="/calls/' in visitor.text
    work()
    text = look(visitor).page.advice
    assert text.startswith("I'm not sure, but I believe ")
    assert "data-stream" not in visitor.text
    item = visitor.page.key.split(".")[1]
    visitor.send()
    kept = stored(visitor)
    call = own(visitor).get(key__endswith=f"tasks.{item}.final")
    assert kept["advice_text"] == text == f"I'm not sure, but I believe {call.text}"
    assert (kept["advice_source"], kept["advice_call"]) == ("live", str(call.pk))
    assert kept["advice_verdict"] in ("yes", "no")
    assert call.text.lower().startswith(kept["advice_verdict"])
    assert kept["advice_ms"] > 0


@pytest.mark.django_db(transaction=True)
def test_reloads_and_a_second_tab_ask_once_and_the_form_waits_for_the_last_word(model: Any) -> None:
    visitor = arrived(collecting(live()), "control")
    for _ in range(3):
        look(visitor)
    assert own(visitor).count() == 1
    open_page = visitor.page.key
    form = visitor.form()
    visitor.post(form)
    assert visitor.answer.status_code == 422
    assert "still being written" in visitor.text
    assert visitor.page.key == open_page
    work()
    visitor.post(form).post(form)
    assert Submission.objects.filter(session=visitor.session, page=open_page).count() == 1
    assert own(visitor).filter(key__endswith=open_page).count() == 1
    assert own(visitor).get(key__endswith=open_page).tries == 1


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_never_comes_is_the_registered_fallback_and_is_recorded_as_such() -> None:
    study = collecting(live())
    visitor = arrived(study, "hedged")
    while visitor.page is not None and visitor.page.key.startswith("tasks"):
        out_of_time()
        assert look(visitor).page.advice == LIVE["fallback"]
        visitor.send()
    visitor.finish()
    rows = tidy(study).trials
    rows = rows[rows["participant"] == visitor.session.participant.code]
    assert set(rows["advice_source"]) == {"fallback"}
    assert rows["advice"].isna().all()
    assert rows["agree"].isna().all()
    assert rows["ai_correct"].isna().all()
    assert not rows["hedged"].any()
    assert rows["correct"].notna().all()


@pytest.mark.django_db(transaction=True)
def test_past_the_protocols_budget_the_model_is_left_alone_nobody_is_stranded_and_the_monitor_says_so(
    model: Any, client: Client
) -> None:
    study = collecting(live(_model=MODEL | {"budget_usd": 0.5}))
    spent = Budget.objects.get(scope="study", ref=str(study.pk))
    assert spent.cost_limit == 500_000, "the registered budget is the gateway's limit"
    Budget.objects.filter(pk=spent.pk).update(cost_used=500_000)
    asked = len(model.seen())
    visitor = arrived(study, "hedged")
    while visitor.page is not None and visitor.page.key.startswith("tasks"):
        work()
        assert look(visitor).page.advice == LIVE["fallback"]
        visitor.send()
    visitor.finish()
    assert visitor.session.outcome == "complete"
    assert len(model.seen()) == asked
    assert set(own(visitor).values_list("error", flat=True)) == {"over_budget"}
    assert set(tidy(study).trials["advice_source"].dropna()) == {"fallback"}
    client.force_login(user("boss", is_superuser=True))
    shown = client.get(f"/panel/studies/{study.slug}/monitor/").content.decode()
    assert "because a budget is spent" in shown
    assert "0.50 USD of 0.50" in shown
    assert "The budget for model calls is spent" in client.get("/panel/").content.decode()


@pytest.mark.django_db
def test_an_amended_budget_is_the_new_limit_and_a_draft_is_held_to_its_own() -> None:
    study = draft(live(_model=MODEL | {"budget_usd": 0.5}))
    row = Budget.objects.filter(scope="study", ref=str(study.pk)).values_list("cost_limit", flat=True)
    assert row.get() == 500_000
    registration.register(study=study, by=None)
    more = live(_model=MODEL | {"budget_usd": 2.0})
    registration.amend(study=study, protocol=more, reason="answers are longer than we thought", by=None)
    assert row.get() == 2_000_000


@pytest.mark.django_db
def test_a_budget_that_cannot_be_kept_for_want_of_a_price_is_said(client: Client, settings: Any) -> None:
    study = collecting(live(_model=MODEL | {"name": "small-1", "budget_usd": 0.5}))
    client.force_login(user("boss", is_superuser=True))
    address = f"/panel/studies/{study.slug}/monitor/"
    assert "no price of small-1" in client.get(address).content.decode()
    settings.HEED_LLM_PRICES = {"small": (0.15, 0.6)}
    assert "no price of" not in client.get(address).content.decode()


@pytest.mark.django_db(transaction=True)
def test_arms_without_an_ai_ask_nobody(model: Any) -> None:
    visitor = arrived(collecting(live()), "no-ai")
    visitor.finish()
    assert not own(visitor).exists()
    assert not any("advice_text" in (s.payload or {}) for s in visitor.session.submissions.all())


@pytest.mark.django_db(transaction=True)
def test_neither_arm_nor_truth_nor_correction_enters_a_prompt(model: Any) -> None:
    told = "Begin with a phrase in the first person that leaves the answer open."
    study = collecting(live(instructions={"unsure-first": told}, verdict="extracted"))
    visitor = arrived(study, "hedged")
    work()
    protocol = live()
    said = json.dumps([call.prompt for call in Call.objects.all()])
    assert told in said
    assert "heed-rehearsal-1" in {call.model_asked for call in Call.objects.all()}
    secrets = [arm.label for arm in protocol.arms] + [arm.id for arm in protocol.arms]
    secrets += [item.correction for item in protocol.items]
    secrets += [visitor.session.participant.code, visitor.token, "truth", "correct"]
    assert not [secret for secret in secrets if secret in said]
    assert all(call.prompt["sampling"]["seed"] == 7 for call in Call.objects.all())


@pytest.mark.django_db(transaction=True)
def test_the_model_may_be_asked_afterwards_which_option_its_answer_gives(model: Any) -> None:
    study = collecting(live(verdict="extracted"))
    visitor = arrived(study, "control")
    work()
    look(visitor).send()
    assert stored(visitor)["advice_verdict"] is None
    asked = own(visitor).get(purpose="study.advice.verdict")
    answer = Call.objects.get(pk=stored(visitor)["advice_call"])
    assert asked.data["verdict"] in ("yes", "no")
    assert answer.text.lower().startswith(asked.data["verdict"])
    row = tidy(study).trials.query("advice_source == 'live'").iloc[0]
    assert row["advice"] == asked.data["verdict"]
    assert row["ai_correct"] == (asked.data["verdict"] == row["truth"])
    assert row["stimulus_sha256"] == hashlib.sha256(answer.text.encode()).hexdigest()


@pytest.mark.django_db(transaction=True)
def test_the_debrief_says_what_was_true_of_every_live_answer(model: Any) -> None:
    study = collecting(live())
    visitor = arrived(study, "control")
    while visitor.page is not None and visitor.page.key.startswith("tasks"):
        work()
        look(visitor).send()
    visitor.go_to("debrief")
    rows = tidy(study).trials
    rows = rows[rows["participant"] == visitor.session.participant.code]
    wrong = int((~rows["ai_correct"].astype(bool)).sum())
    assert visitor.text.count("was wrong.</strong>") == wrong
    assert visitor.text.count("True answer:") == len(rows) == 4


@pytest.mark.django_db(transaction=True)
def test_erasure_takes_the_words_shown_and_the_words_of_the_call(model: Any) -> None:
    visitor = arrived(collecting(live()), "hedged")
    work()
    look(visitor).send()
    actions.withdraw(token=visitor.token, erase=True)
    assert not any(s.payload for s in visitor.session.submissions.all())
    assert not own(visitor).exists(), "the call no longer says whose it was"
    assert {call.text for call in Call.objects.filter(prompt={"erased": True})} == {""}


@pytest.mark.django_db(transaction=True)
def test_a_preview_shows_live_answers_outside_the_studys_record(model: Any) -> None:
    study = collecting(live())
    session = actions.preview(study=study, arm="control", language="en")
    visitor = Visitor(study)
    visitor.answer = visitor.client.get(f"/s/{session.token}/")
    visitor.go_to("tasks.")
    work()
    assert look(visitor).page.advice
    assert Call.objects.of_study(study.pk).count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_rehearsal_asks_whichever_model_is_configured(model: Any) -> None:
    from tests.study.advice.protocols import MODEL

    study = collecting(live(_model=MODEL | {"name": "some-service-2026-01-31"}), mode="rehearsal")
    arrived(study, "control")
    assert {call.model_asked for call in Call.objects.of_study(study.pk)} == {"heed-rehearsal-1"}
    real = collecting(live(_id="tiny-real", _model=MODEL | {"name": "some-service-2026-01-31"}))
    arrived(real, "control")
    assert {call.model_asked for call in Call.objects.of_study(real.pk)} == {"some-service-2026-01-31"}


@pytest.mark.django_db
def test_a_page_whose_call_is_missing_shows_the_fallback() -> None:
    visitor = arrived(collecting(live()), "control")
    Call.objects.all().delete()
    assert look(visitor).page.advice == LIVE["fallback"]
    assert visitor.send().page.key != ""


def test_the_purpose_has_its_handler() -> None:
    from study.advice.actions import ask_verdict

    assert calls._handler_of("study.advice") is ask_verdict
