"""Six criteria for an alignment target (Klingefjord, Lowe, Edelman 2024) as measurements of a graph.

Fine-grained, generalisable, scalable, robust, legitimate, auditable. A criterion whose data is not there is
a row without a value and with the reason: never a 0, never left out.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from analysis.completeness import completeness
from analysis.estimate import Estimate, check_level
from analysis.moral_graph.graph import build, wilson
from analysis.moral_graph.held_out import held_out
from analysis.moral_graph.influence import median_votes, takeovers
from analysis.moral_graph.means import mean
from analysis.moral_graph.rules import Rule, rule_of
from analysis.moral_graph.votes import Ballots, Duplicates, check, encode

NO_SURVEY = "no survey answers were given"
SPLITS = 20
DRAWS = 100  # of the participants, for how far the weakest point of the graph hangs on who took part
NEAREST = 3  # values next to the winner that are looked at in each of those draws
MOST_DRAWN = 20_000  # votes; with more, those draws would take minutes
LEADS = ("story", "comment", "call")  # columns of votes that lead from an edge to where it came from


def criteria(
    votes: pd.DataFrame,
    rule: str | Rule = "corrected",
    *,
    cards: pd.DataFrame | None = None,
    survey: pd.DataFrame | None = None,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
    duplicates: Duplicates = "refuse",
    titles: Mapping[Hashable, str] | None = None,
) -> pd.DataFrame:
    """The six criteria, a row per measure.

    votes: the columns of a vote; case, story, comment and call are used where present.
    cards: participant, value, policies (a list), a row per values card. survey: participant, question,
    agrees (bool), and group where there is one. titles: what notes call a value; its code where there is none.
    Columns: criterion, measure, value, low, high, n, clusters, note.
    """
    check_level(level)
    rule = rule_of(rule)
    checked = check(votes, duplicates=duplicates)
    rng = np.random.default_rng(seed)
    rows = [
        *_fine_grained(checked, rule, cards, level),
        *_generalisable(checked, level, rng),
        *_scalable(checked, rule, cards, level, rng),
        *_robust(checked, rule, rng, titles or {}),
        *_legitimate(survey, level),
        *_auditable(checked, rule, level),
    ]
    return pd.DataFrame(rows)


def _row(criterion: str, measure: str, found: Estimate) -> dict[str, Any]:
    numbers = {name: getattr(found, name) for name in ("value", "low", "high", "n", "clusters", "note")}
    return {"criterion": criterion, "measure": measure, **numbers}


def _try(measured: Callable[[], Estimate]) -> Estimate:
    """The measure, or the reason why these votes do not allow it."""
    try:
        return measured()
    except ValueError as reason:
        return Estimate.unavailable(str(reason).splitlines()[0])


def _fine_grained(
    votes: pd.DataFrame, rule: Rule, cards: pd.DataFrame | None, level: float
) -> list[dict[str, Any]]:
    edges = build(votes, rule, resamples=0, level=level).edges

    def policies() -> Estimate:
        if cards is None:
            raise ValueError("no cards were given")
        return mean([len(row) for row in cards["policies"]], cards["participant"].tolist(), level)

    def contexts() -> Estimate:
        if edges.empty:
            raise ValueError("no edge is kept")
        numbers = [float(len(one)) for one in edges["contexts"]]
        found = mean(numbers, range(len(numbers)), level)
        note = "interval over edges" if np.isfinite(found.low) else "every edge has as many: no interval"
        return replace(found, clusters=0, note=note)

    return [
        _row("fine-grained", "attention policies per card", _try(policies)),
        _row("fine-grained", "contexts per edge", _try(contexts)),
    ]


def _generalisable(votes: pd.DataFrame, level: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    def shared() -> Estimate:
        if "case" not in votes.columns:
            raise ValueError("the votes have no column 'case'")
        cases = votes.groupby("context")["case"].nunique()
        return _share(int((cases > 1).sum()), len(cases), level)

    return [
        _row("generalisable", "share of contexts that occur in several cases", _try(shared)),
        _row(
            "generalisable",
            "held-out answers: bits gained over the overall shares",
            _try(lambda: held_out(encode(votes), level=level, seed=rng)),
        ),
    ]


def _scalable(
    votes: pd.DataFrame, rule: Rule, cards: pd.DataFrame | None, level: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    def heard() -> Estimate:
        if cards is None:
            raise ValueError("no cards were given")
        unseen = completeness(cards, level=level).unseen
        ends = 1 - unseen.high, 1 - unseen.low
        return Estimate(1 - unseen.value, unseen.se, *ends, unseen.n, unseen.clusters, note=unseen.note)

    return [
        _row(
            "scalable", "Kendall's tau of the ranks of two halves", _try(lambda: split_half(votes, rule, rng))
        ),
        _row("scalable", "share of the next card already heard", _try(heard)),
    ]


def split_half(
    votes: pd.DataFrame, rule: str | Rule, rng: np.random.Generator, splits: int = SPLITS
) -> Estimate:
    """Agreement of the ranks from two random halves of the participants, Kendall's tau-b, -1 to 1.

    Mean over splits, on the values that are in both graphs; low and high are the 2.5 and 97.5 percent
    points over splits, which show how much the cut matters and are no confidence interval.
    Raises ValueError when no split leaves 2 values in both graphs.
    """
    people = votes["participant"].unique()
    taus = []
    for _ in range(splits):
        half = set(rng.permutation(people)[: len(people) // 2].tolist())
        inside = votes["participant"].isin(half)
        if inside.all() or not inside.any():
            raise ValueError("one participant: the votes cannot be halved")
        ranks = [
            build(part, rule, resamples=0).values.set_index("value")["rank"]
            for part in (votes[inside], votes[~inside])
        ]
        both = pd.concat(ranks, axis=1, join="inner")
        if len(both) > 1 and (both.nunique() > 1).all():
            taus.append(float(kendalltau(both.iloc[:, 0], both.iloc[:, 1]).statistic))
    if not taus:
        raise ValueError("the two halves have no two values in common")
    low, high = np.quantile(taus, [0.025, 0.975])
    note = f"range over {len(taus)} random halves"
    return Estimate(float(np.mean(taus)), np.nan, float(low), float(high), len(votes), len(people), note=note)


def _robust(
    votes: pd.DataFrame, rule: Rule, rng: np.random.Generator, titles: Mapping[Hashable, str]
) -> list[dict[str, Any]]:
    def weakest() -> Estimate:
        ballots = encode(votes)
        table = takeovers(ballots, rule)
        people = len(ballots.participants)
        if table.empty or table["share"].isna().all():
            raise ValueError(
                f"no other value can be made the winner by up to {people} coordinated participants"
            )
        first = table.iloc[0]
        notes = [
            f"{int(first['attackers'])} more would make “{titles.get(first['value'], first['value'])}” the winner"
        ]
        drawn = _redrawn(ballots, rule, rng) if ballots.votes <= MOST_DRAWN else []
        low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
        notes += [f"range over {len(drawn)} draws of the participants"] if drawn else []
        return Estimate(
            float(first["share"]), np.nan, float(low), float(high), len(votes), people, note="; ".join(notes)
        )

    return [_row("robust", "share of coordinated participants that moves the winner", _try(weakest))]


def _redrawn(ballots: Ballots, rule: Rule, rng: np.random.Generator) -> list[float]:
    """The easiest takeover's share with the participants drawn anew, in every draw that has one."""
    people, each, shares = len(ballots.participants), median_votes(ballots), []
    for _ in range(DRAWS):
        often = np.bincount(rng.integers(people, size=people), minlength=people)
        rows = np.repeat(np.arange(ballots.votes), often[ballots.participant])
        if not len(rows):
            continue
        part = {name: getattr(ballots, name)[rows] for name in ("participant", "context", "verdict", "pair")}
        found = takeovers(replace(ballots, **part), rule, candidates=NEAREST, votes_each=each)[
            "share"
        ].dropna()
        shares += found.head(1).tolist()
    return shares


def _legitimate(survey: pd.DataFrame | None, level: float) -> list[dict[str, Any]]:
    if survey is None:
        nothing = Estimate.unavailable(NO_SURVEY)
        return [_row("legitimate", "agreement with the exit survey", nothing)]
    rows = []
    for question, answers in survey.groupby("question", sort=False):
        rows.append(_row("legitimate", f"agree: {question}", agreement(answers, level)))
        if "group" in answers.columns:
            rows += [
                _row("legitimate", f"agree: {question} ({group})", agreement(part, level))
                for group, part in answers.groupby("group")
            ]
    return rows


def agreement(answers: pd.DataFrame, level: float) -> Estimate:
    given = answers["agrees"].dropna().astype(bool)
    if given.empty:
        return Estimate.unavailable("nobody answered", missing=len(answers))
    return _share(int(given.sum()), len(given), level, missing=len(answers) - len(given))


def _share(hits: int, n: int, level: float, missing: int = 0) -> Estimate:
    if n == 0:
        raise ValueError("there is nothing to count")
    low, high = wilson(np.array([float(hits)]), np.array([float(n)]), level)
    return Estimate(hits / n, np.nan, float(low[0]), float(high[0]), n, n, missing)


def _auditable(votes: pd.DataFrame, rule: Rule, level: float) -> list[dict[str, Any]]:
    edges = build(votes, rule, resamples=0, level=level).edges[["from_value", "to_value"]]
    return [
        _row(
            "auditable",
            f"share of edges with a {lead} behind them",
            _try(partial(_traced, votes, edges, lead)),
        )
        for lead in LEADS
    ]


def _traced(votes: pd.DataFrame, edges: pd.DataFrame, lead: str) -> Estimate:
    if lead not in votes.columns:
        raise ValueError(f"the votes have no column '{lead}'")
    if edges.empty:
        raise ValueError("no edge is kept")
    said = votes[votes[lead].notna() & (votes[lead].astype(str).str.strip() != "")]
    pairs = set(zip(said["from_value"], said["to_value"], strict=True))
    hits = sum(pair in pairs for pair in zip(edges["from_value"], edges["to_value"], strict=True))
    return Estimate(hits / len(edges), np.nan, np.nan, np.nan, len(edges), 0, note="all edges counted")
