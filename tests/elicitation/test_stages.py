"""From a story to a card, others' values, and votes: what the pages accept, show and store."""

import html

import pytest
from django.db import IntegrityError, connection, transaction

from elicitation.models import Card, Draw, Upgrade, Vote
from study.session import actions
from tests.elicitation.people import CARD, fill, offered, small, to_card, to_stories, to_values, vote
from tests.factories import changed, collecting
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(collecting(small()))


def test_the_form_alone_leads_to_a_card_and_two_votes(visitor: Visitor) -> None:
    to_stories(visitor)
    vote(visitor, "wiser", "She sees more now.")
    vote(visitor, "unsure")
    assert visitor.session.outcome == "complete"
    card = Card.objects.get(session=visitor.session)
    assert (card.title, card.policies, card.case, card.shared) == (
        CARD["title"],
        CARD["policies"],
        "friend",
        True,
    )
    assert list(Vote.objects.order_by("pk").values_list("verdict", "why")) == [
        ("wiser", "She sees more now."),
        ("unsure", ""),
    ]


def test_what_was_written_before_stands_on_the_card_to_be_changed(visitor: Visitor) -> None:
    to_card(visitor, policies={"policy_2": "words that admit it"})
    assert "WORDS that admit it" in visitor.text
    visitor.send(**fill("card", title="Quiet Company"))
    assert Card.objects.get(session=visitor.session).title == "Quiet Company"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "Company"}, "2 to 6 words"),
        ({"policy_3": CARD["policies"][0]}, "there twice"),
        ({"policy_3": "SILENCES"}, "should begin with"),
    ],
)
def test_a_card_that_is_none_comes_back_with_the_reason_and_is_not_stored(
    visitor: Visitor, changes: dict, said: str
) -> None:
    to_card(visitor).send(**fill("card", **changes))
    assert visitor.answer.status_code == 422
    assert said in visitor.text
    assert not Card.objects.exclude(session=None).exists()


def test_starting_over_gives_an_empty_card(visitor: Visitor) -> None:
    to_card(visitor).send(**fill("card", decision="afresh"))
    assert visitor.page is not None
    assert visitor.page.key == "card.card"
    assert CARD["title"] not in visitor.text
    visitor.send(**fill("card", title="Another Company"))
    assert Card.objects.get(session=visitor.session).title == "Another Company"


def test_starting_over_asks_for_nothing_but_that(visitor: Visitor) -> None:
    to_card(visitor)
    nothing = dict.fromkeys(["title", "description", "share", *[f"policy_{n}" for n in range(1, 8)]], "")
    visitor.send(**nothing, decision="afresh")
    assert visitor.answer.status_code == 200
    visitor.send(**nothing, decision="approve")
    assert visitor.answer.status_code == 422


def test_who_is_asked_to_share_a_card_is_told_that_the_graph_is_public() -> None:
    said = []
    for public in (True, False):
        flow = [
            {
                **stage.model_dump(mode="json"),
                **({"public": public} if stage.kind == "compare-values" else {}),
            }
            for stage in small().flow
        ]
        said.append(to_card(Visitor(collecting(changed(small(), flow=flow)))).text)
    assert ["whoever looks at the published graph" in text for text in said] == [True, False]


def test_a_story_stands_with_what_its_two_values_attend_to(visitor: Visitor) -> None:
    to_stories(visitor)
    upgrade = Draw.objects.select_related("upgrade").get(session=visitor.session, page="stories.1").upgrade
    assert upgrade is not None
    for card in Card.objects.filter(session=None, code__in=[upgrade.from_value, upgrade.to_value]):
        assert all(html.escape(text) in visitor.text for text in [card.title, *card.policies])


def test_nobody_sees_a_value_of_others_before_the_own_card(visitor: Visitor) -> None:
    visitor.open().go_to("card")
    for part in ("case", "story", "attention", "policies", "words"):
        assert "Patient Listening" not in visitor.text
        visitor.send(**fill(part))
    assert not Draw.objects.exists()


def test_the_values_shown_are_drawn_once_with_their_propensity(visitor: Visitor) -> None:
    to_values(visitor)
    shown = offered(visitor)
    assert len(set(shown)) == 4
    visitor.answer = visitor.client.get(visitor.address)
    assert offered(visitor) == shown
    assert set(Draw.objects.values_list("propensity", "pool")) == {(4 / 6, 6)}


def test_one_value_is_too_few(visitor: Visitor) -> None:
    to_values(visitor)
    visitor.send(chosen=offered(visitor)[:1])
    assert visitor.answer.status_code == 422
    assert "at least 2" in visitor.text


def test_a_value_that_was_not_offered_cannot_be_chosen(visitor: Visitor) -> None:
    to_values(visitor)
    missing = next(iter({"listening", "advice", "candour", "peace", "trust", "duty"} - set(offered(visitor))))
    visitor.send(chosen=[offered(visitor)[0], missing])
    assert visitor.answer.status_code == 422


def test_the_same_seed_and_participant_meet_the_same_stories() -> None:
    """Draws are a function of the seed and the participant, which is what a bundle lets a stranger check."""
    from elicitation.stages import draws

    pairs = [
        draws.Pair("u1", frozenset("ab")),
        draws.Pair("u2", frozenset("cd")),
        draws.Pair("u3", frozenset("ef")),
    ]
    key = draws.key("ab" * 32, "p23456789a")
    first, again = (
        draws.pick(pairs, frozenset("a"), 3.0, draws.uniforms(key, "stories.1")) for _ in range(2)
    )
    assert first == again
    assert first[2] in (3 / 5 / 2, 1 / 5 / 2)


def test_propensities_are_the_shares_in_which_stories_are_drawn() -> None:
    from elicitation.stages import draws

    pairs = [draws.Pair(str(n), frozenset({n})) for n in range(4)]
    people, counted = 4000, dict.fromkeys([(str(n), back) for n in range(4) for back in (True, False)], 0)
    chance = {}
    for person in range(people):
        stream = draws.uniforms(draws.key("cd" * 32, f"p{person}"), "stories.1")
        pair, back, propensity = draws.pick(pairs, frozenset({0}), 3.0, stream)
        counted[pair.id, back] += 1
        chance[pair.id, back] = propensity
    assert sum(chance.values()) == pytest.approx(1)
    for story, times in counted.items():
        spread = (chance[story] * (1 - chance[story]) / people) ** 0.5
        assert abs(times / people - chance[story]) < 4 * spread, story


def test_no_pair_is_shown_twice_in_either_direction() -> None:
    study = collecting(small())
    for seed in range(8):
        visitor = to_stories(Visitor(study, seed))
        vote(visitor)
        vote(visitor)
        pairs = list(
            Draw.objects.filter(session=visitor.session, upgrade__isnull=False).values_list(
                "upgrade__pair", flat=True
            )
        )
        assert len(set(pairs)) == len(pairs) == 2
        assert "u4" not in pairs  # belongs to the other case


def test_a_second_click_and_a_replayed_vote_count_once(visitor: Visitor) -> None:
    to_stories(visitor)
    form = visitor.form(verdict="wiser", why="")
    for _ in range(3):
        visitor.post(form)
    assert Vote.objects.count() == 1
    visitor.post({**form, "verdict": "not_wiser"})
    assert Vote.objects.get().verdict == "wiser"


def test_what_was_recorded_cannot_be_rewritten(visitor: Visitor) -> None:
    to_stories(visitor)
    vote(visitor)
    changes = [
        "UPDATE elicitation_vote SET verdict = 'not_wiser'",
        "UPDATE elicitation_card SET title = 'Mine'",
        "UPDATE elicitation_draw SET propensity = 1",
        "UPDATE elicitation_upgrade SET story = ''",
        "DELETE FROM elicitation_vote",
    ]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


def test_erasing_takes_the_words_and_the_verdict_along(visitor: Visitor) -> None:
    to_stories(visitor)
    vote(visitor, why="Because of my aunt.")
    actions.withdraw(token=visitor.token, erase=True)
    card, cast = Card.objects.get(session=visitor.session), Vote.objects.get()
    assert (card.title, card.description, card.policies, card.shared) == ("", "", [], False)
    assert (cast.verdict, cast.why) == ("", "")


def test_shared_cards_of_others_are_met_by_the_next_and_private_ones_are_not() -> None:
    from tests.factories import changed

    content = small()
    flow = [
        {
            **stage.model_dump(mode="json"),
            **({"others": True, "shown": 6} if stage.kind == "choose-values" else {}),
        }
        for stage in content.flow
    ]
    study = collecting(changed(content, flow=flow))
    to_values(Visitor(study, 1))
    to_values(Visitor(study, 2), card={"share": "no", "title": "Private Matter"})
    third = to_values(Visitor(study, 3))
    pools = set(Draw.objects.filter(session=third.session).values_list("pool", flat=True))
    assert pools == {7}  # six of the library and the one that was shared
    assert "Private Matter" not in third.text


def test_a_library_is_stored_once(visitor: Visitor) -> None:
    to_stories(visitor)
    to_stories(Visitor(visitor.study, 5))
    assert Card.objects.filter(session=None).count() == 6
    assert Upgrade.objects.count() == 8
