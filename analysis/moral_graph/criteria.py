"""Six criteria for an alignment target (Klingefjord, Lowe, Edelman 2024) as measurements of a graph.

Fine-grained, generalisable, scalable, robust, legitimate, auditable. A criterion whose data is not there is
a row without a value and with the reason: never a 0, never left out.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau

from analysis.completeness import completeness
from analysis.estimate import Estimate, check_level, ratio_estimate
from analysis.moral_graph import pairwise
from analysis.moral_graph.graph import build, wilson
from analysis.moral_graph.influence import takeovers
from analysis.moral_graph.likelihood import log_shares
from analysis.moral_graph.rules import Rule, rule_of
from analysis.moral_graph.votes import Ballots, Duplicates, check, encode

Floats = NDArray[np.float64]

FOLDS = 5
SPLITS = 20
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
) -> pd.DataFrame:
    """The six criteria, a row per measure.

    votes: the columns of a vote; case, story, comment and call are used where present.
    cards: participant, value, policies (a list), a row per values card. survey: participant, question,
    agrees (bool), and group where there is one.
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
        *_robust(checked, rule),
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


def _mean(numbers: Sequence[float], clusters: Sequence[Any], level: float) -> Estimate:
    """Mean with a cluster-robust interval; each number belongs to a cluster."""
    codes, labels = pd.factorize(pd.Series(list(clusters)))
    sums = np.bincount(codes, weights=np.asarray(numbers, dtype=float), minlength=len(labels))
    counts = np.bincount(codes, minlength=len(labels)).astype(float)
    return ratio_estimate(sums.astype(float), counts, level=level, proportion=False)


def _fine_grained(
    votes: pd.DataFrame, rule: Rule, cards: pd.DataFrame | None, level: float
) -> list[dict[str, Any]]:
    edges = build(votes, rule, resamples=0, level=level).edges

    def policies() -> Estimate:
        if cards is None:
            raise ValueError("no cards were given")
        return _mean([len(row) for row in cards["policies"]], cards["participant"].tolist(), level)

    def contexts() -> Estimate:
        if edges.empty:
            raise ValueError("no edge is kept")
        numbers = np.array([len(one) for one in edges["contexts"]], dtype=float)
        return Estimate(float(numbers.mean()), np.nan, np.nan, np.nan, len(numbers), 0)

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


def held_out(
    ballots: Ballots, *, folds: int = FOLDS, level: float = 0.95, seed: int | np.random.Generator = 0
) -> Estimate:
    """How well the answers of participants who were left out are predicted from the others', in bits a vote.

    Participants are split into folds; the pairwise model of the other folds predicts each vote, and so do
    the overall shares of the answers; the value is the mean difference of the log probabilities of what was
    said. 0: the values predict nothing. Raises ValueError where the model cannot be fitted in a fold.
    """
    rng = np.random.default_rng(seed)
    people = len(ballots.participants)
    if people < 2 * folds:
        raise ValueError(f"{people} participants are too few for {folds} folds")
    fold = rng.permutation(people) % folds
    gained = np.full(ballots.votes, np.nan)
    for one in range(folds):
        out = fold[ballots.participant] == one
        gained[out] = _gain(ballots, out)
    used = np.isfinite(gained)
    missing = int((~used).sum())
    found = _mean(gained[used].tolist(), ballots.participant[used].tolist(), level)
    note = f"{missing} votes on values that only they compared are left out" if missing else ""
    return Estimate(found.value, found.se, found.low, found.high, found.n, found.clusters, missing, note)


def _gain(ballots: Ballots, out: NDArray[np.bool_]) -> Floats:
    """Bits gained on the votes left out; nan where a value was not seen in the others."""
    rest = encode(_decoded(ballots, ~out))
    fitted = pairwise.fit(rest)
    strength = pd.Series(fitted.parameters[:-3], index=rest.values).reindex(ballots.values).to_numpy(float)
    pair = ballots.pair[out]
    eta = strength[ballots.target[pair]] - strength[ballots.source[pair]]
    points, weights = np.polynomial.hermite_e.hermegauss(21)
    spread = fitted.spread.value * points
    logs = log_shares(eta[:, None] + fitted.acquiescence.value + spread, fitted.tie.value)
    shares = (np.exp(logs) * weights / weights.sum()).sum(axis=-1)
    base = np.bincount(rest.verdict, minlength=3) / rest.votes
    said = ballots.verdict[out]
    return np.asarray(np.log2(shares[said, np.arange(len(said))]) - np.log2(base[said]))


def _decoded(ballots: Ballots, kept: NDArray[np.bool_]) -> pd.DataFrame:
    pair = ballots.pair[kept]
    return pd.DataFrame(
        {
            "participant": ballots.participants[ballots.participant[kept]],
            "from_value": ballots.values[ballots.source[pair]],
            "to_value": ballots.values[ballots.target[pair]],
            "context": ballots.contexts[ballots.context[kept]],
            "verdict": np.array(["wiser", "not_wiser", "unsure"])[ballots.verdict[kept]],
        }
    )


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


def _robust(votes: pd.DataFrame, rule: Rule) -> list[dict[str, Any]]:
    def weakest() -> Estimate:
        ballots = encode(votes)
        table = takeovers(ballots, rule)
        people = len(ballots.participants)
        if table.empty or table["share"].isna().all():
            raise ValueError(
                f"no other value can be made the winner by up to {people} coordinated participants"
            )
        first = table.iloc[0]
        note = f"{first['attackers']} more participants would make {first['value']!r} the winner"
        return Estimate(float(first["share"]), np.nan, np.nan, np.nan, len(votes), people, note=note)

    return [_row("robust", "share of coordinated participants that moves the winner", _try(weakest))]


def _legitimate(survey: pd.DataFrame | None, level: float) -> list[dict[str, Any]]:
    if survey is None:
        nothing = Estimate.unavailable("no survey answers were given")
        return [_row("legitimate", "agreement with the exit survey", nothing)]
    rows = []
    for question, answers in survey.groupby("question", sort=False):
        rows.append(_row("legitimate", f"agree: {question}", _agreement(answers, level)))
        if "group" in answers.columns:
            rows += [
                _row("legitimate", f"agree: {question} ({group})", _agreement(part, level))
                for group, part in answers.groupby("group")
            ]
    return rows


def _agreement(answers: pd.DataFrame, level: float) -> Estimate:
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
    return Estimate(hits / len(edges), np.nan, np.nan, np.nan, len(edges), 0)
