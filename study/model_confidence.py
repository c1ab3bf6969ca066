"""How sure is the model itself, and is it right to be? Elicited by `llm.confidence`, scored by `analysis`.

The truth meets the model's answers here and nowhere earlier: it is in no prompt.
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.calibration import Calibration, calibration
from analysis.recalibration import recalibrate
from llm.confidence import Belief, Way, elicit, read
from llm.errors import LLMError
from llm.models import Call
from study.protocol.types import Protocol

SCORES = ("brier", "skill", "log_score", "ece", "mce", "ks", "auc", "overconfidence")
FEWEST_TO_RECALIBRATE = 10


@dataclass(frozen=True)
class Item:
    """A yes/no question with its truth."""

    id: str
    question: str
    truth: bool


@dataclass(frozen=True)
class Scored:
    """One way of asking: a row per item (item, answer, confidence, right), its scores, and why items failed."""

    way: Way
    rows: pd.DataFrame
    scores: Mapping[str, Calibration]  # as stated, and after each recalibration
    failed: Mapping[str, str]


def read_items(path: Path) -> list[Item]:
    """Items of a CSV (id, question, truth) or of a protocol's YAML. Raises ValueError naming what is wrong."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows: Iterable[Mapping[str, Any]] = list(csv.DictReader(file))
    else:
        rows = (yaml.safe_load(path.read_text()) or {}).get("items") or []
    found = [_item(number, row) for number, row in enumerate(rows, 1)]
    if not found:
        raise ValueError(f"{path.name} has no items")
    return found


def _item(number: int, row: Mapping[str, Any]) -> Item:
    question, truth = row.get("question"), row.get("truth")
    if isinstance(question, Mapping):  # a protocol's text in several languages: the first one
        question = next(iter(question.values()), "")
    if truth not in (True, False, "yes", "no"):
        raise ValueError(f"item {number}: truth is {truth!r}, not yes or no")
    if not question:
        raise ValueError(f"item {number}: the question is missing")
    return Item(str(row.get("id") or number), str(question), truth in (True, "yes"))


def measure(
    items: Sequence[Item],
    way: Way,
    *,
    samples: int,
    model: str,
    rng: np.random.Generator,
    study: uuid.UUID | None = None,
) -> Scored:
    """Ask about every item in one way and score the answers. study: put the calls into its record."""
    questions = {item.id: item.question for item in items}
    beliefs, failed = elicit(questions, way, samples=samples, model=model, study=study)
    rows = table(items, beliefs)
    return Scored(way, rows, score(rows, rng), {item: str(error) for item, error in failed.items()})


def items_of(protocol: Protocol) -> list[Item]:
    """The protocol's yes/no items in its first language."""
    return [
        Item(item.id, protocol.say(item.question), item.truth == "yes")
        for item in protocol.items
        if item.kind == "binary" and set(item.options) == {"yes", "no"}
    ]


def of_study(study: uuid.UUID, items: Sequence[Item]) -> list[Scored]:
    """What the record of a study holds: one for every way and model asked for, with intervals. One query.

    Items whose calls failed, or whose question was erased, are told as failed.
    """
    calls = Call.objects.of_study(study).filter(key__startswith=f"confidence:{study}:").order_by("key")
    groups: dict[tuple[str, str], dict[str, list[Call]]] = {}
    for call in calls:
        _, _, way, item, rest = call.key.split(":", 4)
        model = rest.rpartition(":")[0]
        groups.setdefault((way, model), {}).setdefault(item, []).append(call)
    return [_recorded(Way(way), items, found) for (way, _model), found in sorted(groups.items())]


def _recorded(way: Way, items: Sequence[Item], found: Mapping[str, Sequence[Call]]) -> Scored:
    beliefs, failed = [], {}
    for item in items:
        try:
            replies = [call.reply() for call in found.get(item.id, ())]
            if replies:
                ids = tuple(reply.call_id for reply in replies)
                beliefs.append(Belief(item.id, way, *read(way, replies), ids))
        except LLMError as error:
            failed[item.id] = str(error)
    rows = table(items, beliefs)
    return Scored(way, rows, score(rows, np.random.default_rng(1)), failed)


def table(items: Sequence[Item], beliefs: Sequence[Belief]) -> pd.DataFrame:
    """One row per belief: item, way, answer, confidence (0..1 in that answer), right (bool)."""
    truth = {item.id: item.truth for item in items}
    rows = [
        (one.item, str(one.way), one.answer, one.confidence, (one.answer == "yes") == truth[one.item])
        for one in beliefs
    ]
    return pd.DataFrame(rows, columns=["item", "way", "answer", "confidence", "right"])


def score(rows: pd.DataFrame, rng: np.random.Generator) -> dict[str, Calibration]:
    """Scores with intervals over items, as stated and cross-validated after each recalibration."""
    if rows.empty:
        return {}
    stated = rows["confidence"].to_numpy(dtype=float)
    right = rows["right"].to_numpy(dtype=float)
    versions = {"as stated": stated}
    if len(rows) >= FEWEST_TO_RECALIBRATE:
        versions["temperature"] = recalibrate(stated, right, method="temperature", rng=rng)
        versions["isotonic"] = recalibrate(stated, right, method="isotonic", rng=rng)
    people = rows["item"].to_numpy()
    return {
        name: calibration(values, right, participants=people, rng=rng) for name, values in versions.items()
    }


def summary(scored: Sequence[Scored]) -> pd.DataFrame:
    """One row per way and version: n, failed, each score with the ends of its interval (missing if undefined)."""
    lines = []
    for one in scored:
        for version, found in one.scores.items():
            line: dict[str, Any] = {
                "way": str(one.way),
                "version": version,
                "n": found.n,
                "failed": len(one.failed),
            }
            for name in SCORES:
                line[name] = getattr(found, name)
                interval = found.intervals.get(name)
                line[f"{name}_low"] = interval.low if interval else np.nan
                line[f"{name}_high"] = interval.high if interval else np.nan
            lines.append(line)
    return pd.DataFrame(lines)
