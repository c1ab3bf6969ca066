"""The graph behind a page: computed from the raw votes once for each filter, mapping version and set of votes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd

from analysis import moral_graph
from analysis.moral_graph.layout import Layout, place
from elicitation.explorer.asked import Asked, said
from elicitation.models import Card, MappingDecision, Vote
from elicitation.votes.table import StudyVotes, votes_of
from study.registration.models import Study

RESAMPLES = 400
SEED = 404
MOMENTS = 24  # stops of the time slider


@dataclass(frozen=True)
class Version:
    """What a graph was computed from. Votes and cards are only added or erased and decisions only added, so their
    numbers say whether anything changed."""

    study: uuid.UUID
    votes: int
    decisions: int
    cards: int


@dataclass(frozen=True)
class Drawn:
    """A graph with the cards of its values; None where no vote is in the filter."""

    graph: moral_graph.MoralGraph | None
    cards: pd.DataFrame
    version: int
    merged: int
    repeated: int

    @property
    def titles(self) -> dict[object, str]:
        """Titles by value."""
        return dict(zip(self.cards["value"], self.cards["title"], strict=True))

    def title(self, value: object) -> str:
        """The title of a value; its code where it has none."""
        return self.titles.get(value, str(value))


def version_of(study: Study) -> Version:
    """The study's votes, decisions and cards as they are now; three queries."""
    votes = Vote.objects.filter(session__study=study).exclude(verdict="").count()
    decisions = MappingDecision.objects.filter(study=study).count()
    return Version(study.pk, votes, decisions, Card.objects.filter(study=study).exclude(title="").count())


def drawn(study: Study, asked: Asked) -> Drawn:
    """The graph of a study under a filter. Those who ask for the same one at once wait for one computation."""
    version = version_of(study)
    return _once(version, _snapped(version, asked.alone))


_turns: WeakValueDictionary[tuple[Version, Asked], Lock] = WeakValueDictionary()
_turn = Lock()


def _once(version: Version, asked: Asked) -> Drawn:
    """As `_drawn`, which by itself would be computed by each thread that comes before the first is done."""
    with _turn:
        mine = _turns.setdefault((version, asked), Lock())
    with mine:
        return _drawn(version, asked)


def moments(study: Study) -> tuple[str, ...]:
    """The stops of the time slider: evenly from the first vote to the last, to the minute; empty without votes."""
    return _moments(version_of(study))


def selected(version: Version, asked: Asked) -> pd.DataFrame:
    """The votes in a filter."""
    votes = _votes(version, asked.question).votes
    for column, wanted in (("context", asked.context), ("case", asked.case), ("group", asked.answer)):
        if wanted:
            votes = votes[votes[column] == wanted]
    if asked.until:
        end = datetime.fromisoformat(asked.until) + timedelta(minutes=1)
        votes = votes[pd.to_datetime(votes["created_at"], utc=True) < end]
    return votes


@lru_cache(maxsize=8)
def _votes(version: Version, question: str) -> StudyVotes:
    return votes_of(Study.objects.get(pk=version.study), group=question)


@lru_cache(maxsize=64)
def _drawn(version: Version, asked: Asked) -> Drawn:
    found, votes = _votes(version, asked.question), selected(version, asked)
    graph = moral_graph.build(votes, resamples=RESAMPLES, seed=SEED) if len(votes) else None
    return Drawn(graph, found.cards, found.version, found.merged, found.repeated)


@lru_cache(maxsize=16)
def _moments(version: Version) -> tuple[str, ...]:
    at = pd.to_datetime(_votes(version, "").votes["created_at"], utc=True)
    if at.empty:
        return ()
    first, last = at.min().timestamp(), at.max().timestamp()
    stops = (said(datetime.fromtimestamp(one, UTC)) for one in np.linspace(first, last, MOMENTS))
    return tuple(dict.fromkeys(stops))


def _snapped(version: Version, asked: Asked) -> Asked:
    """With the next stop of the slider for any other moment: whatever is asked for, few graphs are computed."""
    if not asked.until:
        return asked
    later = [stop for stop in _moments(version) if stop >= asked.until]
    return replace(asked, until=later[0] if later[1:] else "")


@lru_cache(maxsize=16)
def places(version: Version) -> dict[str, tuple[float, float]]:
    """Where every value that was voted on stands, whatever is filtered."""
    layout, values = _layout(version)
    return dict(zip(values, zip(layout.x.tolist(), layout.y.tolist(), strict=True), strict=True))


def spacing(version: Version) -> float:
    """Distance between neighbours on an even grid of all values."""
    return _layout(version)[0].spacing


@lru_cache(maxsize=16)
def _layout(version: Version) -> tuple[Layout, tuple[str, ...]]:
    graph = _once(version, Asked()).graph
    if graph is None:
        none = np.zeros(0, dtype=np.intp)
        return place(none, none, np.zeros(0), np.zeros(0)), ()
    values = (*graph.values["value"], *graph.left_out)
    at = {value: number for number, value in enumerate(values)}
    source, target = (
        graph.pairs[name].map(at).to_numpy(dtype=np.intp) for name in ("from_value", "to_value")
    )
    height = np.concatenate([graph.values["rank"].to_numpy(float), np.full(len(graph.left_out), np.nan)])
    weight = graph.pairs["impressions"].to_numpy(float)
    return place(source, target, weight, height, seed=SEED), values
