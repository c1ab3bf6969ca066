"""The arm changes only the phrase: everything else a participant reads is the same, byte for byte."""

from __future__ import annotations

import pytest

from study.protocol import Protocol, document, from_canonical, read, shipped, stimulus
from study.protocol.types import Phrasing
from tests.study.protocol.small import small, with_parts

SHIPPED = {name: read(path) for name, path in shipped().items()}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_body_is_byte_identical_in_every_arm(name: str) -> None:
    protocol = SHIPPED[name]
    arms = [arm for arm in protocol.arms if arm.advice]
    for item in protocol.items:
        shown = [stimulus(protocol, item, arm, hedged) for arm in arms for hedged in (False, True)]
        body = protocol.say(item.advice.body) if item.advice else ""
        assert {one.body.encode() for one in shown} == {body.encode()}
        assert all(one.text.encode().endswith(body.encode()) for one in shown)
        assert len({one.text for one in shown if one.phrase == ""}) == 1, "unhedged is the same in all arms"


def test_a_prefix_takes_the_place_of_the_lead() -> None:
    protocol = small()
    plain, hedged = (
        stimulus(protocol, protocol.items[1], protocol.arms[1], hedged) for hedged in (False, True)
    )
    assert plain.text == "No, the second thing is not so."
    assert hedged.text == "I'm not sure, but I would say that the second thing is not so."
    assert (plain.phrasing_id, hedged.phrasing_id) == ("plain", "first")
    assert plain.sha256 != hedged.sha256


def test_no_answer_is_shown_without_an_ai() -> None:
    protocol = SHIPPED["uncertainty-reliance"]
    with pytest.raises(ValueError, match="shows no AI answer"):
        stimulus(protocol, protocol.items[0], protocol.arms_by_id["no-ai"], hedged=False)


def test_a_verdict_of_unsure_carries_no_hedge_whatever_its_role() -> None:
    protocol = SHIPPED["claims-two-stage"]
    unsure = [item for item in protocol.items if item.id not in protocol.hedgeable]
    assert len(unsure) == 8
    for item in unsure:
        shown = stimulus(protocol, item, protocol.arms_by_id["hedged"], hedged=True)
        assert shown.phrasing_id == "plain"
        assert shown.text == stimulus(protocol, item, protocol.arms_by_id["plain"], hedged=False).text


def _with(phrasing: Phrasing, body: str = "the first thing is so.") -> Protocol:
    content = document(small())
    content["items"][0]["advice"] |= {"body": body, "probability": 80.0}
    for item in content["items"][1:]:
        item["advice"]["probability"] = 60.0
    return from_canonical(content | {"phrasings": [phrasing.model_dump(mode="json")]})


@pytest.mark.parametrize(
    ("phrasing", "body", "text"),
    [
        (Phrasing(id="first", direction="weakener", placement="suffix", text="But I may be wrong."),
         "the first thing is so.", "Yes, the first thing is so. But I may be wrong."),
        (Phrasing(id="first", direction="weakener", placement="inline", text="probably"),
         "the first thing is {phrase} so.", "Yes, the first thing is probably so."),
        (Phrasing(id="first", placement="numeric", direction="plain", text="I am {probability}% confident."),
         "the first thing is so.", "Yes, the first thing is so. I am 80% confident."),
        (Phrasing(id="first", direction="strengthener", items={"one": "Undoubtedly"}, text="Surely"),
         "the first thing is so.", "Undoubtedly the first thing is so."),
    ],
)  # fmt: skip
def test_a_phrase_goes_where_its_placement_says(phrasing: Phrasing, body: str, text: str) -> None:
    protocol = _with(phrasing, body)
    assert stimulus(protocol, protocol.items[0], protocol.arms[1], hedged=True).text == text


def test_an_inline_mark_leaves_no_trace_where_nothing_is_put_in() -> None:
    protocol = _with(
        Phrasing(id="first", direction="weakener", placement="inline", text="probably"), "it is {phrase} so."
    )
    assert stimulus(protocol, protocol.items[0], protocol.arms[0], hedged=True).text == "Yes, it is so."


def test_the_ai_is_right_when_it_says_what_is_true_and_neither_when_it_does_not_decide() -> None:
    protocol = small()
    assert [protocol.ai_correct(item) for item in protocol.items] == [True, False, False, True]
    content = document(protocol)
    content["items"][0]["advice"]["answer"] = "unsure"
    content["items"][1]["advice"] = None
    changed = from_canonical(content)
    assert [changed.ai_correct(item) for item in changed.items] == [None, None, False, True]


@pytest.mark.parametrize(
    ("truth", "said", "right"),
    [(100, 80, True), (0, 80, False), (0, 10, True), (100, 50, None), (50, 90, None)],
)
def test_a_probability_is_right_on_the_truths_side_of_50(
    truth: float, said: float, right: bool | None
) -> None:
    content = document(small())
    content["items"][0] |= {"kind": "probability", "truth": truth}
    content["items"][0]["advice"]["answer"] = said
    protocol = from_canonical(content)
    assert protocol.ai_correct(protocol.items[0]) is right


def test_texts_are_said_in_the_language_asked_for_else_in_the_first() -> None:
    protocol = with_parts(languages=["en", "de"], title={"en": "A study", "de": "Eine Studie"})
    assert protocol.say(protocol.title, "de") == "Eine Studie"
    assert protocol.say(protocol.title, "fr") == "A study"
    assert protocol.say("plain", "de") == "plain"
    assert protocol.say({}, "de") == ""
