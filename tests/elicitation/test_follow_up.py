"""Being asked again: who is, what they see, that they answer once, and what the researcher makes of it."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core import signing
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.urls import reverse

from analysis import moral_graph
from analysis.moral_graph.criteria import criteria
from elicitation.followup import actions as again
from elicitation.followup.message import messages
from elicitation.followup.models import FollowUp
from elicitation.followup.shares import reasons, shares, survey
from elicitation.followup.standing import standing_of
from elicitation.models import Card
from elicitation.values import deciding
from elicitation.votes.table import votes_of
from study.panel.models import StudyRole
from study.protocol import document, from_canonical
from study.registration import actions
from study.registration.models import AuditEntry, Study
from study.session import actions as sessions
from study.session.models import Session
from tests import factories
from tests.elicitation.people import CARD, fill, offered, sincere, small, to_card, vote
from tests.factories import collecting
from tests.study.panel.test_browser import ada as ada
from tests.study.panel.test_browser import looked_at
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 4
STORIES = 3  # all there are of the case: everybody votes on every pair, whatever is drawn


def protocol() -> Any:
    content = document(small())
    stage = {one["id"]: one for one in content["flow"]}
    stage["card"]["follow_up"] = "ask"
    stage["stories"]["count"] = STORIES
    return from_canonical(content)


def walked(*, close: bool = True, people: int = PEOPLE) -> tuple[Study, list[Session]]:
    """Who completed: the third does not agree to be asked again, the fourth is erased. The first three cards are merged
    with the library's listening. Everybody finds the protocol's way of a story wiser, so that its edges stand."""
    study, found = collecting(protocol()), []
    for seed in range(people):
        visitor = to_card(Visitor(study, seed))
        visitor.send(**fill("card", again="no" if seed == 2 else "yes"))
        to_the_end(visitor)
        found.append(visitor.session)
    sessions.withdraw(token=found[3].token, erase=True)
    if close:
        finish(study, found)
    return study, [Session.objects.get(pk=one.pk) for one in found]


def to_the_end(visitor: Visitor) -> None:
    """From others' values on."""
    visitor.send(chosen=offered(visitor)[:2])
    for _ in range(STORIES):
        vote(visitor, sincere(visitor))


def finish(study: Study, found: list[Session]) -> None:
    own = Card.objects.filter(session__in=found[:3]).values_list("code", flat=True)
    deciding.join(study=study, cards=["listening", *own], by="ada", reason="One value.")
    actions.close(study=study, by=None)


def test_who_agreed_and_completed_is_asked_once_the_study_is_closed() -> None:
    study, found = walked(close=False)
    assert set(again.invited(study)) == set(found[:2])
    link = again.link_of(found[0])
    assert Client().get(link).status_code == 404, "people still vote"
    finish(study, found)
    assert Client().get(link).status_code == 200
    for session in found[2:]:
        assert Client().get(again.link_of(session)).status_code == 404
    for wrong in (
        link[:-3] + "x/",
        "/again/x/",
        "/again/" + signing.Signer(salt="other").sign(found[0].pk.hex) + "/",
    ):
        assert Client().get(wrong).status_code == 404


def test_the_card_its_value_and_its_place_are_shown_and_answered_once() -> None:
    study, found = walked()
    client, link = Client(), again.link_of(found[0])
    text = client.get(link).content.decode()
    assert CARD["title"] in text
    assert "Patient Listening" in text, "the library's card speaks for the value"
    assert "Yours and 2 other cards" not in text
    assert "3 other cards" in text
    shown = {"shown": standing_of(found[0]).mark}
    assert client.post(link, {"same": "maybe", **shown}).status_code == 422
    assert client.post(link, {"same": "yes", "shown": "0:other:"}).status_code == 409, (
        "a merge came in between"
    )
    assert not FollowUp.objects.exists()
    standing = standing_of(found[0])
    answers = {"same": "yes", "same_why": "It does.", **shown} | ({"fair": "no"} if standing.place else {})
    assert client.post(link, answers).status_code == 302
    assert client.post(link, {**answers, "same": "no"}).status_code == 200
    kept = FollowUp.objects.get()
    assert (kept.same, kept.value, kept.mapping) == ("yes", standing.value, standing.mapping)
    assert "Thank you" in client.get(link).content.decode()
    assert [(one.recipient, one.link) for one in again.waiting(study)] == [
        (found[1].participant.code, again.link_of(found[1]))
    ]


def test_the_place_is_that_of_the_graph_with_its_interval_and_neighbours() -> None:
    _study, found = walked(people=12)
    place = standing_of(found[0]).place
    assert place is not None
    graph = moral_graph.build(votes_of(found[0].study).votes, resamples=0)
    listed = dict(zip(graph.values["value"], graph.values["position"], strict=True))
    value = standing_of(found[0]).value
    assert place.position == listed[value]
    assert place.low <= place.position <= place.high <= place.of
    assert place.picture["left"] <= place.picture["dot"] <= place.picture["right"]
    edges = graph.edges
    assert len(place.below) == (edges["to_value"] == value).sum()
    text = Client().get(again.link_of(found[0])).content.decode()
    assert f"at place {place.position} of {place.of}" in text
    assert "Is its place fair?" in text


def test_who_withdraws_after_the_end_is_asked_no_more_and_what_they_answered_stays() -> None:
    study, found = walked()
    again.answer(session=found[0], standing=standing_of(found[0]), said={"same": "yes"})
    for session in found[:2]:
        sessions.withdraw(token=session.token, erase=False)
        assert Session.objects.get(pk=session.pk).outcome == Session.Outcome.COMPLETE
        assert Client().get(again.link_of(session)).status_code == 404
    assert not again.invited(study).exists()
    assert again.waiting(study) == []
    with pytest.raises(again.NotAsked):
        again.answer(session=found[1], standing=standing_of(found[1]), said={"same": "yes"})
    assert shares(study)[0].n == 1
    first = Session.objects.get(pk=found[0].pk).withdrawn_at
    sessions.withdraw(token=found[0].token, erase=False)
    assert Session.objects.get(pk=found[0].pk).withdrawn_at == first, "once is enough"


def test_many_who_click_at_once_wait_for_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is computed as it always is; here it is counted how often."""
    _study, found = walked()
    built, build = [], moral_graph.build

    def counted(*given: Any, **options: Any) -> Any:
        built.append(len(built))
        return build(*given, **options)

    monkeypatch.setattr(moral_graph, "build", counted)
    together = Barrier(6)

    def click(session: Session) -> int:
        try:
            together.wait()
            return Client().get(again.link_of(session)).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(click, [*found[:2]] * 3)) == {200}
    assert len(built) == 1


def test_the_page_says_what_was_said_to_an_older_mapping_and_why() -> None:
    study, found = walked()
    again.answer(
        session=found[0], standing=standing_of(found[0]),
        said={"same": "no", "same_why": "<script>mine</script> was about her."},
    )  # fmt: skip
    assert [(one.older, one.older_yes) for one in shares(study)] == [(0, 0), (0, 0)]
    codes = [one.code for one in Card.objects.filter(session=None).exclude(code="listening")[:2]]
    deciding.join(study=study, cards=codes, by="ada", reason="One value.")
    again.answer(session=found[1], standing=standing_of(found[1]), said={"same": "yes"})
    same = shares(study)[0]
    assert (same.present_yes, same.present, same.older_yes, same.older) == (1, 1, 0, 1)
    client = Client()
    client.force_login(factories.user("root", is_superuser=True))
    text = client.get(reverse("review:follow-up", args=[study.slug])).content.decode()
    assert "1 of 1 answered yes under the present mapping, 0 of 1 under an older one" in text
    assert "<b>No</b>: <q>&lt;script&gt;mine&lt;/script&gt; was about her.</q>" in text
    assert text.count("under an older mapping") == 1
    assert "not to be quoted" not in text
    sessions.withdraw(token=found[0].token, erase=True)
    assert "was about her" not in client.get(reverse("review:follow-up", args=[study.slug])).content.decode()


def test_words_of_whoever_did_not_share_their_card_are_marked() -> None:
    study = collecting(protocol())
    visitor = to_card(Visitor(study, 1))
    visitor.send(**fill("card", again="yes", share="no"))
    to_the_end(visitor)
    actions.close(study=study, by=None)
    session = visitor.session
    again.answer(session=session, standing=standing_of(session), said={"fair": "no", "fair_why": "Too low."})
    assert [(one.why, one.shared) for one in reasons(study)["Its place in the graph is fair"]] == [
        ("Too low.", False)
    ]
    analyst, stranger = Client(), Client()
    user = factories.user("grace")
    StudyRole.objects.create(study=study, user=user, role="analyst")
    analyst.force_login(user)
    page = reverse("review:follow-up", args=[study.slug])
    assert "not to be quoted" in analyst.get(page).content.decode()
    assert "Download messages" not in analyst.get(page).content.decode()
    stranger.force_login(factories.user("eve"))
    assert stranger.get(page).status_code == 404


def test_the_message_is_in_the_languages_of_the_study() -> None:
    content = document(small())
    held = from_canonical(content).model_copy(update={"languages": ["en", "de"]})
    english, german = messages(held)
    assert english.subject.startswith("What became of your card: ")
    assert german.subject != english.subject
    for one in (english, german):
        assert one.body.count("{link}") == 1
        assert one.to("https://example.org/again/x/").count("https://example.org/again/x/") == 1
        assert held.contact.email in one.body
        assert "\n" not in one.subject


def test_two_clicks_at_once_are_one_answer() -> None:
    _study, found = walked()
    standing = standing_of(found[0])

    def click(number: int) -> bool:
        try:
            return again.answer(
                session=found[0], standing=standing, said={"same": "yes" if number % 2 else "no"}
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(click, range(8)))
    assert sum(made) == 1
    assert FollowUp.objects.count() == 1


def test_who_is_erased_is_asked_no_more_and_their_answer_is_empty() -> None:
    study, found = walked()
    again.answer(session=found[0], standing=standing_of(found[0]), said={"same": "yes", "same_why": "Mine."})
    with pytest.raises(IntegrityError), transaction.atomic():
        FollowUp.objects.update(same="no")
    sessions.withdraw(token=found[0].token, erase=True)
    kept = FollowUp.objects.get()
    assert (kept.same, kept.same_why) == ("", "")
    assert Client().get(again.link_of(found[0])).status_code == 404
    assert [one.n for one in shares(study)] == [0, 0]


def test_a_card_that_was_not_shared_is_shown_to_nobody_else() -> None:
    study = collecting(protocol())
    found = []
    for seed, changes in enumerate([{"share": "no", "title": "Hidden Company"}, {"title": "Open Company"}]):
        visitor = to_card(Visitor(study, seed))
        visitor.send(**fill("card", again="yes", **changes))
        to_the_end(visitor)
        found.append(visitor.session)
    codes = list(Card.objects.filter(session__in=found).order_by("pk").values_list("code", flat=True))
    deciding.join(study=study, cards=codes, by="ada", reason="One value.")
    actions.close(study=study, by=None)
    text = Client().get(again.link_of(found[1])).content.decode()
    assert "Open Company" in text
    assert "Hidden" not in text
    assert "Open Company" in Client().get(again.link_of(found[0])).content.decode()


def test_the_shares_have_intervals_and_go_into_the_criteria() -> None:
    study, found = walked()
    for session, said in zip(found, ["yes", "unsure"], strict=False):
        again.answer(session=session, standing=standing_of(session), said={"same": said})
    same, fair = shares(study)
    assert (same.yes, same.unsure, same.n, same.share) == (1, 1, 2, 0.5)
    assert same.low == pytest.approx(0.0945, abs=1e-4), "Wilson by hand: z 1.96, 1 of 2"
    assert same.high == pytest.approx(0.9055, abs=1e-4)
    assert (fair.n, fair.share) == (0, None)
    table = criteria(votes_of(study).votes, survey=survey(study))
    row = table[table["measure"] == f"agree: {same.question}"].iloc[0]
    assert (row["value"], row["n"]) == (0.5, 2)
    out = StringIO()
    call_command("graph", study.slug, "--resamples", "0", "--criteria", stdout=out)
    assert f"legitimate: agree: {same.question}: 0.500 (0.095 to 0.905), n 2" in out.getvalue()
    assert "fine-grained: attention policies per card: 3.000" in out.getvalue()


@pytest.mark.parametrize(("role", "page", "file"), [
    ("owner", 200, 200), ("researcher", 200, 200), ("analyst", 200, 403), ("assistant", 403, 403), ("", 404, 404),
])  # fmt: skip
def test_the_links_are_taken_on_the_record_by_those_who_run_the_study(
    role: str, page: int, file: int
) -> None:
    study, found = walked()
    client, user = Client(), factories.user("grace")
    if role:
        StudyRole.objects.create(study=study, user=user, role=role)
    client.force_login(user)
    assert client.get(reverse("review:follow-up", args=[study.slug])).status_code == page
    answer = client.post(reverse("review:follow-up-links", args=[study.slug]))
    assert answer.status_code == file
    taken = AuditEntry.objects.filter(action="took the links of the follow-up").count()
    assert taken == (1 if file == 200 else 0)
    if file == 200:
        rows = list(csv.DictReader(answer.content.decode().splitlines()))
        assert {row["recipient_id"] for row in rows} == {one.participant.code for one in found[:2]}
        assert all(row["link"].startswith("http://testserver/again/") for row in rows)
        assert all(row["link"] in row["body"] and "{link}" not in row["body"] for row in rows)
        assert len({row["link"] for row in rows}) == 2


def test_both_pages_in_a_browser(ada: Any, axe: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    study, found = walked(people=12)
    said = {"same": "yes", "same_why": "It is what I meant.", "fair": "no", "fair_why": "I saw it work."}
    again.answer(session=found[1], standing=standing_of(found[1]), said=said)
    looked_at(ada, axe, f"/panel/studies/{study.slug}/follow-up/")
    link = again.link_of(found[0])
    looked_at(ada, axe, link)
    for name in ("same", "fair"):
        for control in ada.locator(f"input[name={name}][value=yes]").all():
            control.check()
    ada.get_by_role("button", name="Send").click()
    ada.get_by_text("Thank you. Your answer is kept").wait_for()
    assert axe(ada) == []
    assert FollowUp.objects.filter(session=found[0], same="yes").exists()
