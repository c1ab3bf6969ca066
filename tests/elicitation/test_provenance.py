"""A small rehearsal over HTTP, interviews and streams included: everything leads to where it came from, in the database
and on the explorer's pages; and what does not is found."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analysis import moral_graph
from elicitation.interview.prompts import CRITIC, INTERVIEW
from elicitation.models import Card, MappingDecision, Upgrade
from elicitation.rehearsal import ways
from elicitation.rehearsal.personas import Persona
from elicitation.rehearsal.provenance import unprovenanced, unsupported
from elicitation.rehearsal.run import PersonaCohort
from elicitation.rehearsal.talking import AWAY, BAD_LINE, FORM, TALKS, WORDLESS
from elicitation.votes.table import votes_of
from llm import worker
from llm.models import Call
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
    """A worker's thread: takes every queued call until the test is over."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            for call in Call.objects.filter(state=Call.State.QUEUED).values_list("pk", flat=True):
                worker.work(call)
            over.wait(0.02)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join(20)


@pytest.fixture
def rehearsed(server: str, model: Any, at_work: None, settings: Any) -> Study:
    settings.ALLOWED_HOSTS = ["*"]
    model.fault("status", value=503, match=BAD_LINE)
    content = talking()
    protocol = changed(content, assumptions={**content.assumptions.model_dump(mode="json"), "dropout": 0})
    study = collecting(protocol, mode="rehearsal")
    cohort = ChosenCohort(study, protocol, server, concurrency=6)
    result = in_a_thread(cohort.run(PEOPLE))
    assert result.stuck == []
    assert result.outcomes["complete"] == PEOPLE
    if study.state == Study.State.COLLECTING:
        actions.close(study=study, by=None, reason="rehearsal over")
    study.refresh_from_db()
    return study


def test_a_small_rehearsal_leads_everywhere_and_what_is_damaged_is_said(rehearsed: Study) -> None:
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

    walk(rehearsed)


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
    for number, (title, code) in enumerate(library.items(), start=1):
        own = list(written(study).filter(title=title).values_list("code", flat=True))
        if own:
            MappingDecision.objects.create(
                study=study, number=number, kind="merge", cards=[code, *own], by="ada"
            )
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
