"""Deciding about pairs: once, with a reason where one is needed, taken back exactly, and never against a person's word."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from elicitation.models import MappingDecision, MergeDecision, MergeProposal, mapping_of
from elicitation.values import deciding
from elicitation.values.models import MergeState
from llm.models import Call
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Study
from study.session import actions as sessions
from tests.concurrently import at_once
from tests.elicitation.merges.pairs import compared, states, with_cards
from tests.elicitation.people import to_values
from tests.elicitation.test_review import address, signed_in
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


def accept(study: Study, number: int, by: str = "ada", reason: str = "") -> None:
    deciding.decide(study=study, number=number, state=MergeState.ACCEPTED, by=by, reason=reason)


def reject(study: Study, number: int, reason: str = "Different.") -> None:
    deciding.decide(study=study, number=number, state=MergeState.REJECTED, by="eve", reason=reason)


def undo(study: Study, number: int) -> None:
    deciding.decide(study=study, number=number, state=MergeState.OPEN, by="ada")


def values(study: Study, of: str) -> str:
    """The value of each of these cards, as a word."""
    found = mapping_of(study.pk).values()
    return "".join(found.get(code, "-") for code in of)


def test_accepting_adds_one_decision_to_the_mapping_and_undoing_it_another() -> None:
    study = with_cards("abc")
    compared(study, "ab")
    accept(study, 1)
    assert values(study, "abc") == "aac"
    made = MappingDecision.objects.get(study=study)
    assert (made.kind, made.cards, made.by, made.number) == ("merge", ["a", "b"], "ada", 1)
    assert "distance 0.100" in made.reason
    undo(study, 1)
    assert values(study, "abc") == "abc"
    assert [one.kind for one in MappingDecision.objects.order_by("number")] == ["merge", "split"]
    assert mapping_of(study.pk).at(1).values()["b"] == "a"
    assert states(study) == {1: "open"}
    told = list(AuditEntry.objects.filter(study=study, actor="ada").values_list("action", flat=True))
    assert told == ["accepted a merge", "undid a merge"]


def test_of_eight_who_accept_at_once_one_does() -> None:
    study = with_cards("abc")
    compared(study, "ab")
    actions = [lambda name=f"p{n}": accept(study, 1, by=name) for n in range(8)]
    outcomes = at_once(actions, threads=8)
    assert outcomes.count(None) == 1
    refused = [one for one in outcomes if one is not None]
    assert all(isinstance(one, Refused) and "accepted" in str(one) for one in refused), refused
    assert MappingDecision.objects.count() == 1
    assert MergeDecision.objects.filter(state="accepted").count() == 1


def test_different_pairs_accepted_at_once_are_numbered_without_a_gap_and_none_is_lost() -> None:
    study = with_cards("abcdefgh")
    for ends in ("ab", "cd", "ef", "gh"):
        compared(study, ends)
    actions: list[Callable[[], None]] = [lambda n=n: accept(study, n) for n in (1, 2, 3, 4)]
    actions += [lambda: deciding.accept_all(study=study, by="eve") and None]
    assert not [
        one for one in at_once(actions, threads=5) if one is not None and not isinstance(one, Refused)
    ]
    assert values(study, "abcdefgh") == "aacceegg"
    assert sorted(MappingDecision.objects.values_list("number", flat=True)) == [1, 2, 3, 4]


def test_rejecting_needs_a_reason_and_what_is_decided_is_not_decided_again() -> None:
    study = with_cards("ab")
    compared(study, "ab")
    with pytest.raises(Refused, match="Say why"):
        reject(study, 1, " ")
    reject(study, 1)
    with pytest.raises(Refused, match="rejected: Different"):
        reject(study, 1)
    with pytest.raises(Refused, match="no pair 9"):
        accept(study, 9)
    undo(study, 1)
    assert states(study) == {1: "open"}
    with pytest.raises(Refused, match="to review"):
        undo(study, 1)


def test_a_pair_whose_cards_became_one_by_another_way_closes_itself_and_opens_again_when_that_is_undone() -> (
    None
):
    study = with_cards("abc")
    for ends in ("ab", "bc", "ac"):
        compared(study, ends)
    accept(study, 1)
    accept(study, 2)
    assert states(study) == {1: "accepted", 2: "accepted", 3: "closed"}
    last = MergeProposal.objects.with_state().get(number=3)
    assert last.reason == "its cards are one value since decision 2"
    with pytest.raises(Refused, match="closed by itself"):
        accept(study, 3)
    undo(study, 2)
    assert values(study, "abc") == "aac"
    assert states(study) == {1: "accepted", 2: "open", 3: "open"}
    accept(study, 3)
    undo(study, 1)
    assert values(study, "abc") == "aba"
    assert states(study) == {1: "open", 2: "open", 3: "accepted"}


def test_undoing_a_link_of_a_chain_takes_away_what_it_alone_held() -> None:
    study = with_cards("abcd")
    for ends in ("ab", "bc", "cd"):
        compared(study, ends)
    accept(study, 1)
    for link in (2, 3):
        with pytest.raises(Refused, match="the cards that name them were not judged the same"):
            accept(study, link)
        assert deciding.accept_all(study=study, by="ada", numbers=[link])[0] == 0
        accept(study, link, reason="I have read them all.")
    assert values(study, "abcd") == "aaaa"
    undo(study, 2)
    assert values(study, "abcd") == "aacc"


def test_what_a_person_rejected_is_joined_by_no_detour_and_what_the_judge_keeps_apart_only_with_a_reason() -> (
    None
):
    study = with_cards("abcd")
    compared(study, "ab")
    compared(study, "bc")
    compared(study, "ac", state=MergeState.REJECTED)
    accept(study, 1)
    with pytest.raises(Refused, match=r"pair 3, which was rejected"):
        accept(study, 2, reason="I want it.")
    compared(study, "bd")
    compared(study, "ad", state=MergeState.APART)
    with pytest.raises(Refused, match=r"pair 5, which the judge keeps apart: say why"):
        accept(study, 4)
    with pytest.raises(Refused, match="say why they are one value"):
        accept(study, 5)
    deciding.join(study=study, cards=["a", "d"], by="ada", reason="The judge is too strict.")
    with pytest.raises(Refused, match="Pair 5 is accepted"):
        accept(study, 5, reason="Again.")
    assert values(study, "abcd") == "aaca"
    undo(study, 5)
    assert states(study)[5] == "apart"


def test_what_is_one_value_already_is_not_merged_again() -> None:
    study = with_cards("abc")
    compared(study, "bc", state=MergeState.APART)
    deciding.join(study=study, cards=["a", "b"], by="ada", reason="x")
    deciding.join(study=study, cards=["a", "c"], by="ada", reason="x")
    assert values(study, "abc") == "aaa"
    with pytest.raises(Refused, match="one value already"):
        accept(study, 1, reason="Me too.")
    page = signed_in(study).get(address(study, "merges") + "?pair=1").content.decode()
    assert "Merge nevertheless" not in page


def test_accepting_all_leaves_what_would_go_against_somebodys_word_and_says_so() -> None:
    study = with_cards("abcde")
    for ends in ("ab", "bc", "de"):
        compared(study, ends)
    compared(study, "ac", state=MergeState.REJECTED)
    accepted, left = deciding.accept_all(study=study, by="ada")
    assert accepted == 2
    assert list(left) == [2]
    assert "pair 4" in left[2]
    accepted, left = deciding.accept_all(study=study, by="ada", numbers=[1])
    assert (accepted, list(left)) == (0, [1])


def test_what_the_rehearsal_model_judged_is_accepted_one_by_one_in_a_real_study() -> None:
    study = with_cards("ab", mode="real")
    compared(study, "ab", rehearsal=True)
    accepted, left = deciding.accept_all(study=study, by="ada")
    assert accepted == 0
    assert "rehearsal model" in left[1]
    accept(study, 1)
    assert values(study, "ab") == "aa"


def test_by_hand_two_values_become_one_with_a_reason_whatever_the_judge_said() -> None:
    study = with_cards("abc")
    with pytest.raises(Refused, match="Say why"):
        deciding.join(study=study, cards=["a", "c"], by="ada", reason=" ")
    with pytest.raises(Refused, match="no card z"):
        deciding.join(study=study, cards=["a", "z"], by="ada", reason="x")
    with pytest.raises(Refused, match="two values"):
        deciding.join(study=study, cards=["a"], by="ada", reason="x")
    assert deciding.join(study=study, cards=["c", "a"], by="ada", reason="Said otherwise.") == [1]
    pair = MergeProposal.objects.get()
    assert (pair.first, pair.second, pair.distance, pair.answers) == ("a", "c", None, {})
    assert values(study, "abc") == "aba"
    undo(study, 1)
    assert values(study, "abc") == "abc"
    assert states(study) == {1: "rejected"}


def test_a_split_rejects_the_pairs_that_it_takes_apart_in_the_same_words() -> None:
    study = with_cards("abc")
    for ends in ("ab", "bc", "ac"):
        compared(study, ends)
    deciding.accept_all(study=study, by="ada")
    assert states(study) == {1: "accepted", 2: "accepted", 3: "closed"}
    deciding.split(study=study, cards=["c"], reason="A homonym.", by="eve")
    assert states(study) == {1: "accepted", 2: "rejected", 3: "rejected"}
    assert MergeProposal.objects.with_state().get(number=2).reason == "A homonym."
    for cards, reason, said in (
        (["a"], " ", "reason"),
        (["z"], "why", "no card z"),
        ([], "why", "needs cards"),
    ):
        with pytest.raises(Refused, match=said):
            deciding.split(study=study, cards=cards, reason=reason, by="eve")


def test_erasing_a_card_closes_its_open_pairs_keeps_the_others_joined_and_blanks_what_quoted_it(
    model: Any,
) -> None:
    from elicitation.values.finding import find

    study = with_cards("")
    visitors = [to_values(Visitor(study, seed)) for seed in (1, 2, 3)]
    find(study=study, by="ada", threshold=0.01)
    own = [visitor.session.values_cards.get().code for visitor in visitors]
    assert set(states(study).values()) == {"open"}
    before = len(states(study))
    assert before == 2
    accept(study, 1)
    text = visitors[1].session.values_cards.get().title
    sessions.withdraw(token=visitors[2].session.token, erase=True)
    pairs = MergeProposal.objects.filter(study=study).with_state()
    closed = [one for one in pairs if own[2] in (one.first, one.second)]
    assert [one.state for one in closed] == ["closed"]
    assert closed[0].reason == "a card of it was erased"
    quoting = Call.objects.filter(pk=closed[0].call).get()
    assert quoting.prompt == {"erased": True}
    assert quoting.data is None
    assert not [c for c in Call.objects.filter(kind=Call.Kind.EMBEDDING) if text in str(c.prompt)]
    assert own[2] not in mapping_of(study.pk).values()
    sessions.withdraw(token=visitors[0].session.token, erase=True)
    assert mapping_of(study.pk).values()[own[1]] == own[1]


def test_what_an_erased_card_joined_stays_joined() -> None:
    study = with_cards("")
    visitors = [to_values(Visitor(study, seed)) for seed in (1, 2, 3)]
    codes = [visitor.session.values_cards.get().code for visitor in visitors]
    for ends in ([codes[0], codes[1]], [codes[1], codes[2]]):
        deciding.join(study=study, cards=ends, by="ada", reason="One.")
    sessions.withdraw(token=visitors[1].session.token, erase=True)
    assert {code: value for code, value in mapping_of(study.pk).values().items() if code in codes} == {
        codes[0]: codes[0],
        codes[2]: codes[0],
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_people_do_pairs_and_mapping_agree(seed: int) -> None:
    """Accepted and closed pairs are one value; open, rejected and kept-apart ones are two, unless a merge of others was
    given a reason."""
    rng, cards = random.Random(seed), "abcdef"
    study = with_cards(cards)
    for ends in rng.sample(list(itertools.combinations(cards, 2)), 9):
        compared(study, "".join(ends), state=rng.choice(["open", "open", "open", "apart"]))
    moves: list[Callable[[int], Any]] = [
        lambda n: accept(study, n),
        lambda n: accept(study, n),
        lambda n: accept(study, n, reason="So it is."),
        lambda n: reject(study, n),
        lambda n: undo(study, n),
        lambda n: deciding.split(study=study, cards=rng.sample(cards, 1), by="eve", reason="Out."),
        lambda n: deciding.join(study=study, cards=rng.sample(cards, 2), by="eve", reason="In."),
        lambda n: deciding.accept_all(study=study, by="eve"),
    ]
    done = 0
    for _ in range(40):
        with contextlib.suppress(Refused):
            rng.choice(moves)(rng.randint(1, MergeProposal.objects.count()))
            done += 1
        value = mapping_of(study.pk).values()
        for pair in MergeProposal.objects.with_state():
            one = value[pair.first] == value[pair.second]
            assert pair.state == "apart" or one is (pair.state in ("accepted", "closed")), (pair, pair.state)
    assert done > 15


def test_pairs_and_decisions_about_them_cannot_be_changed_deleted_or_stored_twice() -> None:
    study = with_cards("ab")
    pair = compared(study, "ab")
    for change in (
        lambda: MergeProposal.objects.update(distance=0.5),
        lambda: MergeProposal.objects.filter(pk=pair.pk).delete(),
        lambda: MergeDecision.objects.update(state="accepted"),
        lambda: MergeDecision.objects.all().delete(),
        lambda: compared(study, "ba"),
        lambda: compared(study, "aa"),
        lambda: MergeDecision.objects.create(proposal=pair, number=1, state="accepted", by="eve"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
