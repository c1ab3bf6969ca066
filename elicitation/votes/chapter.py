"""The moral graph in a study's bundle: its numbers as the explorer shows them, and the notebooks' cells that find them
again from the table of votes."""

from __future__ import annotations

from typing import Any

from elicitation.review.tab import elicits
from study.evidence.chapters import Chapter, add
from study.registration.models import Study

NAME = "moral_graph"


def register() -> None:
    """Make the chapter known to the bundle."""
    add(CHAPTER)


def results(study: Study) -> dict[str, Any] | None:
    """The graph of all votes with its intervals; None without an elicitation or without votes."""
    from analysis.moral_graph.told import told
    from elicitation.explorer.asked import Asked
    from elicitation.explorer.graphs import RESAMPLES, SEED, drawn

    graph = drawn(study, Asked()).graph if elicits(study) else None
    return None if graph is None else {"resamples": RESAMPLES, "seed": SEED, **told(graph)}


BUILD = f"""\
from analysis.moral_graph.again import graph_of
from analysis.moral_graph.told import told as numbers_of

reported_graph = json.loads((BUNDLE / "results" / "{NAME}.json").read_text(encoding="utf-8"))
elicited = reproduce.load(BUNDLE, ["votes", "cards"])
votes, cards = elicited["votes"], elicited["cards"]
graph = graph_of(votes, resamples=reported_graph["resamples"], seed=reported_graph["seed"])
ranked = graph.values.assign(title=graph.values["value"].map(cards.set_index("card")["title"]))
print(f"{{graph.votes}} votes of {{graph.participants}} people")"""

RANKED = """\
ranked[["position", "value", "title", "rank", "low", "high", "position_low", "position_high", "first", "wisdom"]]"""

EDGES = """\
graph.edges"""

INTERVALS = """\
rows = ranked.head(20).assign(label=lambda found: found["title"].where(found["title"].notna(), found["value"]),
                              value=lambda found: found["rank"])
SVG(forest(rows[["label", "value", "low", "high"]], label="rank of the value").svg()) if len(rows) else "No edge." """

COMPARE = """\
now = {"resamples": reported_graph["resamples"], "seed": reported_graph["seed"], **numbers_of(graph)}
different = list(reproduce.differences(reported_graph, now))
assert not different, different[:10]
print(f"{reproduce.numbers(reported_graph)} numbers of the moral graph found again, "
      f"each within {reproduce.TOLERANCE:g}.")"""

CHAPTER = Chapter(
    NAME,
    results,
    confirmatory=[
        (
            "markdown",
            "## The moral graph\n\nFrom the table of votes, with intervals over participants drawn anew.",
        ),
        ("code", BUILD),
        ("code", RANKED),
        ("code", EDGES),
        ("code", INTERVALS),
        ("code", COMPARE),
    ],
    explore=[
        ("markdown", "## The elicitation\n\nVotes, and the graph that they make."),
        ("code", BUILD),
        ("code", "explored(ranked)"),
        ("code", 'explored(pd.crosstab(votes["context"], votes["verdict"]))'),
    ],
)
