"""What the number of values and the highest ranks owe to the threshold: computed by a worker, kept with its search.

Nothing is asked anew. The answers that are there are replayed at smaller distances: nearest pairs first, as the search
joined them, with people's decisions in the place of the judge's wherever there is one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import moral_graph
from analysis.completeness import over_thresholds
from analysis.figures import rank_curve, value_curve
from analysis.moral_graph.remap import remap
from elicitation.models import Card, MappingDecision, mapping_of
from elicitation.values.apart import KEPT_APART
from elicitation.values.mapping import Decision, ValueMapping
from elicitation.values.models import MergeProposal, MergeState
from elicitation.votes.table import votes_of
from study.analyses.blinding import may_see_outcomes
from study.registration.models import Study

STOPS = 21  # distances from 0 to the threshold; ranks are computed at every second
TOP = 5  # values whose ranks are drawn
RESAMPLES = 200
SEED = 404


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cards that were compared. distance: 0 to 2; None where a person brought them together. same: as it stands now
    (open pairs count as the judge said). accepted: a person said so."""

    first: str
    second: str
    distance: float | None
    same: bool
    accepted: bool = False


@dataclass(frozen=True)
class Curve:
    """rows: one for each distance: threshold, values, and where they can be had richness and unseen with their
    intervals and `ranks` (value, title, rank, low, high). figures: SVG by name."""

    rows: list[dict[str, Any]]
    figures: dict[str, str]


def groups_at(
    values: dict[str, str], pairs: Iterable[Pair], threshold: float, gone: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Card to value when only pairs within `threshold` can be joined, beginning from `values`; the order of its keys is
    the cards' age, and a group is named by its oldest card. As in the search, two groups become one when their oldest
    cards are the same (at whatever distance) and nobody keeps two of their cards apart, or because a person said so.
    Cards that are gone hold others together and are in no value.

    >>> groups_at(dict(a="a", b="b", c="c"), [Pair("a", "b", 0.1, True), Pair("b", "c", 0.2, True)], 0.1)
    {'a': 'a', 'b': 'a', 'c': 'c'}
    """
    age = {card: place for place, card in enumerate(values)}
    known = [pair for pair in pairs if pair.first in age and pair.second in age]
    near = [pair for pair in known if pair.same and (pair.distance or 0.0) <= threshold + 1e-12]
    same = {frozenset((pair.first, pair.second)) for pair in known if pair.same}
    apart: dict[str, set[str]] = {}
    for pair in known:
        if not pair.same:
            apart.setdefault(pair.first, set()).add(pair.second)
            apart.setdefault(pair.second, set()).add(pair.first)
    held: dict[str, set[str]] = {}
    for card, value in values.items():
        held.setdefault(value, set()).add(card)
    group = {card: held[value] for card, value in values.items()}
    for pair in sorted(near, key=lambda pair: (pair.distance or 0.0, age[pair.first], age[pair.second])):
        one, other = group[pair.first], group[pair.second]
        oldest = frozenset(min(cards, key=age.__getitem__) for cards in (one, other))
        told_apart = any(apart.get(card, set()) & other for card in one)
        if one is not other and (pair.accepted or (oldest in same and not told_apart)):
            joined = one | other
            group.update(dict.fromkeys(joined, joined))
    named: dict[int, str] = {}
    return {card: named.setdefault(id(group[card]), card) for card in values if card not in gone}


def of_study(study: Study, threshold: float, alive: Callable[[], None] = lambda: None) -> Curve:
    """The curves of a study as it stands, with ranks where outcomes may be seen. alive() is called now and then."""
    mapping, pairs = mapping_of(study.pk), pairs_of(study)
    farthest = max([threshold, *(pair.distance or 0.0 for pair in pairs)])
    stops = sorted({round(float(at), 4) for at in np.linspace(0, farthest, STOPS)} | {round(threshold, 4)})
    start = _without_pairs(study, mapping)
    groups = {at: groups_at(start, pairs, at, mapping.gone) for at in stops}
    rows: list[dict[str, Any]] = [
        {"threshold": at, "values": len(set(group.values()))} for at, group in groups.items()
    ]
    for row, heard in zip(rows, _completeness(study, groups), strict=False):
        row |= heard
    if may_see_outcomes(study):
        ranked = {at: groups[at] for n, at in enumerate(stops) if n % 2 == 0 or at == round(threshold, 4)}
        ranks = _ranks(study, ranked, threshold, alive)
        rows = [
            row | ({"ranks": ranks[row["threshold"]]} if row["threshold"] in ranks else {}) for row in rows
        ]
    return Curve(rows, _figures(rows, threshold))


def pairs_of(study: Study) -> list[Pair]:
    """Every pair that was compared or brought together, as it stands."""
    found = MergeProposal.objects.filter(study=study).with_state()
    return [
        Pair(
            one.first, one.second, one.distance, one.state not in KEPT_APART, one.state == MergeState.ACCEPTED
        )
        for one in found
    ]


def _without_pairs(study: Study, mapping: ValueMapping) -> dict[str, str]:
    """The values by the decisions that no pair stands for: those of `manage.py` before there were pairs, and splits."""
    rows = MappingDecision.objects.filter(study=study, merge_decisions=None)
    kept = tuple(
        Decision("merge" if one.kind == "merge" else "split", tuple(one.cards), "", one.by) for one in rows
    )
    return ValueMapping(mapping.cards, kept).values()


def _completeness(study: Study, groups: dict[float, dict[str, str]]) -> list[dict[str, float]]:
    """Chao2 and Good–Turing of participants' own cards at each distance; nothing with fewer than two participants."""
    own = Card.objects.filter(study=study, session__preview_arm="", title__gt="")
    cards = pd.DataFrame(
        own.values_list("session__participant__code", "code"), columns=["participant", "card"]
    )
    if cards["participant"].nunique() < 2:
        return []
    table = over_thresholds(
        cards, {at: dict[Hashable, Hashable](group.items()) for at, group in groups.items()}
    )
    names = ["richness", "richness_low", "richness_high", "unseen", "unseen_low", "unseen_high"]
    own_values = table["values"].astype(int)
    return [
        {"own": int(count), **{name: _plain(row[name]) for name in names}}
        for count, row in zip(own_values, table.to_dict("records"), strict=True)
    ]


def _plain(value: Any) -> Any:
    return float(value) if math.isfinite(value) else None


def _ranks(
    study: Study, groups: dict[float, dict[str, str]], threshold: float, alive: Callable[[], None]
) -> dict[float, list[dict[str, Any]]]:
    """By distance the ranks of the values that are highest at the threshold in use (or at the nearest distance with an
    edge), with their intervals."""
    found = votes_of(study, version=0)
    if found.votes.empty:
        return {}
    titles = dict(zip(found.cards["value"], found.cards["title"], strict=True))
    tables = {}
    for at, group in groups.items():
        ends = {
            value: value for value in pd.unique(found.votes[["from_value", "to_value"]].to_numpy().ravel())
        }
        votes = remap(found.votes, ends | group).votes
        tables[at] = (
            moral_graph.build(votes, resamples=RESAMPLES, seed=SEED).values.set_index("value")
            if len(votes)
            else None
        )
        alive()
    drawn = {at: table for at, table in tables.items() if table is not None and len(table)}
    if not drawn:
        return {}
    top = drawn[min(drawn, key=lambda at: abs(at - threshold))].index[:TOP].tolist()
    return {
        at: [
            {"value": value, "title": titles.get(value, value)}
            | {name: _plain(table.at[value, name]) for name in ("rank", "low", "high")}
            for value in top
            if table is not None and value in table.index
        ]
        for at, table in tables.items()
    }


def _figures(rows: Sequence[dict[str, Any]], threshold: float) -> dict[str, str]:
    """The number of values, and the ranks where there are any."""
    table = pd.DataFrame([{name: cell for name, cell in row.items() if name != "ranks"} for row in rows])
    figures = {"values": value_curve(table, threshold=threshold).svg().decode()}
    first: list[dict[str, Any]] = next((row["ranks"] for row in rows if row.get("ranks")), [])
    titles = Counter(one["title"] for one in first)
    ranks = [
        {
            "threshold": row["threshold"],
            **one,
            "value": one["title"] if titles[one["title"]] < 2 else f"{one['title']} ({one['value']})",
        }
        for row in rows
        for one in row.get("ranks", [])
    ]
    if ranks:
        figures["ranks"] = rank_curve(pd.DataFrame(ranks), threshold=threshold).svg().decode()
    return figures
