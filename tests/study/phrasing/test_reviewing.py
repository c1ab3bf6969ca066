"""People decide, the document takes what they approved, and registration takes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from study.panel.actions import save_draft
from study.panel.documents import held
from study.phrasing import drafting, provenance, reviewing
from study.phrasing.models import Decision, Draft, Placement
from study.phrasing.working import work_off
from study.protocol import canonical, document, from_canonical, read
from study.protocol.stimulus import stimulus
from study.registration import actions
from study.registration.errors import Refused, WrongState
from study.registration.models import AuditEntry, Study
from tests import factories
from tests.concurrently import at_once
from tests.study.phrasing.drafted import KINDS, approve_all, drafted, newest, protocol

pytestmark = pytest.mark.django_db(transaction=True)


def put(study: Study, **options: Any) -> int:
    study.refresh_from_db()
    now = held(study)
    told = {"text": now.text, "seen": now.sha256, "by": factories.user("ada"), "save": save_draft}
    return reviewing.put(study=study, **told, **options)


def problems(study: Study) -> list[str]:
    study.refresh_from_db()
    return provenance.problems(study, from_canonical(study.draft))


def test_two_different_people_approve_where_the_protocol_asks_for_two(model: Any) -> None:
    study, ada, grace = drafted(approvals=2), factories.user("ada"), factories.user("grace")
    draft = newest(study, "moon", "no", "plain")
    reviewing.approve(draft=draft, by=ada)
    draft.refresh_from_db()
    assert draft.state == "open"
    with pytest.raises(Refused, match="another person"):
        reviewing.approve(draft=draft, by=ada)
    with pytest.raises(Refused, match="say who you are"):
        reviewing.approve(draft=draft, by=None)
    reviewing.approve(draft=draft, by=grace)
    draft.refresh_from_db()
    assert draft.state == "approved"
    assert [d.by for d in draft.approvers()] == [ada, grace]
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(draft=draft, by=ada, verdict="approve")


def test_one_person_at_forty_browsers_approves_once(model: Any) -> None:
    study = drafted(approvals=2)
    draft, ada = newest(study, "moon", "no", "plain"), factories.user("ada")
    found = at_once([lambda: reviewing.approve(draft=draft, by=ada) for _ in range(20)], threads=10)
    assert sum(isinstance(outcome, Draft) for outcome in found) == 1
    assert sum(isinstance(outcome, Refused) for outcome in found) == 19
    draft.refresh_from_db()
    assert (draft.state, Decision.objects.count()) == ("open", 1)


def test_an_approval_and_an_edit_at_the_same_moment_leave_no_approved_text_that_nobody_saw(
    model: Any,
) -> None:
    study, ada, grace = drafted(), factories.user("ada"), factories.user("grace")
    for stance in ("yes", "no"):
        draft = newest(study, "moon", stance, "general")
        text = f"It could be that {draft.plain.body}"
        at_once(
            [lambda d=draft: reviewing.approve(draft=d, by=ada)]
            + [lambda d=draft, t=text: drafting.edit(draft=d, text=t, by=grace)] * 3,
            threads=4,
        )
        versions = list(Draft.objects.filter(wording=draft.wording).order_by("number"))
        assert [v.number for v in versions] == [1, 2]
        assert versions[1].state == "open"
        assert not Decision.objects.filter(draft=versions[1]).exists()


def test_what_did_not_pass_or_is_not_the_newest_is_never_approved(model: Any) -> None:
    study, ada = drafted(), factories.user("ada")
    strong = newest(study, "moon", "no", "strengthened")
    bad = drafting.edit(draft=strong, text="No, Mars is certainly not the one that was asked about.", by=ada)
    with pytest.raises(Refused, match="newer version"):
        reviewing.approve(draft=strong, by=ada)
    with pytest.raises(Refused, match="checking"):
        reviewing.approve(draft=bad, by=ada)
    work_off(study)
    bad.refresh_from_db()
    with pytest.raises(Refused, match="refused: It claims something else"):
        reviewing.approve(draft=bad, by=ada)
    good = drafting.edit(draft=bad, text=strong.text.replace("No,", "No indeed,"), by=ada)
    work_off(study)
    reviewing.approve(draft=good, by=ada)
    good.refresh_from_db()
    assert good.state == "approved"
    with pytest.raises(Refused, match="Say why"):
        reviewing.reject(draft=good, reason=" ", by=ada)
    reviewing.reject(draft=good, reason="Too shrill.", by=ada)
    good.refresh_from_db()
    assert (good.state, good.reason) == ("rejected", "Too shrill.")


def test_approved_texts_go_into_the_document_and_the_rest_of_its_text_stays(model: Any) -> None:
    kinds = tuple(KINDS)
    study = factories.draft(protocol(kinds=kinds))
    text = held(study).text.replace("title: A tiny", "# A remark.\ntitle: A tiny")
    study = actions.load(text, slug=study.slug)
    drafting.ask(study=study, by=None)
    work_off(study)
    approve_all(study)
    assert put(study) == 12
    study.refresh_from_db()
    assert "# A remark." in study.source_text
    made = read(study.source_text)
    moon, strong = made.items_by_id["moon"], newest(study, "moon", "no", "strengthened")
    assert moon.advice and moon.advice.body == newest(study, "moon", "no", "plain").body
    arm = made.arms_by_id["hedged"]
    shown = {k: stimulus(made, moon, arm.model_copy(update={"phrasing": k}), hedged=True).text for k in kinds}
    assert shown["strengthened"] == strong.text
    assert shown["first-person"] == newest(study, "moon", "no", "first-person").text
    assert "60 %" in shown["numeric"]
    assert put(study) == 12
    assert Placement.objects.count() == 12
    assert AuditEntry.objects.filter(action="put approved texts into the document").count() == 2


def test_registration_refuses_a_drafted_text_that_is_not_approved_or_was_changed(model: Any) -> None:
    study = drafted()
    with pytest.raises(Refused, match="moon: the phrasing 'first-person' is to come from an approved draft"):
        actions.register(study=study, by=None, seed=factories.SEED)
    approve_all(study)
    put(study)
    assert problems(study) == []
    study.refresh_from_db()
    changed = document(from_canonical(study.draft))
    changed["items"][0]["advice"]["body"] += " Or so."
    study.draft = changed
    assert [p.split(":")[0] for p in provenance.problems(study, from_canonical(changed))] == ["moon", "moon"]
    changed = document(from_canonical(Study.objects.get().draft))
    changed["phrasings"][0]["items"]["whale"] = "I may be mistaken, but"
    assert len(provenance.problems(study, from_canonical(changed))) == 1
    changed = document(from_canonical(Study.objects.get().draft)) | {"approvals": 2}
    assert len(provenance.problems(study, from_canonical(changed))) == 4
    draft = newest(study, "whale", "yes", "first-person")
    reviewing.reject(draft=draft, reason="On second thoughts, no.", by=factories.user("grace"))
    assert problems(study) == [
        "whale: the phrasing 'first-person' is a drafted text (version 1) that is rejected."
    ]


def test_what_is_frozen_leads_back_to_its_calls(model: Any) -> None:
    study = drafted()
    approve_all(study)
    put(study)
    study.refresh_from_db()
    made = actions.register(study=study, by=None, seed=factories.SEED)
    for draft in Draft.objects.filter(placements__isnull=False):
        assert draft.phrase in made.canonical
        assert provenance.calls_behind(draft)
    rows = list(provenance.rows(study))
    assert {row["in_document"] for row in rows} == {True}
    assert all(row["call"] and row["decisions"] for row in rows)
    draft = newest(study, "moon", "no", "plain")
    for forbidden in [
        lambda: reviewing.approve(draft=draft, by=factories.user("grace")),
        lambda: reviewing.reject(draft=draft, reason="Late.", by=factories.user("grace")),
        lambda: drafting.edit(draft=draft, text="No, something else is so.", by=None),
        lambda: drafting.ask(study=study, by=None),
        lambda: put(study),
    ]:
        with pytest.raises(WrongState):
            forbidden()


def test_an_item_without_an_answer_takes_the_option_that_a_researcher_chooses(model: Any) -> None:
    content = document(protocol())
    content["items"][0]["advice"] = None
    study = factories.draft(from_canonical(content))
    drafting.ask(study=study, by=None)
    work_off(study)
    approve_all(study)
    assert put(study, answers={"moon": "yes"}) == 4
    study.refresh_from_db()
    moon = from_canonical(study.draft).items_by_id["moon"]
    assert moon.advice and (moon.advice.answer, moon.advice.lead) == ("yes", "Yes,")


def test_a_document_without_drafts_has_the_bytes_it_always_had() -> None:
    for name in (b'"approvals"', b'"drafted"', b'"answers":'):
        assert name not in canonical(factories.tiny())
