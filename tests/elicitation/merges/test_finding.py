"""Looking for values that are one with the rehearsal model: one check a pair, ever; a person decides, or `--accept`."""

from __future__ import annotations

import io
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from elicitation.models import MappingDecision, MergeProposal, mapping_of
from elicitation.runs import actions, tasks
from elicitation.runs.models import DeskRun
from elicitation.values import deciding, finding, rubric
from elicitation.values.finding import find
from elicitation.values.models import MergeState
from llm.models import Call
from study.registration.models import AuditEntry, Study
from study.waking import NO_QUEUE
from tests.elicitation.merges.pairs import HEARING, SHARES, SILENCE, WORDS, states, with_cards
from tests.llm.test_workers import _celery_uses as celery_uses

pytestmark = pytest.mark.django_db(transaction=True)


def checks() -> int:
    return Call.objects.filter(purpose=rubric.TEMPLATE).count()


def test_a_search_proposes_what_the_judge_calls_the_same_keeps_homonyms_apart_and_merges_nothing(
    model: Any,
) -> None:
    study, told = with_cards(WORDS, library=False), []
    done = find(study=study, by="ada", threshold=2.0, told=lambda n, total: told.append((n, total)))
    assert (done.cards, done.values, done.candidates, done.undecided) == (4, 4, 6, 0)
    assert done.checks == checks() == done.proposed + done.apart <= done.candidates
    assert (done.proposed, done.open, done.after) == (1, 1, 3)
    assert told == [(n, 6) for n in range(1, 7)]
    assert not MappingDecision.objects.exists()
    same = MergeProposal.objects.with_state(MergeState.OPEN).get()
    assert (same.first, same.second, set(same.answers.values())) == ("a", "b", {True})
    assert Call.objects.get(pk=same.call).data["reason"]
    apart = MergeProposal.objects.with_state(MergeState.APART).get(first="c", second="d")
    assert not all(apart.answers.values())
    assert AuditEntry.objects.filter(study=study, actor="ada", action="searched for merges").exists()


@pytest.mark.parametrize("decided", ["open", "accepted", "rejected", "split"])
def test_no_pair_is_asked_about_twice_whatever_was_decided_meanwhile(model: Any, decided: str) -> None:
    study = with_cards(WORDS, library=False)
    find(study=study, by="ada", threshold=2.0)
    asked = checks()
    if decided == "rejected":
        deciding.decide(study=study, number=1, state=MergeState.REJECTED, by="eve", reason="No.")
    elif decided != "open":
        deciding.decide(study=study, number=1, state=MergeState.ACCEPTED, by="eve")
    if decided == "split":
        deciding.split(study=study, cards=["b"], reason="No.", by="eve")
    before = states(study)
    again = find(study=study, by="ada", threshold=2.0)
    different = decided in ("rejected", "split")
    assert (again.proposed, again.checks) == (0, 2 if different else 0), (
        "b is by itself: it was never put beside c, d"
    )
    assert asked + again.checks == checks() == MergeProposal.objects.count() <= again.candidates + 1
    assert {number: state for number, state in states(study).items() if number in before} == before
    assert again.after == (4 if different else 3)
    assert find(study=study, by="ada", threshold=2.0).checks == 0


def test_what_two_members_were_told_apart_for_their_values_are_not_asked_about(model: Any) -> None:
    """b is one value with a; c was rejected for b: then a and c are known, too."""
    study = with_cards(
        {"a": ("A A", SILENCE), "b": ("B B", SILENCE[::-1]), "c": ("C C", [*SILENCE[1:], SILENCE[0]])},
        library=False,
    )
    find(study=study, by="ada", threshold=2.0)
    ends = {frozenset((one.first, one.second)): one.number for one in MergeProposal.objects.all()}
    deciding.decide(study=study, number=ends[frozenset("ab")], state=MergeState.ACCEPTED, by="ada")
    other = next(number for pair, number in ends.items() if "c" in pair)
    deciding.decide(study=study, number=other, state=MergeState.REJECTED, by="ada", reason="No.")
    asked = checks()
    done = find(study=study, by="ada", threshold=2.0)
    assert (done.values, done.after, done.checks, checks()) == (2, 2, 0, asked)


def test_a_pair_without_an_answer_is_counted_and_asked_again_by_the_next_search(model: Any) -> None:
    study = with_cards({"a": ("Plain Fairness", SHARES), "b": ("Fairness Plainly", HEARING)}, library=False)
    model.fault("badjson")
    done = find(study=study, by="ada", threshold=2.0)
    assert (done.checks, done.undecided, done.after) == (1, 1, 2)
    assert not MergeProposal.objects.exists()
    model.reset()
    done = find(study=study, by="ada", threshold=2.0)
    assert (done.checks, done.undecided, done.apart) == (1, 0, 1)


def test_pairs_that_do_not_touch_are_asked_about_together_and_kept_in_their_order(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pairs of twins: neither question is sent before both have come; one after the other would never end."""
    twins = {
        "a": ("A A", SILENCE),
        "b": ("B B", SILENCE[::-1]),
        "c": ("C C", SHARES),
        "d": ("D D", SHARES[::-1]),
    }
    study, both = with_cards(twins, library=False), Barrier(2)
    one_by_one = finding.ask

    def together(*given: Any, **options: Any) -> Any:
        both.wait(timeout=60)
        return one_by_one(*given, **options)

    monkeypatch.setattr(finding, "ask", together)
    done = find(study=study, by="ada", threshold=0.3)
    assert (done.candidates, done.checks, done.proposed, done.after) == (2, 2, 2, 2)
    kept = MergeProposal.objects.order_by("number")
    assert [one.number for one in kept] == [1, 2]
    assert [one.distance for one in kept] == sorted(one.distance for one in kept)
    assert {frozenset((one.first, one.second)) for one in kept} == {frozenset("ab"), frozenset("cd")}


@pytest.mark.parametrize(("concurrent", "places"), [(32, 8), (6, 3), (1, 1)])
def test_a_search_asks_no_more_at_once_than_batch_work_has_places(
    settings: Any, concurrent: int, places: int
) -> None:
    settings.HEED_LLM_CONCURRENT = concurrent
    study = with_cards(WORDS, library=False)
    assert finding._Judges(study, [], [], {}).places == places


def test_the_command_leaves_it_to_a_person_unless_it_is_told_to_accept(model: Any) -> None:
    study, out = with_cards(WORDS, library=False), io.StringIO()
    call_command("values", "merge", study.slug, threshold=2.0, stdout=out)
    assert "4 values, 3 if all is accepted; 6 candidate pairs" in out.getvalue()
    assert "1 to review" in out.getvalue()
    assert not MappingDecision.objects.exists()
    call_command("values", "reject", study.slug, number=1, reason="No.", stdout=out)
    call_command("values", "undo", study.slug, number=1, stdout=out)
    call_command("values", "merge", study.slug, threshold=2.0, accept=True, stdout=out)
    assert "1 accepted, 3 values." in out.getvalue()
    assert mapping_of(study.pk).members()["a"] == ("a", "b")
    call_command("values", "merge", study.slug, cards=["c", "d"], reason="Both are fair.", stdout=out)
    call_command("values", "split", study.slug, cards=["b"], reason="Not the same.", stdout=out)
    listed = io.StringIO()
    call_command("values", "list", study.slug, stdout=listed)
    assert "pair 1  rejected  a = b" in listed.getvalue()
    assert "version 3" in listed.getvalue()
    for action, given, said in (
        ("split", {"cards": ["a"], "reason": " "}, "reason"),
        ("split", {"cards": ["z"], "reason": "why"}, "no card z"),
        ("accept", {"number": 99}, "no pair 99"),
        ("merge", {"threshold": 3.0}, "between 0 and 2"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("values", action, study.slug, **given)


def searched(study: Study) -> DeskRun:
    run = actions.ask(study=study, kind=DeskRun.Kind.MERGES, by="ada", settings={"threshold": 2.0})
    tasks.search(run.pk)
    run.refresh_from_db()
    return run


def test_a_worker_searches_once_and_keeps_numbers_curve_and_figure(model: Any) -> None:
    study = with_cards(WORDS, library=False)
    run = searched(study)
    asked = checks()
    tasks.search(run.pk)
    assert checks() == asked
    assert (run.done, run.total, run.problem) == (6, 6, "")
    assert run.result is not None
    assert (run.result["values"], run.result["after"], run.result["threshold"]) == (4, 3, 2.0)
    assert [run.curve[0]["values"], run.curve[-1]["values"]] == [4, 3]
    assert list(run.figures) == ["values"]
    assert run.figures["values"].startswith("<?xml")


def test_an_outage_of_the_model_ends_the_search_with_a_sentence(model: Any) -> None:
    model.fault("status")
    run = searched(with_cards(WORDS, library=False))
    assert run.problem.startswith("The model gave no answer (")
    assert run.finished_at is not None
    assert run.result is None


def test_asking_twice_is_one_search_and_a_silent_worker_is_given_up(model: Any) -> None:
    study = with_cards(WORDS, library=False)
    one = actions.ask(study=study, kind="merges", by="ada")
    assert actions.ask(study=study, kind="merges", by="eve").pk == one.pk
    assert actions.ask(study=study, kind="upgrades", by="eve").pk != one.pk
    DeskRun.objects.filter(pk=one.pk).update(asked_at=one.asked_at - 2 * actions.SILENCE)
    other = actions.ask(study=study, kind="merges", by="ada")
    assert other.pk != one.pk
    one.refresh_from_db()
    assert "went silent" in one.problem
    tasks.search(one.pk)
    assert not MergeProposal.objects.exists()


def test_a_queue_that_does_not_answer_is_said_at_once_and_nothing_waits_for_it() -> None:
    study = with_cards(WORDS, library=False)
    with celery_uses("redis://127.0.0.1:1/0"):
        one = actions.ask(study=study, kind="merges", by="ada")
    one.refresh_from_db()
    assert one.problem == NO_QUEUE
    assert one.finished_at is not None
    assert actions.ask(study=study, kind="merges", by="ada").pk != one.pk
