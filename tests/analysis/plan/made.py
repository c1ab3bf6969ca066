"""A small made-up study as tidy tables, and plans for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.plan.types import Plan

ARMS = ("control", "hedged")


def tables(
    *, people: int = 80, items: int = 8, effect: float = -1.2, seed: int = 5, arms: tuple[str, ...] = ARMS
) -> dict[str, pd.DataFrame]:
    """A one-stage yes/no study: half the advice is right; `effect` (log odds) lowers agreement with wrong advice in
    every arm but the first. Participants differ with SD 0.6, items with 0.4."""
    rng = np.random.default_rng(seed)
    arm = np.array(arms)[np.arange(people) % len(arms)]
    leaning, difficulty = rng.normal(0, 0.6, people), rng.normal(0, 0.4, items)
    p, i = np.repeat(np.arange(people), items), np.tile(np.arange(items), people)
    right = i % 2 == 0
    truth = np.where((i // 2) % 2 == 0, "yes", "no")
    advice = np.where(right, truth, np.where(truth == "yes", "no", "yes"))
    eta = np.where(right, 2.2, 0.8) + np.where(~right & (arm[p] != arms[0]), effect, 0.0)
    agree = rng.random(len(p)) < expit(eta + leaning[p] + difficulty[i])
    final = np.where(agree, advice, np.where(advice == "yes", "no", "yes"))
    code = np.array([f"p{n:03d}" for n in range(people)])
    trials = pd.DataFrame(
        {
            "participant": code[p],
            "arm": arm[p],
            "item": [f"q{n}" for n in i],
            "truth": truth,
            "advice": advice,
            "final": final,
            "ai_correct": right,
            "agree": agree,
            "correct": final == truth,
            "seconds": np.exp(rng.normal(3, 0.5, len(p)) + 0.3 * leaning[p]),
            "confidence": np.clip(np.round(3 + leaning[p] + rng.normal(0, 1, len(p))), 1, 5).astype(int),
        }
    )
    participants = pd.DataFrame(
        {
            "participant": code,
            "arm": arm,
            "outcome": "complete",
            "fast_trials": rng.poisson(0.3, people),
            "trust": np.clip(rng.normal(3.2, 0.7, people) - 0.3 * (arm != arms[0]), 1, 5),
        }
    )
    return {"trials": trials, "participants": participants}


def plan(**changed: Any) -> Plan:
    """The plan of that study; keyword arguments replace its parts."""
    parts: dict[str, Any] = {
        "levels": {"arm": list(ARMS)},
        "outcomes": [
            {"id": "agree", "label": "Agreement", "column": "agree", "kind": "binary"},
            {
                "id": "trust",
                "label": "Trust",
                "table": "participants",
                "column": "trust",
                "kind": "continuous",
                "unit": "points",
            },
            {
                "id": "time",
                "label": "Time",
                "column": "seconds",
                "kind": "continuous",
                "transform": "log",
                "unit": "s",
            },
            {"id": "confidence", "label": "Confidence", "column": "confidence", "kind": "ordinal"},
        ],
        "models": [
            {
                "id": "agreement",
                "outcome": "agree",
                "formula": "arm * ai_correct + (1 | participant) + (1 | item)",
                "family": "binomial",
            },
            {"id": "trusting", "outcome": "trust", "formula": "arm", "family": "gaussian", "errors": "HC3"},
        ],
        "hypotheses": [hypothesis()],
        "measures": [{"by": ["arm"], "draws": 200}],
    }
    return Plan.model_validate(parts | changed)


def hypothesis(**changed: Any) -> dict[str, Any]:
    """Hedging lowers agreement with wrong advice; keyword arguments replace its parts."""
    return {
        "id": "overreliance",
        "sentence": "A hedge lowers agreement with wrong advice.",
        "model": "agreement",
        "contrast": {"factor": "arm", "level": "hedged", "reference": "control", "at": {"ai_correct": False}},
        "criterion": {"op": "<", "value": 0},
    } | changed
