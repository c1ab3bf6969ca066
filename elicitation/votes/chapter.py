"""The moral graph and the six criteria in a study's bundle: their numbers as the explorer shows them, and the
notebooks' cells that find them again from the tables."""

from __future__ import annotations

from typing import Any

from elicitation.review.tab import elicits
from study.evidence.chapters import Chapter, add
from study.registration.models import Study

NAME = "moral_graph"


def register() -> None:
    """Make the chapter known to the bundle."""
    add(CHAPTER)
    add(CRITERIA)


def results(study: Study) -> dict[str, Any] | None:
    """The graph of all votes with its intervals; None without an elicitation or without votes."""
    from analysis.moral_graph.told import told
    from elicitation.explorer.asked import Asked
    from elicitation.explorer.graphs import RESAMPLES, SEED, drawn

    graph = drawn(study, Asked()).graph if elicits(study) else None
    return None if graph is None else {"resamples": RESAMPLES, "seed": SEED, **told(graph)}


def criteria(study: Study) -> dict[str, Any] | None:
    """The six criteria of all votes and what they are found again by; None without an elicitation or without votes."""
    from dataclasses import asdict

    from elicitation.explorer.criteria import table_now
    from elicitation.followup.actions import asks_again
    from elicitation.followup.shares import QUESTIONS
    from elicitation.votes.criteria import SEED, statements, told
    from study.session.walks import protocol_of_study

    table = table_now(study) if elicits(study) else None
    if table is None:
        return None
    asked = [asdict(one) for one in statements(protocol_of_study(study))]
    return {
        "seed": SEED,
        "statements": asked,
        "follow_up": QUESTIONS if asks_again(study) else {},
        "rows": told(table),
    }


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
drawn = rows[["label", "value", "low", "high"]]
SVG(forest(drawn, label="rank of the value", apart=False).svg()) if len(rows) else "No edge." """

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

SIX = """\
from analysis.moral_graph import criteria_again

reported_criteria = json.loads((BUNDLE / "results" / "six_criteria.json").read_text(encoding="utf-8"))
pd.DataFrame(reported_criteria["rows"])[["criterion", "measure", "value", "low", "high", "n", "note"]]"""

SIX_AGAIN = """\
six = criteria_again.again(lambda name: reproduce.load(BUNDLE, [name])[name], reported_criteria)
different = list(criteria_again.differences(six, reported_criteria))
assert not different, different[:10]
print("The six criteria were found again; the number of policies on a card is not, as withheld cards are not here.")"""

CRITERIA = Chapter(
    "six_criteria",
    criteria,
    confirmatory=[
        (
            "markdown",
            "## Six criteria\n\nWhat the graph is worth before an AI follows it: each figure with its interval, "
            "or the range it moved in, and with what was counted.",
        ),
        ("code", SIX),
        ("code", SIX_AGAIN),
    ],
    explore=[],
)
