"""A German elicitation: whatever the browser's language, no page says a word of ours in English."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from elicitation.followup import actions as again
from elicitation.followup.standing import standing_of
from elicitation.models import Card
from elicitation.values import deciding
from study.protocol import Protocol, document, from_canonical
from study.registration import actions
from study.registration.models import Study
from tests.elicitation.people import fill, offered, small, vote
from tests.elicitation.test_interview import ANSWERS, fail, look, say, talking, work
from tests.factories import changed, collecting
from tests.german import catalogue
from tests.study.session.visitor import Visitor

SHORTEST = 12  # letters: shorter texts of ours are words that a protocol may use too


@pytest.fixture(scope="module")
def ours() -> dict[str, str]:
    """Our texts that differ in German, as they stand on a page: values in them stand for anything."""
    pairs = [(key[0] if isinstance(key, tuple) else key, said) for key, said in catalogue().items()]
    return {text: said for text, said in pairs if len(text) >= SHORTEST and text != said}


def german(content: Protocol) -> Protocol:
    """For people who read German first; the protocol's own titles are none of our words."""
    flow = [{**stage.model_dump(mode="json"), "title": stage.id} for stage in content.flow]
    return changed(content, languages=["de", "en"], flow=flow)


def arrived(content: Protocol) -> Visitor:
    """Somebody whose browser asks for English and whose link says German."""
    visitor = Visitor(collecting(german(content)))
    visitor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return visitor.open("?lang=de")


def english(text: str, ours: dict[str, str]) -> list[str]:
    """Our texts that a page still says in English."""
    shown = " ".join(html.unescape(text).split())
    return [one for one in ours if re.search(as_shown(one), shown)]


def as_shown(text: str) -> str:
    """A pattern for a text with any values in it."""
    parts = re.split(r"%\(\w+\)s|\{\w+\}", text.replace("%%", "%"))
    return r".{1,80}?".join(re.escape(part) for part in parts)


@pytest.mark.django_db
def test_from_the_consent_to_the_last_page_every_word_of_ours_is_german(ours: dict[str, str]) -> None:
    visitor = arrived(small())
    read = [visitor.text]
    visitor.go_to("card")
    for part in ("case", "story", "attention", "policies", "words", "card"):
        read += [visitor.text, visitor.send(**dict.fromkeys(fill(part), "")).text]
        assert visitor.answer.status_code == 422
        visitor.send(**fill(part))
    read.append(visitor.text)
    read.append(visitor.send(chosen=[]).text)
    read.append(visitor.send(chosen=offered(visitor)[:1]).text)
    visitor.send(chosen=offered(visitor)[:2])
    for verdict in ("", "wiser", "unsure"):
        read.append(visitor.text)
        vote(visitor, verdict)
    assert visitor.session.outcome == "complete"
    read += [
        visitor.text,
        *(visitor.client.get(f"{visitor.address}{page}").content.decode() for page in ("data", "withdraw")),
    ]
    assert [english(text, ours) for text in read] == [[]] * len(read)
    for said in ("Ist diese Person weiser geworden?", "Bitte wählen Sie mindestens 2.", "Geschichte 1 von 2"):
        assert any(said in html.unescape(text) for text in read), said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "Nähe"}, "Ein Titel hat 2 bis 6 Wörter."),
        ({"policy_3": "STILLE"}, "„STILLE“ sollte in Großbuchstaben"),
        ({"policy_3": ""}, "Bitte beantworten Sie diese Frage."),
        ({"decision": ""}, "Spricht die Karte für Sie?"),
    ],
)
def test_a_refused_card_says_why_in_german(ours: dict[str, str], changes: dict[str, str], said: str) -> None:
    visitor = arrived(small()).go_to("card")
    for part in ("case", "story", "attention", "policies", "words"):
        visitor.send(**fill(part))
    visitor.send(**fill("card", **changes))
    assert visitor.answer.status_code == 422
    assert said in html.unescape(visitor.text)
    assert english(visitor.text, ours) == []


@pytest.mark.django_db(transaction=True)
def test_a_conversation_and_its_failure_are_german(ours: dict[str, str], model: Any) -> None:
    visitor = arrived(talking()).go_to("card")
    visitor.send(**fill("case"))
    read = [visitor.text, visitor.send(message="", leave=None).text]
    for text in ANSWERS:
        say(visitor, text)
        work()
        read.append(look(visitor))
    say(visitor, "Noch etwas.")
    fail()
    assert "Im Augenblick kommt keine Antwort." in look(visitor)
    read += [visitor.text, visitor.send(message="", leave="card").text]
    assert "Das ist Ihre Wertekarte." in read[-1]
    assert [english(text, ours) for text in read] == [[]] * len(read)


@pytest.mark.django_db
def test_the_graph_of_a_closed_study_is_explained_in_german(ours: dict[str, str]) -> None:
    visitor = arrived(small()).go_to("card")
    for part in ("case", "story", "attention", "policies", "words", "card"):
        visitor.send(**fill(part))
    visitor.send(chosen=offered(visitor)[:2])
    vote(visitor)
    vote(visitor, "unsure")
    Study.objects.update(state=Study.State.CLOSED)
    visitor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    slug = visitor.study.slug
    pages = [
        visitor.client.get(reverse(f"graphs:{name}", args=[slug]))
        for name in ("explorer", "tables", "criteria")
    ]
    assert [answer.status_code for answer in pages] == [200] * 3
    addresses = set(re.findall(r'href="(/[^"]*/(?:value|pair)/[^"]*)"', pages[1].content.decode()))
    assert addresses
    pages += [visitor.client.get(html.unescape(address)) for address in addresses]
    assert [english(answer.content.decode(), ours) for answer in pages] == [[]] * len(pages)
    assert (
        visitor.client.get(reverse("graphs:download", args=[slug, "graph.svg"]))
        .content.decode()
        .count("Rang")
        == 0
    )


@pytest.mark.django_db(transaction=True)
def test_who_comes_back_is_asked_in_german(ours: dict[str, str]) -> None:
    content = document(small())
    next(stage for stage in content["flow"] if stage["kind"] == "values-card")["follow_up"] = "ask"
    visitor = arrived(from_canonical(content)).go_to("card")
    for part in ("case", "story", "attention", "policies", "words"):
        visitor.send(**fill(part))
    assert "was aus Ihrer Karte geworden ist" in visitor.text
    vote(vote(visitor.send(**fill("card", again="yes")).send(chosen=offered(visitor)[:2])))
    own = Card.objects.get(session=visitor.session)
    deciding.join(study=visitor.study, cards=["listening", own.code], by="ada", reason="One value.")
    actions.close(study=visitor.study, by=None)
    link, browser = again.link_of(visitor.session), Client(headers={"accept-language": "en"})
    shown = {"shown": standing_of(visitor.session).mark}
    read = [browser.get(link), browser.post(link, shown), browser.post(link, {"same": "yes"})]
    assert [answer.status_code for answer in read] == [200, 422, 409]
    assert "Sagt diese Karte noch, was Ihre sagt?" in read[0].content.decode()
    answers = {**shown, "same": "yes", "same_why": "", "fair": "unsure", "fair_why": ""}
    read.append(browser.post(link, answers, follow=True))
    assert "Vielen Dank. Ihre Antwort wird" in read[-1].content.decode()
    assert [english(answer.content.decode(), ours) for answer in read] == [[]] * len(read)


def test_english_left_on_a_page_is_found(ours: dict[str, str]) -> None:
    assert english("<p>Please choose at\n least 2.</p><b>Story 1 of 2</b>", ours) == [
        "Please choose at least %(number)s.", "Story %(number)s of %(total)s",
    ]  # fmt: skip
