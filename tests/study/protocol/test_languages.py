"""A protocol in two languages."""

from __future__ import annotations

from study.protocol import canonical, from_canonical, lint, read, stimulus
from tests.study.protocol.small import TEXT

BILINGUAL = (
    TEXT.replace(
        "title: A small study", "title: {en: A small study, de: Eine kleine Studie}\nlanguages: [en, de]"
    )
    .replace("text: Please agree.", "text: {en: Please agree., de: Bitte stimmen Sie zu.}")
    .replace(
        "    text: I'm not sure, but I would say that",
        "    text: {en: I would guess that, de: 'Ich vermute, dass'}",
    )
    .replace(
        'lead: "Yes,", body: "the first thing is so. [1]"',
        'lead: {en: "Yes,", de: "Ja,"}, body: {en: it is so., de: es ist so.}',
    )
)


def test_each_language_meets_its_own_words() -> None:
    protocol = read(BILINGUAL)
    consent = protocol.stages_by_id["consent"]
    assert protocol.say(consent.text, "de") == "Bitte stimmen Sie zu."
    hedged = protocol.arms_by_id["hedged"]
    item = protocol.items[0]
    assert stimulus(protocol, item, hedged, True, "de").text == "Ich vermute, dass es ist so."
    assert stimulus(protocol, item, hedged, False, "de").text == "Ja, es ist so."
    assert stimulus(protocol, item, hedged, True, "en").text == "I would guess that it is so."


def test_both_languages_are_frozen() -> None:
    protocol = read(BILINGUAL)
    assert from_canonical(canonical(protocol)) == protocol
    assert "Bitte stimmen Sie zu." in canonical(protocol).decode()


def test_the_linter_counts_texts_given_once_and_names_missing_ones() -> None:
    assert [f.code for f in lint(read(BILINGUAL))] == ["text-in-one-language"]
    missing = lint(read(BILINGUAL.replace(", de: Eine kleine Studie", "")))
    assert [(f.code, f.where) for f in missing if f.level == "warning"] == [("text-missing", "title")]
