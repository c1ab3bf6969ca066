"""The six criteria of a bundle found again: its tables in, the numbers of `results/six_criteria.json` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.moral_graph.criteria import criteria

Load = Callable[[str], pd.DataFrame]
NUMBERS = ("value", "low", "high", "n")
WITHHELD = "attention policies per card"
TOLERANCE = 1e-6  # the held-out answers come from fitted models


def again(load: Load, reported: Mapping[str, Any]) -> pd.DataFrame:
    """The criteria from the bundle's tables. Policies of cards that nobody else may read are not in it, so their number
    is a row without a value.

    load: a table by its name. reported: seed, statements (column, text, above) and follow_up (column to question).
    """
    votes, cards = load("votes"), load("cards")
    votes = votes[votes["from_value"] != votes["to_value"]]
    votes = votes.astype({"verdict": "str"}).fillna({"context": "", "case": ""})
    proposals = load("proposals")
    behind = dict(zip(proposals["pair"], proposals["calls"], strict=True))
    calls = [behind.get(story.rpartition(".")[0], "") for story in votes["story"]]
    votes = votes.assign(comment=votes["reason_given"].map({True: "yes", False: ""}), call=calls)
    authors = cards[cards["participant"].notna()]
    authors = authors.assign(policies=pd.Series([()] * len(authors), index=authors.index, dtype=object))
    said = _said(load, reported)
    found = criteria(
        votes, cards=authors if len(authors) else None, survey=said if len(said) else None,
        seed=reported["seed"], duplicates="first",
    )  # fmt: skip
    own = found["measure"] == WITHHELD
    found.loc[own, ["value", "low", "high"]] = np.nan
    return found


def _said(load: Load, reported: Mapping[str, Any]) -> pd.DataFrame:
    """What people said at the end and when they were asked again."""
    parts = []
    people = load("participants") if reported["statements"] else pd.DataFrame()
    for one in reported["statements"]:
        given = people[["participant", one["column"]]].dropna()
        agrees = given[one["column"]].astype(float) > one["above"]
        parts.append(
            pd.DataFrame({"participant": given["participant"], "question": one["text"], "agrees": agrees})
        )
    again_asked = load("followups") if reported["follow_up"] else pd.DataFrame()
    for column, text in reported["follow_up"].items():
        answer = again_asked[column].astype(object)
        agrees = (answer == "yes").where(answer.notna(), None)
        parts.append(
            pd.DataFrame({"participant": again_asked["participant"], "question": text, "agrees": agrees})
        )
    empty = pd.DataFrame(columns=["participant", "question", "agrees"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def differences(found: pd.DataFrame, reported: Mapping[str, Any]) -> Iterator[str]:
    """Where a reported number is another one now; numbers within TOLERANCE are the same."""
    now = {(row["criterion"], row["measure"]): row for row in found.to_dict("records")}
    for row in reported["rows"]:
        name = (row["criterion"], row["measure"])
        if row["measure"] == WITHHELD or (row["value"] is None and name not in now):
            continue
        for number in NUMBERS:
            before = np.nan if row[number] is None else float(row[number])
            after = float(now[name][number]) if name in now else np.nan
            if not np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                yield f"{row['measure']}, {number}: {before} in the report, {after} now"
