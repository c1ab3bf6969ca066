"""Files of other tools: read, refused by place, written, read again."""

import json
from pathlib import Path
from xml.etree import ElementTree

import networkx
import numpy as np
import pandas as pd
import pytest

from analysis import moral_graph
from analysis.moral_graph.exchange import (
    GraphFileError,
    from_json,
    read_json,
    rescore,
    to_gexf,
    to_graphml,
    to_json,
)
from tests.analysis.moral_graph.voters import many, scattered


def document() -> dict:
    """A small published graph: one value with today's names, one with the older ones."""
    return {
        "values": [
            {
                "id": 1,
                "title": "Calm",
                "description": "Being calm",
                "policies": ["PAUSES before words"],
                "pageRank": 0.1,
            },
            {
                "id": 2,
                "title": "Candour",
                "instructionsShort": "Saying it",
                "instructionsDetailed": "At length",
                "evaluationCriteria": ["MOMENTS to speak", "DOUBTS named"],
            },
        ],
        "edges": [
            {
                "sourceValueId": 1,
                "wiserValueId": 2,
                "contexts": ["When asked"],
                "counts": {
                    "markedWiser": 5,
                    "markedNotWiser": 1,
                    "markedLessWise": 0,
                    "markedUnsure": 1,
                    "impressions": 7,
                },
                "summary": {"wiserLikelihood": 0.714, "entropy": 1.5},
            }
        ],
    }


def test_today_and_older_names_are_read() -> None:
    graph = from_json(document())
    assert graph.values["description"].tolist() == ["Being calm", "Saying it"]
    assert graph.values["details"].tolist() == ["", "At length"]
    assert graph.values["policies"].tolist() == [
        ("PAUSES before words",),
        ("MOMENTS to speak", "DOUBTS named"),
    ]
    assert graph.values["rank"].iloc[0] == 0.1
    assert np.isnan(graph.values["rank"].iloc[1])
    edge = graph.edges.iloc[0]
    assert edge[["from_value", "to_value", "wiser", "not_wiser", "unsure", "impressions"]].tolist() == [
        1,
        2,
        5,
        1,
        1,
        7,
    ]
    assert edge["contexts"] == ("When asked",)


def test_what_was_read_is_written_as_it_was() -> None:
    first = to_json(from_json(document()))
    assert first["edges"] == document()["edges"]
    assert first["values"][0] == document()["values"][0]
    assert to_json(from_json(first)) == first


def test_a_computed_graph_survives_the_file_with_its_scores(tmp_path: Path) -> None:
    frame = scattered(np.random.default_rng(2), number=1200)
    graph = moral_graph.build(frame, rule="legacy", resamples=20)
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(to_json(graph), allow_nan=False))
    found = rescore(read_json(path), "legacy")
    pd.testing.assert_frame_equal(
        found.edges[["from_value", "to_value", "wiser", "likelihood", "entropy", "contexts"]],
        graph.edges[["from_value", "to_value", "wiser", "likelihood", "entropy", "contexts"]],
        check_dtype=False,
    )
    assert found.values["rank"].to_numpy() == pytest.approx(graph.values["rank"].to_numpy(), abs=1e-12)
    assert json.loads(path.read_text())["values"][0]["pageRankLow"] == graph.values["low"].iloc[0]


def test_texts_of_cards_are_written_and_values_without_a_card_are_empty() -> None:
    graph = moral_graph.build(many(("a", "b", 3, 0, 0)), resamples=0)
    cards = pd.DataFrame(
        [{"value": "b", "title": "Calm", "description": "Being calm", "policies": ["PAUSES"]}]
    )
    values = {value["id"]: value for value in to_json(graph, cards)["values"]}
    assert values["b"]["title"] == "Calm"
    assert values["b"]["policies"] == ["PAUSES"]
    assert values["a"]["title"] == ""
    assert values["a"]["pageRankLow"] is None


def test_rescoring_drops_what_the_rule_would_not_keep() -> None:
    graph = rescore(from_json(document()), "corrected")
    assert len(graph.edges) == 1
    assert graph.edges["likelihood"].iloc[0] == pytest.approx(5 / 7)
    assert graph.values["rank"].sum() == pytest.approx(1)
    weak = document()
    weak["edges"][0]["counts"]["markedWiser"] = 1
    assert rescore(from_json(weak)).edges.empty
    assert rescore(from_json(weak)).values["rank"].isna().all()


def changed(*path: object, to: object) -> dict:
    whole = document()
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return whole


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([], "the document: an object is needed, not list"),
        ({}, "the document: 'values' is missing"),
        (changed("edges", to={}), "the document: 'edges' is missing or no list"),
        (changed("values", 1, to=None), r"values\[1\]: an object is needed, not null"),
        (changed("values", 1, "id", to=1), "values: an id occurs more than once"),
        (changed("values", 1, "id", to=True), r"values\[1\]: 'id' is True"),
        (changed("values", 0, "title", to=5), r"values\[0\]: 'title' is int"),
        (changed("values", 0, "policies", to=[1]), r"values\[0\]: 'policies' is not a list of texts"),
        (changed("values", 0, "pageRank", to="high"), r"values\[0\]: 'pageRank' is 'high'"),
        (changed("edges", 0, "wiserValueId", to=9), r"edges\[0\]: value 9 is not among the values"),
        (changed("edges", 0, "wiserValueId", to=1), r"edges\[0\]: the value 1 is compared with itself"),
        (changed("edges", 0, "counts", to=None), r"edges\[0\]\.counts: an object is needed"),
        (changed("edges", 0, "counts", "markedWiser", to=-1), "'markedWiser' is -1, a count is needed"),
        (changed("edges", 0, "counts", "markedUnsure", to=1.5), "'markedUnsure' is 1.5"),
        (changed("edges", 0, "counts", "impressions", to=10**30), "a count is needed"),
        (changed("edges", to=document()["edges"] * 2), "edges: a pair of values occurs more than once"),
    ],
)
def test_a_file_that_is_no_graph_is_refused_by_place(wrong: object, named: str) -> None:
    with pytest.raises(GraphFileError, match=named):
        from_json(wrong)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"{", "not JSON: line 1"),
        (b'{"values": [{"id": 1, "pageRank": NaN}], "edges": []}', "holds NaN"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "graph.json"
    path.write_bytes(content)
    with pytest.raises(GraphFileError, match=named):
        read_json(path)


def test_graphml_and_gexf_hold_the_graph_and_hostile_texts_stay_text() -> None:
    nasty = 'a"><script>\x00\x1b[2J</script>'
    graph = moral_graph.build(many((nasty, "b", 4, 1, 0), ("b", "c", 3, 0, 0)), resamples=10)
    back = networkx.parse_graphml(to_graphml(graph))
    assert len(back.nodes) == 3
    assert len(back.edges) == 2
    assert back.nodes["c"]["rank"] == graph.values.set_index("value").loc["c", "rank"]
    assert back.edges["b", "c"]["wiser"] == 3
    for text in (to_graphml(graph), to_gexf(graph)):
        root = ElementTree.fromstring(text)
        assert "script" not in {element.tag.split("}")[-1] for element in root.iter()}
        assert "\x1b" not in text


def test_an_empty_graph_is_a_file_too() -> None:
    graph = moral_graph.build(many(("a", "b", 0, 3, 0)), resamples=0)
    assert to_json(graph) == {"values": [], "edges": []}
    assert len(networkx.parse_graphml(to_graphml(graph)).nodes) == 0
