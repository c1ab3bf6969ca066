"""From answers as they were shown to a recording that a protocol can replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from study.advice.columns import LIVE, REPLAY
from study.protocol.advice import Recorded
from study.registration.models import Study
from study.tables.tidy import tidy


def of_study(study: Study) -> list[Recorded]:
    """Every live or replayed answer that people of a study read, in the tables' order. Fallbacks are no answers."""
    tables = tidy(study, with_responses=False, with_events=False)
    return list(_recorded(tables.trials, tables.participants))


def of_bundle(folder: Path) -> list[Recorded]:
    """The same from a bundle. Raises FileNotFoundError, and ValueError for a bundle without such answers."""
    return list(_recorded(_table(folder, "trials"), _table(folder, "participants")))


def _table(folder: Path, name: str) -> pd.DataFrame:
    """A bundle's table, whatever its standard puts before and after the name."""
    found = sorted((folder / "data").glob(f"*{name}*.parquet"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no table of {name}.")
    return pd.read_parquet(found[0])


def _recorded(trials: pd.DataFrame, people: pd.DataFrame) -> Iterator[Recorded]:
    if "advice_text" not in trials:
        raise ValueError("No answer in these tables was live or replayed: there is nothing to record.")
    language = dict(zip(people["participant"], people["language"], strict=True))
    for row in trials[trials["advice_source"].isin([LIVE, REPLAY])].to_dict("records"):
        yield Recorded(
            item=str(row["item"]),
            phrasing=str(row["phrasing"]),
            language=str(language[row["participant"]]),
            text=str(row["advice_text"]),
            verdict=None if pd.isna(row["advice"]) else row["advice"],
        )
