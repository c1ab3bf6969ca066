"""The rehearsal model: an honest stand-in that speaks the API, follows its scripts and can break in every way."""

from __future__ import annotations

import itertools
import json
from typing import Any

import jsonschema
import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm.rehearsal_model import scripts
from llm.rehearsal_model.embeddings import embed
from llm.rehearsal_model.faults import KINDS, Fault, Switchboard
from llm.rehearsal_model.filling import fill
from llm.rehearsal_model.request import Request, json_objects
from llm.rehearsal_model.scripts.answers import statement
from llm.rehearsal_model.scripts.themes import THEMES, theme_of
from llm.rehearsal_model.server import ThreadedServer


def ask(task: str, said: str | list[str], **more: Any) -> Any:
    users = [said] if isinstance(said, str) else said
    messages = [
        {"role": "system", "content": f"Task: {task}\n…"},
        *({"role": "user", "content": one} for one in users),
    ]
    return scripts.answer(Request.read({"model": "heed-rehearsal-1", "messages": messages, **more}))


@pytest.fixture
def client(rehearsal_server: ThreadedServer) -> Any:
    rehearsal_server.reset()
    with openai.OpenAI(base_url=rehearsal_server.base_url, api_key="x", max_retries=0) as made:
        yield made


def test_every_answer_says_that_it_is_a_rehearsal(client: Any) -> None:
    chat = client.chat.completions.create(
        model="heed-rehearsal-1", messages=[{"role": "user", "content": "Hello"}]
    )
    assert chat.system_fingerprint == "rehearsal"
    assert "no language model was asked" in chat.choices[0].message.content
    chunks = list(
        client.chat.completions.create(
            model="heed-rehearsal-1", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
    )
    assert {chunk.system_fingerprint for chunk in chunks} == {"rehearsal"}
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == chat.choices[0].message.content


def test_what_it_does_not_know_is_refused_as_the_api_refuses_it(
    client: Any, rehearsal_server: ThreadedServer
) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="heed-rehearsal-1", messages=[])
    with (
        openai.OpenAI(base_url=rehearsal_server.base_url + "/nowhere", api_key="x", max_retries=0) as lost,
        pytest.raises(openai.NotFoundError),
    ):
        lost.models.list()


def test_faults_can_be_asked_for_by_header_model_name_and_switchboard(
    client: Any, rehearsal_server: ThreadedServer
) -> None:
    def go(model: str = "heed-rehearsal-1", **more: Any) -> Any:
        return client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "x"}], **more
        )

    with pytest.raises(openai.RateLimitError):
        go("heed-rehearsal-1+status=429")
    with pytest.raises(openai.InternalServerError):
        go(extra_headers={"X-Rehearsal-Fault": "status=503"})
    rehearsal_server.fault("status", value=500, times=1, match="x")
    with pytest.raises(openai.InternalServerError):
        go()
    assert go().choices


@pytest.mark.parametrize("item", [{"kind": "explode"}, {}, {"kind": "cut", "colour": 1}])
def test_an_unknown_fault_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Fault.read(item)


def test_a_fault_hits_as_many_requests_as_it_says() -> None:
    board = Switchboard()
    board.set(Fault.read({"kind": "cut", "times": 2, "match": "a"}), Fault.read({"kind": "empty"}))
    assert [board.take("abc")[0].kind for _ in range(3)] == ["cut", "cut", "empty"]
    assert [fault.kind for fault in board.take("xyz")] == ["empty"]
    assert set(KINDS) >= {"cut", "empty", "timeout", "status", "duplicate"}


def test_an_interview_asks_one_question_at_a_time_and_then_offers_a_card() -> None:
    said: list[str] = []
    for turn in range(1, 6):
        said.append(f"My mother listened patiently, answer {turn}.")
        assert ask("elicitation.interview", said).text.count("?") >= 1
    said.append("I sat with her in silence.")
    tool = {"type": "function", "function": {"name": "submit_card", "parameters": {"type": "object"}}}
    name, card = ask("elicitation.interview", said, tools=[tool]).tool
    assert name == "submit_card"
    assert card["title"] == "Patient Presence"
    assert 3 <= len(card["policies"]) <= 7


TOOL = {"type": "function", "function": {"name": "values_card", "parameters": {"type": "object"}}}
TOLD = [
    "My neighbour lost his job.",
    "I looked for the silences that he could not fill; and for offers that he could refuse.",
    "I notice compliments that I get, in order to be liked.",
    "The rest I would still attend to for its own sake. I also listen for words that come twice.",
    "I would call it “Quiet Company”.",
    "I care about this: Being near without pushing. At least I try.",
]


def test_a_card_is_made_of_what_the_person_said() -> None:
    _, card = ask("elicitation.interview", TOLD, tools=[TOOL]).tool
    assert card["title"] == "Quiet Company"
    assert card["description"].startswith("Being near without pushing.")
    assert card["policies"] == [
        "SILENCES that he could not fill",
        "OFFERS that he could refuse",
        "COMPLIMENTS that I get, in order to be liked",
        "WORDS that come twice",
    ]
    _, mended = ask(
        "elicitation.interview", [*TOLD, "I let go of compliments that I get."], tools=[TOOL]
    ).tool
    assert len(mended["policies"]) == 3
    assert not any("liked" in one for one in mended["policies"])


def test_no_card_is_made_up_for_somebody_who_says_nothing() -> None:
    for turns in range(1, 13):
        answer = ask("elicitation.interview", ["It is hard to say."] * turns, tools=[TOOL])
        assert answer.tool is None
        assert answer.text.endswith("?")


def test_every_theme_is_recognised_by_its_own_words() -> None:
    for theme in THEMES:
        assert theme_of(" ".join([*theme.policies, *theme.clues, *theme.clues])) is theme


def test_equal_titles_with_other_policies_are_not_the_same_value() -> None:
    first, second = THEMES[0].card(), THEMES[4].card() | {"title": THEMES[0].title}
    same = ask("elicitation.same_value", json.dumps(first) + json.dumps(first))
    homonym = ask("elicitation.same_value", json.dumps(first) + json.dumps(second))
    assert (same.data["same"], homonym.data["same"]) == (True, False)


def test_stories_are_of_the_usual_length_and_pass_their_own_check() -> None:
    for old, new in itertools.pairwise(THEMES):
        cards = json.dumps({"context": "When a child refuses", "cards": [old.card(), new.card()]})
        story = ask("elicitation.upgrade_story", cards).data["story"]
        assert 60 <= len(story.split()) <= 140
        assert ask("elicitation.story_check", json.dumps({"story": story})).data["ok"]


@pytest.mark.parametrize(
    ("question", "positive", "negative"),
    [
        ("Is fever common?", "Fever is common", "Fever is not common"),
        (
            "Does water boil at 100 degrees?",
            "Water does boil at 100 degrees",
            "Water does not boil at 100 degrees",
        ),
        ("Why?", "the answer is yes", "the answer is no"),
    ],
)
def test_a_question_becomes_a_statement(question: str, positive: str, negative: str) -> None:
    assert statement(question, positive=True) == positive
    assert statement(question, positive=False) == negative


def test_a_belief_is_the_same_in_every_run_and_votes_follow_it() -> None:
    first = ask("llm.confidence.number", "question: Is it so?", temperature=0)
    assert first == ask("llm.confidence.number", "question: Is it so?", temperature=0)
    assert 50 <= first.data["confidence"] <= 100
    votes = {
        ask("llm.confidence.vote", "question: Is that so?", temperature=1, seed=n).text for n in range(40)
    }
    assert votes <= {"yes", "no"}


def test_texts_that_share_words_lie_nearer_than_those_that_do_not() -> None:
    honest, honesty, fruit = (embed(text) for text in ("honest words", "honesty in words", "ripe bananas"))
    assert honest @ honesty > 0.5 > abs(honest @ fruit) + 0.3
    assert np.linalg.norm(honest) == pytest.approx(1)
    assert not embed("!?").any()


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {"type": "string", "minLength": 3, "maxLength": 20},
            {"type": "integer", "minimum": -5, "maximum": 5},
            {"type": "number", "minimum": 0.5, "maximum": 1.5},
            {"type": "boolean"},
            {"type": "null"},
            {"enum": ["a", "b"]},
            {"const": 4},
            {"type": ["string", "null"]},
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda item: {"type": "array", "items": item, "minItems": 2, "maxItems": 4}),
        st.dictionaries(st.sampled_from("xyz"), inner, min_size=1).map(
            lambda parts: {
                "type": "object",
                "properties": parts,
                "required": list(parts),
                "additionalProperties": False,
            }
        ),
        inner.map(lambda item: {"anyOf": [item, {"type": "null"}]}),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(SCHEMAS, st.integers(0, 1000))
def test_a_filled_schema_is_satisfied(schema: dict[str, Any], seed: int) -> None:
    from random import Random

    jsonschema.validate(fill(schema, Random(seed)), schema)


def test_json_is_found_in_the_middle_of_words() -> None:
    assert list(json_objects('see {"a": {"b": 1}} and {broken {"c": 2}')) == [{"a": {"b": 1}}, {"c": 2}]
