"""The merge desk's pages: cards beside each other, decisions, the search with its progress, by hand, and the curves."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from elicitation.models import Card, MappingDecision, MergeDecision, mapping_of
from elicitation.runs import tasks
from elicitation.runs.models import DeskRun
from elicitation.values import deciding
from elicitation.values.models import MergeState
from study.registration import actions
from study.registration.models import Study
from tests.elicitation.crowd import crowd
from tests.elicitation.merges.pairs import WORDS, compared, states, with_cards
from tests.elicitation.people import to_values
from tests.elicitation.test_review import address, signed_in
from tests.study.panel.test_browser import looked_at
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the searches that a worker was told of."""
    found: list[int] = []
    monkeypatch.setattr(tasks.search, "apply_async", lambda args, **_: found.append(args[0]))
    return found


def text(client: Client, study: Study, name: str = "merges", query: str = "") -> str:
    answer = client.get(address(study, name) + query)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_both_cards_stand_beside_each_other_with_distance_answers_and_why_homonyms_are_kept_apart() -> None:
    study = with_cards({**WORDS, "e": (EVIL, ["SIGNS of it", "DOUBTS about it", "PEOPLE it touches"])})
    compared(study, "ab", distance=0.04321)
    compared(study, "cd", state=MergeState.APART)
    compared(study, "ae")
    client = signed_in(study)
    page = text(client, study)
    assert "cosine distance 0.043" in page
    assert page.count("SILENCES that want no filling") == 3
    assert "Yes</strong> Are both equally general?" in page
    assert "Kept apart:</strong> the same title means something else here. 5 of 5 answers are no" in page
    assert "Same title" in page
    assert EVIL not in client.get(address(study, "merges")).content.decode()
    assert "To review (2)" in page
    assert "Kept apart by the judge (1)" in page
    for query in ("?state=apart", "?pair=2"):
        shown = text(client, study, query=query)
        assert "Pair 2" in shown
        assert "Pair 1" not in shown


def test_a_page_of_pairs_and_one_of_decisions_take_a_fixed_number_of_queries(
    django_assert_max_num_queries: Any,
) -> None:
    study = with_cards("abcdefghijklm")
    client = signed_in(study)
    compared(study, "ab")
    compared(study, "ac", state=MergeState.APART)
    deciding.join(study=study, cards=["l", "m"], by="ada", reason="x")
    client.get(address(study, "merges"))
    for others in ("defghijk", ""):
        with django_assert_max_num_queries(18):
            client.get(address(study, "merges"))
        with django_assert_max_num_queries(12):
            client.get(address(study, "decisions"))
        with django_assert_max_num_queries(11):
            client.get(address(study, "by-hand"), {"q": "SILENCES"})
        for other in others:
            compared(study, f"b{other}")
            compared(study, f"c{other}", state=MergeState.APART)
            deciding.join(study=study, cards=["a", other], by="ada", reason="x")


def test_a_decision_leads_back_to_its_place_and_a_refusal_says_why() -> None:
    study = with_cards("abc")
    compared(study, "ab")
    client = signed_in(study)
    answer = client.post(address(study, "decide-merge", 1), {"do": "accept", "state": "open", "page": "1"})
    assert answer.headers["Location"].endswith("?state=open&page=1#text-1")
    again = client.post(address(study, "decide-merge", 1), {"do": "accept", "state": "open"}, follow=True)
    assert "Pair 1 is accepted" in again.content.decode()
    assert MappingDecision.objects.count() == 1
    page = text(client, study, query="?state=accepted")
    assert 'value="undo"' in page
    assert "one of 2 cards of “Card a”" in page
    client.post(address(study, "decide-merge", 1), {"do": "undo"})
    assert states(study) == {1: "open"}
    for wrong in ({"do": "eat"}, {"do": "reject", "reason": ""}):
        assert client.post(address(study, "decide-merge", 1), wrong).status_code == 302
    assert states(study) == {1: "open"}


def test_what_no_form_of_ours_sends_changes_nothing() -> None:
    study = with_cards("abc")
    compared(study, "ab")
    client = signed_in(study)
    huge = "9" * 40
    for name, args, form in [
        ("decide-merge", [10**30], {"do": "accept"}),
        ("accept-merges", [], {"pair": [huge, "-1", "²"], "sure": "yes", "page": huge, "state": EVIL}),
        ("split", [], {"card": "\x00", "reason": "x"}),
        ("split", [], {}),
        ("by-hand", [], {"do": "merge", "card": ["\x00", huge], "reason": "x", "q": "\x00"}),
        ("search-merges", [], {"threshold": "nan"}),
        ("search-merges", [], {"threshold": "1e999"}),
    ]:
        assert client.post(address(study, name, *args), form).status_code in (302, 409), (name, form)
    for query in ({"state": EVIL}, {"page": huge}, {"page": "-1"}):
        assert client.get(address(study, "merges"), query).status_code == 200
    assert client.get(address(study, "curve-figure", "result")).status_code == 404
    assert states(study) == {1: "open"}
    assert not MappingDecision.objects.exists()
    assert not DeskRun.objects.exists()
    client.post(address(study, "decide-merge", 1), {"do": "reject", "reason": "No\x00thing" + "!" * 9000})
    assert len(MergeDecision.objects.get(state="rejected").reason) == 2000


def test_what_is_shown_is_accepted_together_after_a_question() -> None:
    study = with_cards("abcdef")
    for ends in ("ab", "cd", "de"):
        compared(study, ends)
    compared(study, "ce", state=MergeState.REJECTED)
    client = signed_in(study)
    assert "Accept the 3 open pairs shown" in text(client, study, query="?state=open")
    given = {"pair": ["1", "2", "3", "x"], "state": "open", "page": "1"}
    asked = client.post(address(study, "accept-merges"), given)
    assert asked.status_code == 200
    assert "Accept 3 pairs?" in asked.content.decode()
    assert not MappingDecision.objects.exists()
    done = html.unescape(
        client.post(address(study, "accept-merges"), given | {"sure": "yes"}, follow=True).content.decode()
    )
    assert "2 pairs are merged." in done
    assert "Pair 3 was left: This would also join the cards of pair 4, which was rejected" in done
    assert states(study) == {1: "accepted", 2: "accepted", 3: "open", 4: "rejected"}


def test_a_search_is_started_in_the_panel_tells_how_far_it_is_and_what_came(
    model: Any, told: list[int]
) -> None:
    study = with_cards(WORDS)
    client = signed_in(study)
    for wrong in ("0", "3", "near"):
        shown = client.post(address(study, "search-merges"), {"threshold": wrong}, follow=True)
        assert "a number above 0" in shown.content.decode()
    client.post(address(study, "search-merges"), {"threshold": "2"})
    client.post(address(study, "search-merges"), {"threshold": "2"})
    assert len(told) == 1
    page = text(client, study)
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    DeskRun.objects.update(started_at=timezone.now(), done=2, total=6)
    part = text(client, study, "merges-progress")
    assert "2 of 6 pairs" in part
    assert "<header>" not in part
    DeskRun.objects.update(started_at=None)
    tasks.search(told[0])
    part = text(client, study, "merges-progress")
    assert "The search has ended." in part
    assert "hx-trigger" not in part
    page = text(client, study)
    after = 10 - list(states(study).values()).count("open")  # none of them closes a ring
    for said in ("<dd>10<small>when it was searched, of 10 cards", "<dd>45<small>within a distance of 2.0",
                 f"<dd>{after}<small>if everything open were accepted"):  # fmt: skip
        assert said in page, said
    DeskRun.objects.update(problem="The model gave no answer (refused): nobody there", result=None)
    assert "be finished; what it had found is kept.</p><p>The model gave no answer (refused)" in text(
        client, study
    )


def test_proposing_upgrades_tells_how_far_it_is_without_a_reload(model: Any, told: list[int]) -> None:
    study = with_cards("")
    client = signed_in(study)
    client.post(address(study, "propose"))
    assert 'hx-trigger="every 2s"' in text(client, study, "upgrades")
    DeskRun.objects.update(settings={"most": 1})
    tasks.search(told[0])
    part = text(client, study, "upgrades-progress")
    assert "The model has finished." in part
    assert "2 new pairs; 2 to review" in part
    page = text(client, study, "upgrades")
    assert "passed the check" in page
    assert "Yes</strong> It tells of something found, not of something given up or lost." in page


def test_values_are_found_by_words_chosen_across_searches_and_merged_with_a_reason() -> None:
    study = with_cards(WORDS)
    client = signed_in(study)
    page = text(client, study, "by-hand", "?q=equal%20counts")
    assert 'value="c"' in page
    assert 'value="d"' not in page
    searched = client.post(
        address(study, "by-hand"), {"do": "search", "q": "judges", "card": ["c"]}
    ).content.decode()
    assert 'value="c" checked' in searched
    assert 'value="d"' in searched
    refused = client.post(address(study, "by-hand"), {"do": "merge", "card": ["c", "d"], "q": ""})
    assert refused.status_code == 409
    assert "Say why" in refused.content.decode()
    assert not MappingDecision.objects.exists()
    client.post(address(study, "by-hand"), {"do": "merge", "card": ["c", "d"], "reason": "Both are fair."})
    assert mapping_of(study.pk).members()["c"] == ("c", "d")
    assert "pair 1: Both are fair." in text(client, study, "decisions")


def test_curves_show_numbers_of_values_before_and_ranks_only_after_the_end(
    model: Any, told: list[int], ada: Any, server: str, axe: Any
) -> None:
    study = crowd(8, 10, people=20, close=False)
    for near in ("v1", "v2"):
        deciding.join(study=study, cards=["v0", near], by="ada", reason="x")
    client = signed_in(study)
    client.defaults["SERVER_NAME"] = "localhost"
    assert "There is no finished search yet" in text(client, study, "curve")
    client.post(address(study, "search-merges"), {"threshold": "0.02"})
    tasks.search(told[0])
    page = text(client, study, "curve")
    assert "Ranks are outcomes" in page
    assert client.get(address(study, "curve-figure", "values")).content.startswith(b"<?xml")
    assert client.get(address(study, "curve-figure", "ranks")).status_code == 404
    actions.close(study=study, by=None)
    assert "No ranks were computed" in text(client, study, "curve")
    client.post(address(study, "search-merges"), {"threshold": "0.02"})
    tasks.search(told[1])
    page = text(client, study, "curve")
    assert "0.020 <span" in page
    assert "Rank (PageRank) with its 95 % interval" in page
    assert page.count("(0.") >= 5
    assert client.get(address(study, "curve-figure", "ranks")).status_code == 200
    looked_at(ada(study, client), axe, server + address(study, "curve"))


def test_own_cards_of_participants_say_how_many_values_there_may_be_with_their_intervals(
    model: Any, told: list[int]
) -> None:
    study = with_cards("")
    policies = ["DOORS that stand open", "HANDS that wave", "TABLES with a free chair"]
    for seed, title in enumerate(("Honest Company", "Kept Words", "Open Doors"), start=1):
        other = (
            {f"policy_{n}": f"{text} {seed}" for n, text in enumerate(policies, start=1)} if seed == 3 else {}
        )
        to_values(Visitor(study, seed), card={"title": title, **other})
    client = signed_in(study)
    client.post(address(study, "search-merges"), {"threshold": "0.5"})
    tasks.search(told[0])
    rows = DeskRun.objects.get().curve
    assert [rows[0]["own"], rows[-1]["own"]] == [3, 2]
    assert rows[-1]["richness_low"] <= rows[-1]["richness"] <= rows[-1]["richness_high"]
    assert rows[-1]["unseen"] == pytest.approx(1 / 3)
    page = text(client, study, "curve")
    assert "Expected in all (Chao2), 95 % interval" in page
    assert "0.333 (" in page


def test_an_assistant_sees_no_ranks(model: Any, told: list[int]) -> None:
    study = crowd(8, 10, people=20)
    run = DeskRun.objects.create(
        study=study, kind="merges", by="ada", finished_at=timezone.now(), result={"threshold": 0.3},
        curve=[{"threshold": 0.3, "values": 8, "ranks": [{"value": "v0", "title": "Secret", "rank": 0.1, "low": 0.1,
                "high": 0.2}]}],
        figures={"values": "<svg/>", "ranks": "<svg/>"},
    )  # fmt: skip
    assistant = signed_in(study, "assistant")
    assert "Secret" not in text(assistant, study, "curve")
    assert assistant.get(address(study, "curve-figure", "ranks")).status_code == 404
    assert assistant.get(address(study, "curve-figure", "values")).status_code == 200
    assert run.curve


@pytest.fixture
def ada(page: Any, server: str) -> Any:
    """Signs a study's owner in."""

    def sign(study: Study, client: Client | None = None) -> Any:
        client, name = client or signed_in(study), settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
        return page

    return sign


def test_by_keyboard_pairs_are_accepted_rejected_and_undone_and_every_page_is_accessible(
    ada: Any, server: str, axe: Any, model: Any, told: list[int]
) -> None:
    study = with_cards(WORDS)
    Card.objects.create(
        study=study, code="e", title="Unhurried Ears " + "very" * 12, description="A word " + "long" * 60,
        policies=["SILENCES that want no filling", "WORDS that come back"], digest="e",
    )  # fmt: skip
    page = ada(study)
    page.goto(server + address(study, "merges"))
    page.fill("#threshold", "2")
    with page.expect_navigation():
        page.click("text=Look for values that are one")
    tasks.search(told[0])
    page.wait_for_selector("text=The search has ended.")
    page.click("text=Show what is to review")
    page.wait_for_selector("[data-text]")
    numbers = [number for number, state in states(study).items() if state == "open"]
    assert len(numbers) >= 2
    for name, query in (("merges", ""), ("by-hand", "?q=words&card=c")):
        looked_at(page, axe, server + address(study, name) + query)
    page.goto(server + address(study, "merges") + "?state=open")
    with page.expect_navigation():
        page.click("text=open pairs shown")
    assert axe(page) == []
    assert page.url.endswith("/merges/accept/")
    page.goto(server + address(study, "merges") + "?state=open")
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("a")
    assert states(study)[numbers[0]] == "accepted"
    left = page.evaluate("document.activeElement.dataset.number")
    assert left == str(numbers[1]), "what is decided leaves the list, and the next pair has the focus"
    looked_at(page, axe, server + address(study, "decisions"))
    page.goto(server + address(study, "merges") + "?state=accepted")
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("u")
    assert states(study)[numbers[0]] == "open"
    page.goto(server + address(study, "merges") + "?state=open")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.type("Not at all.")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("text=is rejected")
    assert states(study)[numbers[0]] == "rejected"
    actions.close(study=study, by=None)
