"""From a document to a registered study and on through its states."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from study.assignment.models import Slot
from study.assignment.slots import rederive
from study.protocol import Protocol, ProtocolError, canonical, document, sha256
from study.registration import actions
from study.registration.audit import verify_audit
from study.registration.codes import code
from study.registration.errors import Refused, WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import AuditEntry, Registration, Study
from study.session.models import Session
from tests import factories
from tests.factories import SEED, changed, tiny

pytestmark = pytest.mark.django_db


def entry(study: Study, action: str) -> dict[str, Any]:
    return AuditEntry.objects.get(study=study, action=action).data


def without_stopping_rule() -> Protocol:
    return changed(tiny(), sample={"stopping": "", "until": ""})


# --- Loading


def test_a_file_becomes_a_draft_that_keeps_its_text() -> None:
    path = factories.PROTOCOLS / "tiny.yaml"
    study = actions.load(path, mode="real", owner=factories.user())
    assert (study.slug, study.state, study.title) == ("tiny", "draft", "A tiny study of advice")
    assert study.draft == document(tiny())
    assert study.source_text == path.read_text()
    assert entry(study, "loaded") == {"sha256": sha256(tiny()), "mode": "real"}


def test_a_draft_takes_a_new_document_under_the_same_slug() -> None:
    first = factories.draft()
    again = actions.load(changed(tiny(), title="Another title"), mode="real", owner=None)
    assert again.pk == first.pk
    assert again.title == "Another title"


def test_a_registered_study_keeps_its_slug_for_itself() -> None:
    factories.registered()
    assert factories.draft().slug == "tiny-2"
    with pytest.raises(Refused, match="choose another slug"):
        actions.load(tiny(), mode="real", owner=None, slug="tiny")


def test_pilots_and_rehearsals_have_slugs_of_their_own() -> None:
    assert [factories.draft(mode=mode).slug for mode in ("real", "pilot", "rehearsal")] == [
        "tiny",
        "tiny-pilot",
        "tiny-rehearsal",
    ]


def test_a_document_with_mistakes_is_not_loaded() -> None:
    with pytest.raises(ProtocolError):
        actions.load("heed: 1\ntitle: 3\n", mode="real", owner=None)
    assert not Study.objects.exists()


# --- Registering


def test_registering_freezes_the_canonical_bytes_and_their_hash() -> None:
    study = factories.registered()
    frozen = current(study)
    assert frozen.canonical.encode() == canonical(tiny())
    assert frozen.sha256 == hashlib.sha256(frozen.canonical.encode()).hexdigest()
    assert protocol_of(frozen.pk) == tiny()
    assert (study.state, study.places, frozen.version) == ("registered", 12, 1)


def test_registering_draws_the_schedule_from_the_committed_seed() -> None:
    study = factories.registered()
    assert Slot.objects.filter(study=study).count() == 12
    assert rederive(study) == []
    frozen = current(study)
    assert frozen.seed_commitment == hashlib.sha256(SEED.encode()).hexdigest()
    assert frozen.kept_commitment()


def test_a_seed_is_drawn_where_none_is_given() -> None:
    first, second = factories.draft(slug="one"), factories.draft(slug="two")
    for study in (first, second):
        actions.register(study=study, by=None)
    seeds = {current(study).seed for study in (first, second)}
    assert len(seeds) == 2
    assert all(len(seed) == 64 for seed in seeds)


@pytest.mark.parametrize("seed", ["404", "z" * 64, SEED[:-1]])
def test_a_seed_of_another_form_is_refused(seed: str) -> None:
    with pytest.raises(Refused, match="64 hexadecimal digits"):
        actions.register(study=factories.draft(), by=None, seed=seed)
    assert not Registration.objects.exists()


def test_the_linters_errors_stop_a_registration_and_leave_the_draft() -> None:
    study = factories.draft(without_stopping_rule())
    with pytest.raises(Refused) as refusal:
        actions.register(study=study, by=None)
    assert refusal.value.problems
    study.refresh_from_db()
    assert study.state == "draft"
    assert not Slot.objects.exists()


def test_a_study_is_registered_once() -> None:
    study = factories.registered()
    with pytest.raises(WrongState, match="needs it to be draft"):
        actions.register(study=study, by=None)
    assert Registration.objects.count() == 1


def test_power_never_simulated_is_said_and_a_simulation_is_kept() -> None:
    without, with_power = factories.draft(slug="one"), factories.draft(slug="two")
    actions.register(study=without, by=None)
    actions.register(study=with_power, by=None, power={"runs": 3, "h1": 0.5})
    assert "power-never-simulated" in entry(without, "registered")["findings"]
    assert "power-never-simulated" not in entry(with_power, "registered")["findings"]
    assert current(with_power).power == {"runs": 3, "h1": 0.5}


@pytest.mark.parametrize("mode", ["real", "pilot", "rehearsal"])
def test_every_mode_walks_the_same_line_and_is_marked(mode: str) -> None:
    study = factories.collecting(mode=mode)
    assert entry(study, "registered")["mode"] == mode
    assert Slot.objects.filter(study=study).count() == 12


def test_the_log_of_a_registration_names_hash_and_commitment_but_never_the_seed() -> None:
    study = factories.registered()
    data = entry(study, "registered")
    assert (data["sha256"], data["places"]) == (current(study).sha256, 12)
    assert SEED not in json.dumps(list(AuditEntry.objects.values_list("data", flat=True)))


# --- Two people


@pytest.fixture
def careful() -> Protocol:
    return changed(tiny(), two_people=True)


def test_where_two_people_are_asked_for_one_is_not_enough(careful: Protocol) -> None:
    study, ada = factories.draft(careful), factories.user("ada")
    for by, approved_by in [(ada, None), (None, ada), (ada, ada)]:
        with pytest.raises(Refused, match="two people"):
            actions.register(study=study, by=by, approved_by=approved_by)


def test_two_people_register_and_both_are_kept(careful: Protocol) -> None:
    study, ada, bob = factories.draft(careful), factories.user("ada"), factories.user("bob")
    frozen = actions.register(study=study, by=ada, approved_by=bob)
    assert (frozen.registered_by, frozen.approved_by) == (ada, bob)
    assert entry(study, "registered")["approved_by"] == "bob"


# --- States


def test_a_study_walks_through_its_states_and_every_step_is_logged() -> None:
    study = factories.collecting()
    actions.pause(study=study, by=factories.user(), reason="a question about item 2")
    actions.resume(study=study, by=None)
    actions.close(study=study, by=None)
    actions.archive(study=study, by=None)
    steps = ["loaded", "registered", "opened", "paused", "resumed", "closed", "sealed", "archived"]
    assert list(AuditEntry.objects.filter(study=study).values_list("action", flat=True)) == steps
    assert entry(study, "paused") == {
        "from": "collecting",
        "to": "paused",
        "reason": "a question about item 2",
    }
    assert AuditEntry.objects.get(action="paused").actor == "ada"
    assert study.opened_at is not None
    assert study.closed_at is not None
    assert verify_audit(study) == []


STATES = ["draft", "registered", "collecting", "paused", "closed", "archived"]
ALLOWED = {
    "open_study": {"registered"},
    "pause": {"collecting"},
    "resume": {"paused"},
    "close": {"collecting", "paused"},
    "archive": {"closed"},
}


def brought_to(state: str) -> Study:
    study = factories.draft() if state == "draft" else factories.registered()
    path = {
        "collecting": ["open_study"],
        "paused": ["open_study", "pause"],
        "closed": ["open_study", "close"],
        "archived": ["open_study", "close", "archive"],
    }
    for step in path.get(state, []):
        getattr(actions, step)(study=study, by=None)
    return study


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("move", list(ALLOWED))
def test_each_move_is_possible_from_its_states_only(move: str, state: str) -> None:
    study = brought_to(state)
    entries = AuditEntry.objects.count()
    if state in ALLOWED[move]:
        getattr(actions, move)(study=study, by=None)
        assert AuditEntry.objects.count() == entries + 1 + (move == "close")  # closing also seals
        return
    with pytest.raises(WrongState, match=f"'tiny' is {state}"):
        getattr(actions, move)(study=study, by=None)
    assert AuditEntry.objects.count() == entries


def test_two_copies_of_a_study_cannot_both_make_a_move() -> None:
    study = factories.registered()
    stale = Study.objects.get(pk=study.pk)
    actions.open_study(study=study, by=None)
    with pytest.raises(WrongState):
        actions.open_study(study=stale, by=None)


# --- The seed and the codes


def test_the_seed_is_revealed_only_after_closing() -> None:
    study = factories.collecting()
    with pytest.raises(WrongState, match="once it is closed"):
        current(study).revealed_seed()
    actions.close(study=study, by=None)
    assert current(study).revealed_seed() == SEED


def test_each_outcome_has_a_code_of_its_own_that_the_seed_decides() -> None:
    frozen = current(factories.registered())
    codes = {outcome: code(frozen, outcome) for outcome in Session.Outcome.values}
    assert len(set(codes.values())) == len(codes)
    assert all(len(value) == 8 and value.isalnum() and value.isupper() for value in codes.values())
    assert codes["complete"] == code(frozen, "complete")
    frozen.seed = "00" * 32
    assert code(frozen, "complete") != codes["complete"]


# --- Amending


def amended(study: Study, protocol: Protocol, reason: str = "A typo.", **also: Any) -> Registration:
    return actions.amend(study=study, protocol=protocol, reason=reason, by=None, **also)


def test_an_amendment_is_a_new_version_with_its_reason_and_difference() -> None:
    study = factories.collecting()
    second = amended(study, changed(tiny(), summary="Clearer words."))
    first = study.registrations.get(version=1)
    assert (second.version, second.reason) == (2, "A typo.")
    assert (second.seed, second.seed_commitment) == (first.seed, first.seed_commitment)
    assert [change["path"] for change in second.difference] == ["summary"]
    assert first.canonical.encode() == canonical(tiny())
    assert current(study) == second
    assert entry(study, "amended")["difference"] == second.difference


def test_a_larger_sample_adds_places_and_leaves_the_others() -> None:
    study = factories.collecting()
    before = list(Slot.objects.filter(study=study).order_by("number").values())
    amended(study, changed(tiny(), sample={"target": 30}))
    after = list(Slot.objects.filter(study=study).order_by("number").values())
    assert after[:12] == before
    assert len(after) == 30
    assert rederive(study) == []
    study.refresh_from_db()
    assert study.places == 30


def test_sessions_stay_under_the_version_they_began_with() -> None:
    study = factories.collecting()
    session = factories.session(study)
    amended(study, changed(tiny(), summary="Clearer words."))
    session.refresh_from_db()
    assert session.registration is not None
    assert session.registration.version == 1
    assert factories.session(study).registration == current(study)


def renamed_item() -> dict[str, Any]:
    items = document(tiny())["items"]
    items[0]["question"] = "Is the Moon smaller than Mercury?"
    return {"items": items}


def narrower_trials() -> dict[str, Any]:
    flow = document(tiny())["flow"]
    next(stage for stage in flow if stage["kind"] == "trials")["items"] = ["moon", "whale", "river"]
    return {"flow": flow}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"arms": document(tiny())["arms"][::-1]}, "'arms' cannot change"),
        (renamed_item(), "'items' cannot change"),
        ({"randomisation": {"repeats": 3}}, "'randomisation' cannot change"),
        (narrower_trials(), "Which items people meet cannot change"),
        ({"two_people": True}, "'two_people' cannot change"),
        ({"sample": {"target": 11}}, "cannot shrink"),
        ({}, "Nothing was changed"),
    ],
)
def test_what_the_schedule_rests_on_cannot_be_amended(parts: dict[str, Any], message: str) -> None:
    study = factories.registered()
    with pytest.raises(Refused, match=message):
        amended(study, changed(tiny(), **parts))
    assert study.registrations.count() == 1


def test_an_amendment_needs_a_reason() -> None:
    with pytest.raises(Refused, match="needs its reason"):
        amended(factories.registered(), changed(tiny(), summary="New."), reason="  ")


def test_an_amendment_passes_the_linter_too() -> None:
    with pytest.raises(Refused):
        amended(factories.registered(), without_stopping_rule())


@pytest.mark.parametrize("state", ["draft", "closed", "archived"])
def test_only_a_registered_study_that_is_not_closed_is_amended(state: str) -> None:
    with pytest.raises(WrongState, match=f"is {state}"):
        amended(brought_to(state), changed(tiny(), summary="New."))


def test_two_people_amend_where_the_protocol_asks_for_two(careful: Protocol) -> None:
    study, ada, bob = factories.draft(careful), factories.user("ada"), factories.user("bob")
    actions.register(study=study, by=ada, approved_by=bob)
    new = changed(careful, summary="New.")
    with pytest.raises(Refused, match="two people"):
        actions.amend(study=study, protocol=new, reason="Words.", by=ada)
    assert (
        actions.amend(study=study, protocol=new, reason="Words.", by=ada, approved_by=bob).approved_by == bob
    )


# --- Cost


def test_the_frozen_document_is_read_from_the_database_once(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    frozen = current(factories.registered())
    protocol_of.cache_clear()
    with django_assert_num_queries(1):
        assert protocol_of(frozen.pk) is protocol_of(frozen.pk)


def test_registering_costs_the_same_for_any_number_of_places(
    django_assert_max_num_queries: Any,
) -> None:
    study = factories.draft(changed(tiny(), sample={"target": 3000}))
    with django_assert_max_num_queries(20):
        actions.register(study=study, by=None)
    assert Slot.objects.filter(study=study).count() == 3000


def test_the_tiny_protocol_is_registered_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_text((factories.PROTOCOLS / "tiny.yaml").read_text())
    study = actions.load(path, mode="real", owner=None)
    assert actions.register(study=study, by=None).sha256 == sha256(tiny())
