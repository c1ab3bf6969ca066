"""The explorer: who sees a graph and when, and that picture, tables and files say the same."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from django.test import Client

from elicitation.models import Card, Upgrade, Vote
from elicitation.votes.table import votes_of
from study.registration import actions
from study.registration.models import Study
from study.session.models import Session
from tests.elicitation.crowd import crowd
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
    assert text.count("<script") == text.count("<script src=") == 2


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
        assert f'href="{address(study, "value/" + row["value"])}/"' in text
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
    assert "<script>" not in client.get(address(study)).content.decode()
    behind = client.get(address(study, "value/listening/")).content.decode()
    assert "&lt;script&gt;alert(1)" in behind
    assert "<script>" not in behind
    from elicitation.explorer.files import _no_formula

    assert _no_formula("=1+1") == "'=1+1"


def test_the_picture_is_read_by_axe_and_walked_by_keyboard(server, page, axe, settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    study = closed(voted())
    page.goto(f"{server}{address(study)}")
    assert axe(page) == []


def test_behind_a_value_stand_shared_cards_and_for_the_study_all(client: Client) -> None:
    from elicitation.models import MappingDecision

    study = voted(people=3)
    own = list(Card.objects.filter(study=study, session__isnull=False).order_by("pk"))
    hidden = Card.objects.create(
        study=study, session=own[0].session, stage="other", code="chidden", title="Kept Apart",
        description="d", policies=[], shared=False, digest="h",
    )  # fmt: skip
    met = str(votes_of(study).votes["to_value"].iloc[0])  # chance decides which values anybody meets
    codes = [met, own[0].code, hidden.code]
    MappingDecision.objects.create(study=study, number=1, kind="merge", cards=codes, by="ada")
    closed(study)
    public = client.get(address(study, f"value/{met}/")).content.decode()
    assert own[0].title in public
    assert "Kept Apart" not in public
    assert "My neighbour fell ill" not in public
    assert str(own[0].session.participant.code) not in public
    client.force_login(user("root", is_superuser=True))
    told = client.get(address(study, f"value/{met}/")).content.decode()
    assert "Kept Apart" in told
    assert "My neighbour fell ill" in told


def test_behind_an_edge_stand_its_stories_and_votes_and_comments_for_the_study_alone(client: Client) -> None:
    study = collecting(small())
    for seed in range(4):
        visitor = to_stories(Visitor(study, seed))
        vote(visitor, "wiser", "Because of my sister.")
        vote(visitor, "wiser", "Because of my sister.")
    closed(study)
    row = votes_of(study).votes.iloc[0]
    where = address(study, f"pair/{row['from_value']}/{row['to_value']}/")
    public = client.get(where).content.decode()
    assert "Comments are read by the study's team only" in public
    assert "Because of my sister." not in public
    assert row["participant"] not in public
    assert client.get(where, headers={"HX-Request": "true"}).content.decode().lstrip().startswith("<h2")
    client.force_login(user("root", is_superuser=True))
    assert "Because of my sister." in client.get(where).content.decode()
    assert client.get(address(study, "pair/advice/advice/")).status_code == 404
    assert client.get(address(study, "value/nobody/")).status_code == 404


def names(text: str) -> list[str]:
    return re.findall(r"P-[0-9A-F]{6}", text)


def test_the_public_cannot_follow_a_person_from_page_to_page_and_the_study_can(client: Client) -> None:
    study = crowd(6, 8, people=8)
    pairs = [address(study, "pair/v0/v1/"), address(study, "pair/v1/v2/")]
    pages = [*pairs, f"{pairs[0]}?case=pregnancy", f"{pairs[0]}?case=homework"]
    public = [names(client.get(page).content.decode()) for page in pages]
    assert [len(set(public[0])), len(set(public[1]))] == [4, 4]
    assert sum(len(set(found)) for found in public) == len(set().union(*public))
    assert public[0] == sorted(public[0])
    client.force_login(user("root", is_superuser=True))
    first = Vote.objects.filter(session__study=study).select_related("session__participant")
    met = [set(names(client.get(page).content.decode())) for page in pairs]
    people = [
        {vote.session.participant.code for vote in first.filter(upgrade__pair=pair)} for pair in ("u0", "u1")
    ]
    assert len(met[0] & met[1]) == len(people[0] & people[1])


def test_an_edge_says_how_each_group_and_each_story_answered_and_hides_small_groups(client: Client) -> None:
    study = crowd(4, 3, people=12, close=False)
    lower = Upgrade.objects.get(study=study, pair="u0")
    other = Upgrade.objects.create(
        study=study, pair="~1", direction="there", from_value=lower.from_value, to_value=lower.to_value,
        context="When it is told another way", story="I told it better.", digest="other",
    )  # fmt: skip
    for n, session in enumerate(Session.objects.filter(study=study).order_by("pk")):
        Vote.objects.create(session=session, upgrade=other, verdict="wiser" if n < 9 else "unsure")
    told = client.get(address(closed(study), f"pair/{lower.from_value}/{lower.to_value}/")).content.decode()
    assert "This story alone: 9 of 12 wiser, a share of 0.75 (0.47 – 0.91)." in told
    assert "This story alone: 3 of 4 wiser" in told
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>(\d+)</td><td>(\d+)</td>', told)
    assert rows
    assert all(int(n) >= 5 for _label, _wiser, n in rows)
    assert "By group" in told


def test_two_groups_and_a_moment_are_drawn_in_the_same_places(client: Client) -> None:
    study = crowd(8, 12, people=64)
    whole = json.loads(client.get(address(study, "scene.json")).content)
    two = client.get(address(study, "scene.json?group=leaning:left&versus=leaning:right"))
    found = json.loads(two.content)
    assert found["values"] == whole["values"]
    assert [graph["votes"] for graph in found["graphs"]] == [12, 12]
    assert len(whole["marks"]["context"]["edges"]) == len(whole["graphs"][0]["edges"]["from"]) == 12
    early = json.loads(client.get(address(study, "scene.json?until=2026-03-05")).content)
    assert 0 < early["graphs"][0]["votes"] < whole["graphs"][0]["votes"] == 48
    assert early["values"] == whole["values"]
    for wrong in ("until=soon", "versus=leaning:left", "group=leaning:left&versus=age_group:from_50"):
        assert client.get(address(study, f"scene.json?{wrong}")).status_code == 404
    tables = client.get(address(study, "tables/?group=leaning:left&versus=leaning:right")).content.decode()
    assert 'id="compared"' in tables
    assert client.get(address(study, "graph.png")).content.startswith(b"\x89PNG")
    ElementTree.fromstring(client.get(address(study, "graph.svg")).content)


def test_a_large_graph_asks_the_database_no_more_than_a_small_one(client: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    asked = []
    for size in (6, 40):
        study = crowd(size, size + 4, people=40)
        with CaptureQueriesContext(connection) as queries:
            client.get(address(study))
            client.get(address(study, "scene.json"))
            client.get(address(study, "value/v1/"))
            client.get(address(study, "pair/v0/v1/"))
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_nothing_stands_behind_what_was_erased(client: Client) -> None:
    from study.session import actions as sessions

    study = closed(voted(people=4))
    row = votes_of(study).votes.iloc[0]
    where = address(study, f"pair/{row['from_value']}/{row['to_value']}/")
    before = client.get(where).content.decode().count('<span class="quiet">P-')
    session = next(v.session for v in Vote.objects.all() if v.session.participant.code == row["participant"])
    sessions.withdraw(token=session.token, erase=True)
    after = client.get(where)
    assert after.status_code == 404 or after.content.decode().count('<span class="quiet">P-') < before
