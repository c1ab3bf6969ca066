"""A German study that leaves our own words where the protocol may have its own."""

from __future__ import annotations

import html

import pytest

from study.advice import prompts
from tests.factories import changed, collecting, tiny
from tests.study.session.visitor import Visitor


@pytest.mark.django_db
def test_words_that_the_protocol_leaves_to_us_are_german_for_people_and_for_the_model() -> None:
    content = changed(tiny(), languages=["de", "en"])
    visitor = Visitor(collecting(content))
    visitor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    visitor.open("?lang=de")
    assert "Ich habe diese Seite gelesen und nehme freiwillig teil." in html.unescape(visitor.text)
    visitor.go_to("tasks")
    assert "Was ist Ihre endgültige Antwort?" in html.unescape(visitor.text)
    assert "<span>Ja</span>" in visitor.text
    refused = html.unescape(visitor.send(answer=None).text)
    assert visitor.answer.status_code == 422
    assert "Bitte beantworten Sie diese Frage." in refused
    assert "<span>Nein</span>" in refused
    item = content.items[0]
    assert prompts.labels(content, item, "de") == {"yes": "Ja", "no": "Nein"}
    assert prompts.labels(content, item, "en") == {"yes": "Yes", "no": "No"}
    assert prompts.labels(content, item, "fr") == {"yes": "Yes", "no": "No"}
    assert prompts.opening("Nein, er ist kleiner.", prompts.labels(content, item, "de")) == "no"


@pytest.mark.django_db
def test_a_page_that_is_not_open_says_so_in_the_session_s_language() -> None:
    visitor = Visitor(collecting(changed(tiny(), languages=["de", "en"])))
    visitor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    visitor.open("?lang=de")
    visitor.post({**visitor.form(), "page": "elsewhere"})
    assert visitor.answer.status_code == 409
    assert "Diese Seite ist nicht offen." in visitor.text
