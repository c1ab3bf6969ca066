"""Votes of personas without the pages, in numbers: the same draws and the same answers, a thousand times as fast."""

import numpy as np
import pandas as pd

from elicitation.rehearsal.personas import ACQUIESCENCE, OWN_ACQUIESCENCE, TIE, library, told, truth
from elicitation.stages.configs import ChooseValuesStage, CompareValuesStage, ValuesCardStage
from study.protocol.types import Protocol
from tests.analysis.moral_graph.voters import VERDICTS, shares


def persona_votes(protocol: Protocol, people: int, rng: np.random.Generator) -> pd.DataFrame:
    """Votes with the columns of an export: participant, from_value, to_value, context, verdict, case.

    Every persona takes a case, chooses two of the values shown, and judges stories of the case: a pair with a chosen
    value is `own` times as likely, none comes twice, each direction has one half.
    """
    (compare,) = (s for s in protocol.flow if isinstance(s, CompareValuesStage))
    (card,) = (s for s in protocol.flow if isinstance(s, ValuesCardStage))
    chosen = _chosen(protocol, people, rng)
    case = rng.integers(len(card.cases), size=people)
    acquiescence = ACQUIESCENCE + OWN_ACQUIESCENCE * rng.normal(size=people)
    stories = told(protocol)
    parts = []
    for number, one in enumerate(card.cases):
        there = stories[stories["case"] == one.id][["from_value", "to_value"]].to_numpy()[::2]
        who = np.flatnonzero(case == number)
        parts.append(_votes(there, chosen[who], acquiescence[who], compare, protocol, rng, who, one.id))
    return pd.concat(parts, ignore_index=True)


def _chosen(protocol: Protocol, people: int, rng: np.random.Generator) -> np.ndarray:
    """Which values of the library each persona chose, (people, values)."""
    (stage,) = (s for s in protocol.flow if isinstance(s, ChooseValuesStage))
    strength = truth(protocol)
    known = np.array([strength[value.id] for value in library(protocol)])
    lots = rng.random((people, len(known)))
    shown = lots <= np.sort(lots, axis=1)[:, [stage.shown - 1]]
    seems = np.where(shown, known + rng.gumbel(size=lots.shape), -np.inf)
    return seems >= np.sort(seems, axis=1)[:, [-2]]


def _votes(
    pairs: np.ndarray,
    chosen: np.ndarray,
    acquiescence: np.ndarray,
    stage: CompareValuesStage,
    protocol: Protocol,
    rng: np.random.Generator,
    who: np.ndarray,
    case: str,
) -> pd.DataFrame:
    strength = truth(protocol)
    places = {value.id: number for number, value in enumerate(library(protocol))}
    ends = np.array([[places[value] for value in pair] for pair in pairs])
    own = (chosen[:, ends[:, 0]] | chosen[:, ends[:, 1]]) * np.log(stage.own)
    # weighted draws without replacement, one after the other, are the largest of log weight plus Gumbel noise
    pair = np.argsort(-(own + rng.gumbel(size=own.shape)), axis=1)[:, : stage.count].ravel()
    back = rng.integers(2, size=len(pair))
    rows = np.arange(len(pair))
    lower, upper = pairs[pair][rows, back], pairs[pair][rows, 1 - back]
    person = np.repeat(np.arange(len(who)), stage.count)
    heights = np.array([strength[b] - strength[a] for a, b in zip(lower, upper, strict=True)])
    said = shares(heights + acquiescence[person], TIE).cumsum(axis=1)
    verdict = VERDICTS[(rng.random(len(pair))[:, None] > said).sum(axis=1)]
    return pd.DataFrame(
        {
            "participant": np.char.mod("%d", who[person]),
            "from_value": lower,
            "to_value": upper,
            "context": "c",
            "verdict": verdict,
            "case": case,
        }
    )
