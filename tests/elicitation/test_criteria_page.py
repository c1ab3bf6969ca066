"""The six criteria on a page: in words, with intervals and counts, for whoever may see the graph."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analysis.moral_graph import criteria_again
from elicitation.explorer.criteria import CRITERIA, FEWEST, _computed, _said
from elicitation.votes.criteria import criteria_of, evidence_of, statements
from study.evidence import bundle, reproduce
from study.panel.models import StudyRole
from study.protocol import document, from_canonical, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.session.models import Submission
from tests import factories
from tests.elicitation.crowd import START, crowd
from tests.elicitation.people import small, to_stories, vote
from tests.factories import collecting
from tests.study.panel.test_browser import looked_at
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


def public() -> Study:
    """A closed study of 48 people whose graph everybody may see; 24 of them said at the end how it was."""
    content = document(read(shipped()["moral-graph"]))
    next(stage for stage in content["flow"] if stage["kind"] == "compare-values")["public"] = True
    study = crowd(12, 20, people=48, protocol=from_canonical(content))
    said = [
        Submission(session=session, number=2, page="exit", payload={"respect": str(1 + number % 5)},
                   commitment="", link="", shown_at=START, received_at=START)
        for number, session in enumerate(study.sessions.order_by("pk")[:24])
    ]  # fmt: skip
    Submission.objects.bulk_create(said)
    return study


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_everybody_reads_six_criteria_in_words_with_intervals_and_counts() -> None:
    study = public()
    text = text_of(Client().get(reverse("graphs:criteria", args=[study.slug])))
    for label, words in CRITERIA.values():
        assert f"{label} {words}" in text
    table = criteria_of(study, read(shipped()["moral-graph"])).set_index("measure")
    respect = table.loc["agree: I have more respect now for people who see the question differently."]
    assert respect["n"] == 24
    assert f"{respect['value']:.1%}".replace("%", " %") in text
    assert f"{100 * respect['low']:.1f} – {100 * respect['high']:.1f} %" in text
    assert f"{table.loc['contexts per edge', 'value']:.2f}" in text
    assert "range over 20 random halves, no interval" in text
    assert "no participant has a card" in text


def test_notes_are_said_in_the_readers_words() -> None:
    assert _said("2 more would make “Mercy” the winner") == "2 more would put “Mercy” first"
    assert _said("something new") == "something new"


def test_what_the_protocol_does_not_ask_or_nobody_answered_is_said() -> None:
    study = public()
    text = text_of(Client().get(reverse("graphs:criteria", args=[study.slug])))
    assert (
        "Its place in the graph is fair Of the people who were asked again after the study. nobody answered"
        in text
    )
    content = document(read(shipped()["moral-graph"]))
    next(stage for stage in content["flow"] if stage["kind"] == "values-card").pop("follow_up")
    other = crowd(6, 8, people=16, protocol=from_canonical({**content, "id": "unasked"}))
    table = criteria_of(other, from_canonical(content)).set_index("measure")
    assert table.loc["agree: Its place in the graph is fair", "note"] == "not asked"
    assert (
        table.loc["attention policies per card", "value"] != table.loc["attention policies per card", "value"]
    )


def test_what_people_said_is_split_by_an_answer_and_small_groups_are_held_back() -> None:
    study = public()
    address = reverse("graphs:criteria", args=[study.slug])
    text = text_of(Client().get(address, {"by": "leaning"}))
    assert f"Groups of fewer than {FEWEST} people are not shown." in text
    assert "Left of the centre" in text
    few = Submission.objects.filter(session__study=study, page="crowd", payload__leaning="left")
    people = evidence_of(study, read(shipped()["moral-graph"])).said["participant"]
    said = few.filter(session__participant__code__in=people)
    for row in said[: said.count() - FEWEST + 1]:
        row.session.erased_at = START
        row.session.save(update_fields=["erased_at"])
    assert "fewer than 5 people: not shown" in text_of(Client().get(address, {"by": "leaning"}))
    assert Client().get(address, {"by": "no-such-question"}).status_code == 200


def test_it_is_computed_once_until_something_changes() -> None:
    study = public()
    address = reverse("graphs:criteria", args=[study.slug])
    _computed.cache_clear()
    for _ in range(3):
        Client().get(address)
    assert (_computed.cache_info().misses, _computed.cache_info().hits) == (1, 2)
    study.sessions.update(erased_at=START)
    Client().get(address)
    assert _computed.cache_info().misses == 2


def test_only_who_may_see_the_graph_sees_them_and_not_before_the_end() -> None:
    study = collecting(read(shipped()["moral-graph"]))
    address = reverse("graphs:criteria", args=[study.slug])
    assert Client().get(address).status_code in (302, 404)
    for role, status in (("analyst", 403), ("assistant", 403)):
        client, user = Client(), factories.user(f"u-{role}")
        StudyRole.objects.create(study=study, user=user, role=role)
        client.force_login(user)
        answer = client.get(address)
        assert answer.status_code == status
        assert ("once the study is closed" in text_of(answer)) is (role == "analyst")
    Study.objects.update(state=Study.State.CLOSED)
    client, user = Client(), factories.user("u-late")
    StudyRole.objects.create(study=study, user=user, role="analyst")
    client.force_login(user)
    assert "There are no votes yet." in text_of(client.get(address))
    assert address in client.get(reverse("review:upgrades", args=[study.slug])).content.decode()


def test_the_statements_are_those_asked_after_the_stories() -> None:
    protocol = read(shipped()["moral-graph"])
    assert [one.column for one in statements(protocol)] == [item.id for item in protocol.scales[0].items]
    assert {one.above for one in statements(protocol)} == {3.0}


def test_the_table_is_read_at_every_width_and_axe_finds_nothing(
    page: Any, server: str, settings: Any, axe: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    study = public()
    looked_at(page, axe, f"{server}{reverse('graphs:criteria', args=[study.slug])}?by=leaning")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{server}{reverse('graphs:explorer', args=[study.slug])}")
    page.click("text=six criteria")
    page.wait_for_selector("text=Held-out answers")


def test_the_bundle_tells_the_same_numbers_and_its_tables_give_them_again(tmp_path: Path) -> None:
    study = collecting(small())
    for seed, verdict in enumerate(("wiser", "wiser", "not_wiser", "unsure"), start=1):
        visitor = to_stories(Visitor(study, seed))
        vote(vote(visitor, verdict, "Because." if seed == 1 else ""), "wiser")
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / study.slug, execute=False)
    reported = json.loads((made.folder / "results" / "six_criteria.json").read_text())
    rows = {row["measure"]: row for row in reported["rows"]}
    table = criteria_of(study, small()).set_index("measure")
    for measure, row in rows.items():
        assert row["value"] == pytest.approx(table.loc[measure, "value"], nan_ok=True) or row["value"] is None
    assert rows["share of contexts that occur in several cases"]["value"] == 0.0
    assert rows["attention policies per card"]["value"] == 3.0

    def load(name: str) -> Any:
        return reproduce.load(made.folder, [name])[name]

    found = criteria_again.again(load, reported)
    assert list(criteria_again.differences(found, reported)) == []
    rows["share of contexts that occur in several cases"]["value"] = 0.5
    assert len(list(criteria_again.differences(found, reported))) == 1
