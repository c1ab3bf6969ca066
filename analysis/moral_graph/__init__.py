"""The moral graph: from votes on who became wiser to ranked values, with intervals.

`build` is the way in. The other modules answer questions about the result: `pairwise` (a model of the
votes beside PageRank), `bridging` (agreement between groups), `stories` (what the stories themselves do),
`influence` (coordinated votes), `criteria` (six criteria for an alignment target), `endless` (the graph
that endless votes would give) and `exchange` (files).
"""

from analysis.moral_graph.graph import MoralGraph, build, wilson
from analysis.moral_graph.rules import CORRECTED, LEGACY, RULES, Rule
from analysis.moral_graph.votes import COLUMNS, VERDICTS, VoteError, check, encode, read_csv, select

__all__ = [
    "COLUMNS",
    "CORRECTED",
    "LEGACY",
    "RULES",
    "VERDICTS",
    "MoralGraph",
    "Rule",
    "VoteError",
    "build",
    "check",
    "encode",
    "read_csv",
    "select",
    "wilson",
]
