"""The graph behind a page: computed from the raw votes once for each filter, mapping version and set of votes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from analysis import moral_graph
from elicitation.explorer.asked import Asked
from elicitation.models import MappingDecision, Vote
from elicitation.votes.table import votes_of
from study.registration.models import Study

RESAMPLES = 400
SEED = 404


@dataclass(frozen=True)
class Drawn:
    """A graph with the cards of its values; None where no vote is in the filter."""

    graph: moral_graph.MoralGraph | None
    cards: pd.DataFrame
    version: int
    merged: int
    repeated: int

    def title(self, value: object) -> str:
        """The title of a value; its code where it has none."""
        found = self.cards.loc[self.cards["value"] == value, "title"]
        return str(found.iloc[0]) if len(found) else str(value)


def drawn(study: Study, asked: Asked) -> Drawn:
    """The graph of a study under a filter."""
    votes = Vote.objects.filter(session__study=study).exclude(verdict="").count()
    version = MappingDecision.objects.filter(study=study).count()
    return _drawn(study.pk, asked, votes, version)


@lru_cache(maxsize=64)
def _drawn(study_id: uuid.UUID, asked: Asked, _votes: int, _version: int) -> Drawn:
    """Votes are only added or erased and decisions only added, so their numbers say whether anything changed."""
    found = votes_of(Study.objects.get(pk=study_id), group=asked.question)
    votes = found.votes
    for column, wanted in (("context", asked.context), ("case", asked.case), ("group", asked.answer)):
        if wanted:
            votes = votes[votes[column] == wanted]
    graph = moral_graph.build(votes, resamples=RESAMPLES, seed=SEED) if len(votes) else None
    return Drawn(graph, found.cards, found.version, found.merged, found.repeated)
