"""The explorer: who sees a graph and when, and that picture, tables and files say the same."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from django.test import Client

from elicitation.models import Card, Vote
from elicitation.votes.table import votes_of
from study.registration import actions
from study.registration.models import Study
from tests.elicitation.people import small, to_stories, vote
from tests.factories import changed, collecting, user
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db


def voted(protocol=None, people: int = 10) -> Study:
    study = collecting(protocol or small())
    for seed in range(people):
        visitor = to_stories(Visitor(study, seed))
        for _ in range(2):
            text = visitor.text
            vote(
                visitor,
                "wiser"
                if "” to “Patient" in text or "” to “Gentle" in text or "” to “Trust" in text
                else "not_wiser",
            )
    return study


def closed(study: Study) -> Study:
    actions.close(study=study, by=None)
    study.refresh_from_db()
    return study


def address(study: Study, rest: str = "") -> str:
    return f"/graphs/{study.slug}/{rest}"


def private() -> object:
    content = small()
    flow = [
        {**stage.model_dump(mode="json"), **({"public": False} if stage.kind == "compare-values" else {})}
        for stage in content.flow
    ]
    return changed(content, flow=flow)


def test_everybody_sees_the_graph_of_a_closed_study_whose_protocol_says_so(client: Client) -> None:
    study = closed(voted())
    shown = client.get(address(study))
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "20 votes of 10 participants" in text
    assert "<svg" in text
    assert 'style="' not in text
    assert "<script" not in text


def test_nobody_sees_a_graph_while_people_vote(client: Client) -> None:
    study = voted(people=1)
    assert client.get(address(study)).status_code == 404
    client.force_login(user("root", is_superuser=True))
    assert client.get(address(study)).status_code == 403
    assert client.get(address(study, "values.csv")).status_code == 403


def test_a_private_graph_is_seen_by_the_study_and_by_nobody_else(client: Client) -> None:
    study = closed(voted(private(), people=2))
    assert client.get(address(study)).status_code == 404
    client.force_login(user("stranger"))
    assert client.get(address(study)).status_code == 404
    client.force_login(user("root", is_superuser=True))
    assert client.get(address(study)).status_code == 200


def test_the_tables_say_what_the_files_say(client: Client) -> None:
    study = closed(voted())
    text = client.get(address(study)).content.decode()
    values = list(csv.DictReader(io.StringIO(client.get(address(study, "values.csv")).content.decode())))
    edges = list(csv.DictReader(io.StringIO(client.get(address(study, "edges.csv")).content.decode())))
    graph = json.loads(client.get(address(study, "graph.json")).content)
    assert values
    assert {row["value"] for row in values} == {row["id"] for row in graph["values"]}
    assert sum(int(row["wiser"]) + int(row["not_wiser"]) + int(row["unsure"]) for row in edges) == len(
        votes_of(study).votes
    )
    for row in values:
        assert f'id="v-{row["value"]}"' in text
        assert f'href="#v-{row["value"]}"' in text
        assert f"{float(row['rank']):.4f}" in text
    assert (
        len([row for row in edges if row["kept"] == "True"])
        == len(graph["edges"])
        == text.count('class="edge"')
    )


@pytest.mark.parametrize("name", ["graph.graphml", "graph.gexf", "graph.svg"])
def test_the_other_files_are_whole(client: Client, name: str) -> None:
    answer = client.get(address(closed(voted()), name))
    ElementTree.fromstring(answer.content)
    assert "attachment" in answer["Content-Disposition"]


def test_a_filter_leaves_the_votes_of_one_context(client: Client) -> None:
    study = closed(voted())
    votes = votes_of(study).votes
    shown = client.get(address(study), {"context": "When the truth may hurt"}).content.decode()
    assert f"{(votes['context'] == 'When the truth may hurt').sum()} votes of" in shown
    assert client.get(address(study), {"context": "When nobody asked"}).status_code == 404
    assert "no votes in this filter" in client.get(address(study), {"case": "secret"}).content.decode()


def test_an_erased_vote_leaves_the_page(client: Client) -> None:
    from study.session import actions as sessions

    study = closed(voted())
    assert "20 votes" in client.get(address(study)).content.decode()
    sessions.withdraw(token=Vote.objects.first().session.token, erase=True)
    assert "18 votes of 9" in client.get(address(study)).content.decode()


def test_what_people_wrote_is_text_on_the_page_and_no_formula_in_the_file(client: Client) -> None:
    study = voted()
    evil = "<script>alert(1)</script> =HYPERLINK(1)"
    Card.objects.create(study=study, code="cevil", title=evil, description=evil, policies=[evil], digest="x")
    from elicitation.models import MappingDecision

    MappingDecision.objects.create(
        study=study, number=1, kind="merge", cards=["cevil", "listening"], by="ada"
    )
    closed(study)
    text = client.get(address(study)).content.decode()
    assert "<script" not in text
    from elicitation.explorer.files import _no_formula

    assert _no_formula("=1+1") == "'=1+1"


def test_the_picture_is_read_by_axe_and_walked_by_keyboard(server, page, axe, settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    study = closed(voted())
    page.goto(f"{server}{address(study)}")
    assert axe(page) == []
    first = page.locator(".graph a").first
    first.focus()
    page.keyboard.press("Enter")
    assert "#v-" in page.url
