"""A small rehearsal over HTTP, interviews and streams included: everything leads to where it came from, in the database
and on the explorer's pages; what does not is found; cards are merged and their authors answer the follow-up."""

from __future__ import annotations

import asyncio
import html
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analysis import moral_graph
from elicitation.followup import actions as follow_up
from elicitation.followup.models import FollowUp
from elicitation.interview.prompts import CRITIC, INTERVIEW
from elicitation.models import Card, DeskRun, Upgrade
from elicitation.rehearsal import exploring, merging, returning, ways
from elicitation.rehearsal.personas import Persona
from elicitation.rehearsal.provenance import unprovenanced, unsupported
from elicitation.rehearsal.run import PersonaCohort
from elicitation.rehearsal.talking import AWAY, BAD_LINE, FORM, TALKS, WORDLESS
from elicitation.runs.actions import perform
from elicitation.votes.table import votes_of
from llm import worker
from llm.models import Call
from study.protocol import Protocol
from study.registration import actions
from study.registration.models import Study
from study.rehearsal.behaviour import World
from tests.elicitation.test_interview import talking
from tests.factories import changed, collecting, user
from tests.study.session.test_kill import in_a_thread

PEOPLE = 8
STORY = "Years ago somebody came to me"
GENEROUS = moral_graph.Rule(
    "every pair", impressions_in_entropy=False, dangling_dropped=False, min_wiser=1, min_likelihood=0.01, max_entropy=9
)  # fmt: skip


class Chosen(Persona):
    """The first finds no words, the second meets nobody, the third takes the form, all others talk."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.talker.way = {0: WORDLESS, 1: AWAY, 2: FORM}.get(seed, TALKS)


class ChosenCohort(PersonaCohort):
    person = Chosen


@pytest.fixture
def at_work(server: str, model: Any) -> Iterator[None]:
    """A worker's thread: takes every queued call, and every search of a desk, until the test is over."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            for call in Call.objects.filter(state=Call.State.QUEUED).values_list("pk", flat=True):
                worker.work(call)
            for search in DeskRun.objects.filter(started_at=None, finished_at=None):
                perform(search.pk)
            over.wait(0.02)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join(20)


def content() -> Protocol:
    """Cards come from interviews, their authors are asked again, and nobody leaves."""
    held = talking()
    flow = [stage.model_dump(mode="json") for stage in held.flow]
    for stage in flow:
        if stage["kind"] == "values-card":
            stage["follow_up"] = "ask"
    return changed(held, flow=flow, assumptions={**held.assumptions.model_dump(mode="json"), "dropout": 0})


@pytest.fixture
def rehearsed(server: str, model: Any, at_work: None, settings: Any) -> Study:
    settings.ALLOWED_HOSTS = ["*"]
    model.fault("status", value=503, match=BAD_LINE)
    protocol = content()
    study = collecting(protocol, mode="rehearsal")
    cohort = ChosenCohort(study, protocol, server, concurrency=6)
    result = in_a_thread(cohort.run(PEOPLE))
    assert result.stuck == []
    assert result.outcomes["complete"] == PEOPLE
    if study.state == Study.State.COLLECTING:
        actions.close(study=study, by=None, reason="rehearsal over")
    study.refresh_from_db()
    return study


def test_a_small_rehearsal_leads_everywhere_and_what_is_damaged_is_said(
    rehearsed: Study, server: str
) -> None:
    found = ways.of(rehearsed)
    assert found.cards == {
        ways.INTERVIEW: PEOPLE - 3, ways.BY_HAND: 1, ways.BROKEN_OFF: 1, ways.FORM: 1,
    }  # fmt: skip
    assert all(6 <= turns <= 11 for turns in found.turns)
    assert found.calls[INTERVIEW, "done"] == sum(found.turns) + 12
    assert found.calls[CRITIC, "done"] >= PEOPLE - 3
    assert "5 by interview" in ways.told(found)
    held = set(Card.objects.filter(study=rehearsed, session=None).values_list("title", flat=True))
    assert set(written(rehearsed).values_list("title", flat=True)) <= held

    votes = votes_of(rehearsed).votes
    edges = moral_graph.build(votes, GENEROUS, resamples=10)
    assert len(edges.edges) >= 1  # chance decides who is shown what
    assert unsupported(edges, votes) == []
    first = edges.edges.iloc[0]
    behind = votes[(votes["from_value"] == first["from_value"]) & (votes["to_value"] == first["to_value"])]
    assert any("other counts" in one for one in unsupported(edges, votes.drop(index=behind.index[0])))
    assert any("without a story" in one for one in unsupported(edges, votes.assign(story="")))

    with CaptureQueriesContext(connection) as queries:
        assert unprovenanced(rehearsed) == []
    assert len(queries) == 5
    for statement, complaint in DAMAGE.items():
        assert any(complaint in one for one in after(statement, rehearsed)), complaint
    assert unprovenanced(rehearsed) == []

    merged_and_explored(rehearsed, server)
    walk(rehearsed)
    returned(rehearsed, server)


def merged_and_explored(study: Study, server: str) -> None:
    """The worker's search makes one value of what personas of one mind wrote; every link of the explorer is followed."""
    merged = merging.merge(study, lambda line: None)
    assert (merged.cards, merged.alone, merged.left, merged.twice) == (PEOPLE, 0, {}, 0)
    assert PEOPLE <= merged.accepted <= merged.checks <= merged.candidates
    assert merged.values == merged.library
    assert f"{PEOPLE} of {PEOPLE} cards count as a value of the library" in merging.told(merged)
    graph = moral_graph.build(votes_of(study).votes, resamples=0)
    edges = set(graph.edges[["from_value", "to_value"]].itertuples(index=False, name=None))
    (found,) = elsewhere(lambda: exploring.explore(study, server, edges))
    voted = set(votes_of(study).votes[["from_value", "to_value"]].to_numpy().ravel())
    library = dict(Card.objects.filter(study=study, session=None).values_list("title", "code"))
    unvoted = [one for one in written(study) if library[one.title] not in voted]
    assert len(found.lost) == len({one.title for one in unvoted}), found.lost
    assert found.cards == PEOPLE - len(unvoted)
    assert found.words >= found.cards
    assert (found.edges, found.votes) == (len(edges), 2 * PEOPLE)
    assert f"with {2 * PEOPLE} votes" in exploring.told(found)
    assert not get_user_model().objects.filter(username__startswith="reader-").exists()
    (more,) = elsewhere(lambda: exploring.explore(study, server, {*edges, ("gone", "away")}))
    assert more.lost == [*found.lost, "the edge gone → away has no votes"]


def returned(study: Study, server: str) -> None:
    """Everybody who agreed answers over HTTP, once."""
    links = [one.link for one in follow_up.waiting(study)]
    assert links
    once, again = elsewhere(
        *(lambda: asyncio.run(returning.come_back(server, links, at_once=4, seed=1)) for _ in range(2))
    )
    assert once["answered"] == FollowUp.objects.count() == len(links), once
    assert again == {"nothing": len(links)}
    assert set(FollowUp.objects.values_list("same", flat=True)) == {"yes"}, "the library's card is their own"
    assert follow_up.waiting(study) == []


def elsewhere(*work: Callable[[], Any]) -> list[Any]:
    """Done one after the other on a thread without an event loop: the browser tests keep one in the main thread."""

    def run() -> list[Any]:
        try:
            return [one() for one in work]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def written(study: Study) -> Any:
    return Card.objects.filter(study=study, session__isnull=False).exclude(title="")


DAMAGE = {
    "DELETE FROM llm_call WHERE key LIKE 'chat:%%:1'": "messages without the call that answers them",
    "UPDATE llm_call SET tool_calls = '[]'": "was offered by no call",
    "DELETE FROM llm_call WHERE key LIKE 'critic:%%'": "was not read by the critic",
    "DELETE FROM study_submission WHERE page = 'card.card'": "has no accepted page",
    "DELETE FROM study_submission WHERE page = 'card.story'": "written by hand without its pages story",
    "DELETE FROM elicitation_draw WHERE upgrade_id IS NOT NULL": "has no draw that showed its story",
    "DELETE FROM study_submission WHERE page LIKE 'stories.%%'": "has no accepted page",
    "UPDATE elicitation_upgrade SET story = ' '": "is on an empty story",
}


def after(statement: str, study: Study) -> list[str]:
    """What is missing after damage that the program itself cannot do; then all is put back."""
    table = re.search(r"(?:FROM|UPDATE) (\w+)", statement)[1]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement.replace("%%", "%"))
        assert cursor.rowcount > 0, statement
        lost = unprovenanced(study)
        transaction.set_rollback(True)
    return lost


def walk(study: Study) -> None:
    """From the explorer to every card with its words, and from every pair to its votes, comments and stories."""
    library = {one.title: one.code for one in Card.objects.filter(study=study, session=None)}
    everybody, team = Client(), Client()
    team.force_login(user("root", is_superuser=True))
    votes = votes_of(study).votes
    reached = 0
    for code in sorted({*votes["from_value"], *votes["to_value"]}):
        titles = [title for title, one in library.items() if one == code]
        cards = list(written(study).filter(title__in=titles))
        public, inside = (page(client, study, f"value/{code}/") for client in (everybody, team))
        shared = sum(card.shared for card in cards)
        assert public.count('<p class="quiet">P-') == shared
        assert STORY not in public
        assert "What led to it" not in public
        hidden = len(cards) - shared
        assert (f"{hidden} {'is' if hidden == 1 else 'are'} not shown" in public) == (hidden > 0)
        assert inside.count('<p class="quiet">P-') == inside.count("What led to it") == len(cards)
        reached += len(cards)
    assert reached >= PEOPLE / 2
    pairs(study, votes, everybody, team)


def pairs(study: Study, votes: Any, everybody: Client, team: Client) -> None:
    told = {f"{one.pair}.{one.direction}": one.story for one in Upgrade.objects.filter(study=study)}
    for (lower, upper), given in votes.groupby(["from_value", "to_value"]):
        back = votes[(votes["from_value"] == upper) & (votes["to_value"] == lower)]
        public, inside = (page(client, study, f"pair/{lower}/{upper}/") for client in (everybody, team))
        for shown in (public, inside):
            assert shown.count("<li><b>") == len(given) + len(back)
            assert all(told[name].split(".")[0] in html.unescape(shown) for name in given["story"])
        comments = [*given["why"], *back["why"]]
        assert inside.count("I have seen something like it.") == sum(map(bool, comments))
        assert "I have seen something like it." not in public


def page(client: Client, study: Study, rest: str) -> str:
    answer = client.get(f"/graphs/{study.slug}/{rest}")
    assert answer.status_code == 200, rest
    return answer.content.decode()
