"""Reads the answers of trials: labels or probabilities, into arrays the measures can compare."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.estimate import Floats
from analysis.frames import complete, require

ANSWERS = ("truth", "advice", "initial", "final")
NOTHING = -1  # code of an absent answer
NO_ANSWER = {"unsure", "uncertain", "unknown", "don't know", "not sure", "none", "abstain", "n/a", "na", ""}

Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Answers:
    """Trials as arrays of one length.

    participant: codes 0..clusters-1. labels[name]: codes of the answer, -1 where absent or undecided.
    numbers[name]: the answer as a probability of the statement, nan where absent; only when every answer
    present is a number from 0 to 1. uncertain: whether any of them lies strictly between.
    """

    participant: Codes
    clusters: int
    labels: dict[str, Codes]
    numbers: dict[str, Floats]
    uncertain: bool

    def __len__(self) -> int:
        return len(self.participant)

    def has(self, name: str) -> bool:
        return name in self.labels and bool((self.labels[name] != NOTHING).any())

    def rows(self, chosen: NDArray[np.bool_]) -> "Answers":
        """The chosen trials, with participants renumbered among themselves."""
        codes, people = pd.factorize(self.participant[chosen])
        labels = {name: code[chosen] for name, code in self.labels.items()}
        numbers = {name: value[chosen] for name, value in self.numbers.items()}
        return Answers(codes, len(people), labels, numbers, self.uncertain)


def read_answers(
    trials: pd.DataFrame, by: Collection[str] = (), no_verdict: Collection[object] = ()
) -> Answers:
    """The answers of a table of trials, one row per participant and item.

    Columns: participant, item; truth, advice, final and perhaps initial. Answers are labels (text, booleans,
    whole numbers, categories) or probabilities from 0 to 1 that the statement is true (then truth is
    True/False or 1/0). A probability of exactly one half decides nothing and counts as missing where a
    decision is needed. no_verdict: labels of advice, such as "unsure", that give no answer.
    Raises ValueError naming the column for anything that cannot be read without guessing.
    """
    require(trials, ["participant", "item", "truth", "final", *by], "trials")
    for name in ("participant", "item"):
        complete(trials, name)
    _one_row_per_trial(trials, by)
    present = [name for name in ANSWERS if name in trials.columns]
    columns = {name: _plain(trials[name], name) for name in present}
    if no_verdict and "advice" in columns:
        columns["advice"] = columns["advice"].mask(columns["advice"].isin(list(no_verdict)))
    if columns["truth"].isna().all():
        raise ValueError("column 'truth' is empty in every row: nothing can be called right or wrong")
    uncertain = any(_between(values) for values in columns.values())
    labels = _decided(columns) if uncertain else _matched(columns)
    participant, people = pd.factorize(trials["participant"])
    return Answers(participant, len(people), labels, _probabilities(columns), uncertain)


def _one_row_per_trial(trials: pd.DataFrame, by: Collection[str]) -> None:
    key = ["participant", "item", *(name for name in by if name not in ("participant", "item"))]
    repeated = trials.duplicated(key)
    if repeated.any():
        first = trials.loc[repeated, ["participant", "item"]].iloc[0]
        raise ValueError(
            f"column 'item': participant {first['participant']} has item {first['item']} more than once; "
            "the table needs one row per trial"
        )


def _plain(values: pd.Series, name: str) -> pd.Series:
    """The column as objects of one kind (text or number), empty cells as None."""
    plain = _objects(values)
    present = plain.dropna()
    kinds = {_kind(value) for value in (present.unique() if _shared(values) else present)}
    if other := kinds - {"text", "number"}:
        raise ValueError(f"column '{name}' holds a {other.pop()}: answers are text, numbers or True/False")
    if len(kinds) > 1:
        raise ValueError(f"column '{name}' mixes text and numbers: use one kind of answer")
    if kinds == {"text"} or not kinds:
        return plain
    found = pd.Series(plain.where(plain.notna(), np.nan).to_numpy(dtype=np.float64), index=values.index)
    present = found.dropna()
    if np.isinf(present).any():
        raise ValueError(f"column '{name}' holds an infinite value")
    if not (present == present.round()).all() and not present.between(0, 1).all():
        raise ValueError(
            f"column '{name}' holds {present[~present.between(0, 1)].iloc[0]:g}: fractions are read as probabilities, "
            "from 0 to 1 (divide percentages by 100)"
        )
    return found.astype(object).where(found.notna(), None)


def _objects(values: pd.Series) -> pd.Series:
    """The column as Python objects, empty cells as None; rows with the same text share it."""
    if not _shared(values):
        return values.astype(object).where(values.notna(), None)
    codes, distinct = pd.factorize(values)
    known = np.append(pd.Series(distinct).astype(object).to_numpy(), [None])  # the last for −1, an empty cell
    return pd.Series(known[codes], index=values.index, dtype=object)


def _shared(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, bool | np.bool_ | int | float | np.number) else type(value).__name__


def _between(values: pd.Series) -> bool:
    return any(isinstance(value, float) and not value.is_integer() for value in values.dropna().unique())


def _decided(columns: dict[str, pd.Series]) -> dict[str, Codes]:
    """Labels of probabilities: 1 above one half, 0 below, nothing at one half."""
    labels = {}
    for name, values in columns.items():
        found = _as_float(values)
        if found is None or (name == "truth" and not set(values.dropna().unique()) <= {0.0, 1.0}):
            kind = "True/False or 1/0" if name == "truth" else "numbers from 0 to 1"
            raise ValueError(f"column '{name}' must hold {kind}: other answers are probabilities")
        labels[name] = np.where(np.isnan(found) | (found == 0.5), NOTHING, found > 0.5).astype(np.intp)
    return labels


def _matched(columns: dict[str, pd.Series]) -> dict[str, Codes]:
    """Codes over all labels; refuses columns whose labels cannot be of the same set."""
    known = {name: set(values.dropna().unique()) for name, values in columns.items()}
    for name in columns:
        if known[name] and not known[name] & (known["truth"] | known.get("advice", set())):
            against = _some(known["truth"])
            raise ValueError(
                f"column '{name}' shares no label with 'truth': {_some(known[name])}, not {against}"
            )
    _no_hidden_verdict(known)
    everything = set().union(*known.values())
    _no_near_twins(everything)
    code = {label: number for number, label in enumerate(sorted(everything, key=str))}
    return {name: _coded(values, code) for name, values in columns.items()}


def _coded(values: pd.Series, code: dict[object, int]) -> Codes:
    places, distinct = pd.factorize(values)
    return np.array([*(code[value] for value in distinct), NOTHING], dtype=np.intp)[places]


def _no_hidden_verdict(known: dict[str, set[object]]) -> None:
    """Refuse advice such as "unsure" that nobody declared: it would silently count as wrong advice."""
    answers = set().union(*(labels for name, labels in known.items() if name != "advice"))
    for label in sorted(known.get("advice", set()) - answers, key=str):
        if str(label).strip().casefold() in NO_ANSWER:
            raise ValueError(
                f"column 'advice' holds {label!r}, which is no answer: say no_verdict=[{label!r}]"
            )


def _no_near_twins(labels: set[object]) -> None:
    seen: dict[str, object] = {}
    for label in sorted(labels, key=str):
        other = seen.setdefault(str(label).strip().casefold(), label)
        if other != label:
            raise ValueError(f"labels {other!r} and {label!r} differ only in case or spaces")


def _some(labels: set[object]) -> str:
    return ", ".join(repr(label) for label in sorted(labels, key=str)[:3]) or "nothing"


def _as_float(values: pd.Series) -> Floats | None:
    """Numbers from 0 to 1 with nan for empty cells; None where the column is something else."""
    if any(isinstance(value, str) for value in values):
        return None
    found: Floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    present = found[~np.isnan(found)]
    return found if ((present >= 0) & (present <= 1)).all() else None


def _probabilities(columns: dict[str, pd.Series]) -> dict[str, Floats]:
    read = {name: _as_float(values) for name, values in columns.items()}
    if any(values is None for values in read.values()):
        return {}
    return {name: values for name, values in read.items() if values is not None}
