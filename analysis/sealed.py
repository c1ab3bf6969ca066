"""Adaptive analysis without fooling oneself: a sealed half of the participants, opened once.

Explore freely on the open half; what was found is then tested on people that nobody has looked at. Dwork,
Feldman, Hardt, Pitassi, Reingold and Roth, "The reusable holdout", Science 349 (2015), who also give
Thresholdout, which answers questions about the sealed half while showing almost nothing of it.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.bootstrap import check_rng
from analysis.estimate import Floats
from analysis.frames import complete, require


class SealedError(ValueError):
    """The sealed half cannot be split, opened or asked in this way; the message says why."""


@dataclass(frozen=True, slots=True)
class Halves:
    """One study in two halves by participant. `open_half` is for exploring; see `unlock` for the other."""

    open_half: pd.DataFrame
    sealed_people: int
    seal: str
    ledger: Path


def split(
    data: pd.DataFrame,
    *,
    ledger: str | Path,
    seed: str,
    participant: str = "participant",
    strata: str | None = None,
) -> Halves:
    """Split participants once into an open and a sealed half; the first split is written to the ledger.

    Who goes where follows from sha256 of the seed and the participant alone, not from the order of rows:
    within each stratum (such as the arm, constant within a participant) people are sorted by that digest and
    every second one is sealed. `seal` is the digest of the sealed people. Calling again gives the same halves;
    another seed, other people or another stratum is refused (SealedError), for a second split would leak.
    """
    require(data, [participant, *([strata] if strata else [])], "data")
    complete(data, participant)
    sealed = _sealed_people(data, seed, participant, strata)
    if len(sealed) < 2 or data[participant].nunique() - len(sealed) < 2:
        raise SealedError(
            f"column '{participant}' has too few people for two halves: at least four are needed"
        )
    path = Path(ledger)
    entry = {
        "event": "split",
        "seed": seed,
        "participant": participant,
        "strata": strata,
        "seal": _digest(sealed),
    }
    with _locked(path) as file:
        entries = _entries(file)
        before = next((old for old in entries if old["event"] == "split"), None)
        if before is None:
            _append(
                file, entries, entry | {"people": int(data[participant].nunique()), "sealed": len(sealed)}
            )
        elif any(before[name] != entry[name] for name in entry):
            changed = next(name for name in entry if before[name] != entry[name])
            raise SealedError(
                f"{path.name} already records a split with another {changed}: a study is split once"
            )
    return Halves(data[~data[participant].isin(sealed)].copy(), len(sealed), str(entry["seal"]), path)


def unlock(data: pd.DataFrame, *, ledger: str | Path, by: str, question: str) -> pd.DataFrame:
    """The sealed half, given once and for a question stated before; the ledger keeps who, when and what for.

    Raises SealedError when it was opened before, when nothing was split, when the question or the name is
    empty, or when the data does not hold the people that were sealed.
    """
    if not by.strip() or not question.strip():
        raise SealedError("by and question must say who opens the sealed half and what it shall answer")
    with _locked(Path(ledger)) as file:
        entries = _entries(file)
        record = next((old for old in entries if old["event"] == "split"), None)
        if record is None:
            raise SealedError(f"{Path(ledger).name} records no split: nothing is sealed")
        opened = next((old for old in entries if old["event"] == "unlock"), None)
        if opened is not None:
            raise SealedError(
                f"the sealed half was opened on {opened['at']} by {opened['by']} to ask: {opened['question']}. "
                "It can confirm nothing any more"
            )
        require(data, [record["participant"], *([record["strata"]] if record["strata"] else [])], "data")
        sealed = _sealed_people(data, record["seed"], record["participant"], record["strata"])
        if _digest(sealed) != record["seal"]:
            raise SealedError(f"column '{record['participant']}' does not hold the people that were split")
        _append(file, entries, {"event": "unlock", "by": by, "question": question})
    kept: pd.DataFrame = data[data[record["participant"]].isin(sealed)].copy()
    return kept


def history(ledger: str | Path) -> pd.DataFrame:
    """The ledger, one row per event; raises SealedError where an entry was changed or taken out."""
    with Path(ledger).open(encoding="utf-8") as file:
        return pd.DataFrame(_entries(file))


def _sealed_people(data: pd.DataFrame, seed: str, participant: str, strata: str | None) -> set[Any]:
    if not seed:
        raise SealedError("seed is empty: the split must follow from a seed that is on record")
    people = data[[participant, *([strata] if strata else [])]].drop_duplicates()
    if people[participant].duplicated().any():
        wavering = people.loc[people[participant].duplicated(), participant].iloc[0]
        raise SealedError(f"column '{strata}' has several values for participant {wavering}")
    digests = people[participant].map(lambda name: hashlib.sha256(f"{seed}\n{name}".encode()).hexdigest())
    ordered = people.assign(digest=digests).sort_values("digest")
    groups = [ordered] if strata is None else [rows for _, rows in ordered.groupby(strata, sort=True)]
    return {name for rows in groups for name in rows[participant].iloc[1::2]}


def _digest(people: set[Any]) -> str:
    return hashlib.sha256("\n".join(sorted(map(str, people))).encode()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """The ledger, open for reading and appending by one process at a time."""
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _entries(file: IO[str]) -> list[dict[str, Any]]:
    """All entries; each carries the digest of the one before, so that a change or a gap shows."""
    found, last = [], ""
    for number, line in enumerate(file, start=1):
        try:
            entry = json.loads(line)
            intact = entry["previous"] == last
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise SealedError(f"line {number} of the ledger was changed or its predecessor taken out")
        found.append(entry)
        last = hashlib.sha256(line.rstrip("\n").encode()).hexdigest()
    return found


def _append(file: IO[str], entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    last = hashlib.sha256(json.dumps(entries[-1], sort_keys=True).encode()).hexdigest() if entries else ""
    stamped = entry | {"at": datetime.now(UTC).isoformat(timespec="seconds"), "previous": last}
    file.write(json.dumps(stamped, sort_keys=True) + "\n")
    file.flush()


class Thresholdout:
    """Answers questions about the sealed half through a noisy threshold, until a budget is used up.

    A question is a value per row, from 0 to 1, computed alike for both halves; the answer is about its mean.
    Where the open half's mean is within about `threshold` of the sealed one's, the open mean is given back
    and nothing is learnt about the sealed half. Otherwise the sealed mean with noise, and one unit of
    the budget is gone. threshold and noise are in the unit of the mean (published: 0.04 and 0.01 at n = 10,000).
    smallest_effect: the smallest difference that would matter to the study.
    Raises SealedError with an explanation where n is too small for the method to help.
    """

    def __init__(
        self,
        open_rows: int,
        sealed_rows: int,
        *,
        smallest_effect: float,
        rng: np.random.Generator,
        threshold: float = 0.04,
        noise: float = 0.01,
        budget: int = 10,
    ) -> None:
        for name, number in (
            ("threshold", threshold),
            ("noise", noise),
            ("smallest_effect", smallest_effect),
        ):
            if not 0 < number < 1:
                raise SealedError(f"{name} is {number}: means are from 0 to 1, so must this be")
        if budget < 1:
            raise SealedError(f"budget is {budget}: at least one answer from the sealed half must be allowed")
        for name, rows in (("open_rows", open_rows), ("sealed_rows", sealed_rows)):
            if rows < 2:
                raise SealedError(f"{name} is {rows}: at least two are needed")
        _large_enough(open_rows, sealed_rows, threshold, noise, smallest_effect)
        self.rows = (open_rows, sealed_rows)
        self.threshold, self.noise = threshold, noise
        self.budget, self.left = budget, budget
        self._rng = check_rng(rng)

    def ask(self, open_values: ArrayLike, sealed_values: ArrayLike) -> float:
        """The mean of the question, protected; raises SealedError once the budget is used up."""
        if self.left == 0:
            raise SealedError(f"the budget of {self.budget} answers from the sealed half is used up")
        own, sealed = (
            _mean(name, values, rows)
            for name, values, rows in zip(
                ("open_values", "sealed_values"), (open_values, sealed_values), self.rows, strict=True
            )
        )
        answer, crossed = thresholdout(
            np.array([own]), np.array([sealed]), threshold=self.threshold, noise=self.noise, rng=self._rng
        )
        self.left -= int(crossed.sum())
        return float(answer[0])


def thresholdout(
    own: Floats, sealed: Floats, *, threshold: float, noise: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Answers to many questions at once, and which of them used the sealed half.

    own, sealed: the same statistic on the two halves. Noise is normal with standard deviation `noise`, as in
    the published simulation; the published proof is for Laplace noise with larger constants.
    """
    check_rng(rng)
    crossed = np.abs(own - sealed) > threshold + noise * rng.standard_normal(own.shape)
    answers: Floats = np.where(crossed, sealed + noise * rng.standard_normal(own.shape), own)
    return answers, crossed


def _large_enough(open_rows: int, sealed_rows: int, threshold: float, noise: float, smallest: float) -> None:
    """Refuse sizes at which chance alone crosses the threshold, or the threshold hides what matters."""
    chance = 0.5 * sqrt(1 / open_rows + 1 / sealed_rows)
    needed = int(np.ceil(0.5 / (threshold / 3) ** 2))
    if 3 * chance > threshold:
        raise SealedError(
            f"with {open_rows} and {sealed_rows} rows, means of the two halves differ by {chance:.3f} by chance alone; "
            f"a threshold of {threshold:g} would be crossed without any overfitting and the budget spent on noise. "
            f"About {needed} rows a half are needed; with fewer, use the sealed half once (unlock)"
        )
    if threshold + 2 * noise > smallest:
        raise SealedError(
            f"a threshold of {threshold:g} with noise {noise:g} hides differences up to {threshold + 2 * noise:g}, "
            f"more than the {smallest:g} that matters here: answers would only repeat the open half"
        )


def _mean(name: str, values: ArrayLike, rows: int) -> float:
    found: Floats = np.asarray(values, dtype=np.float64)
    if found.shape != (rows,):
        raise SealedError(f"{name} has shape {found.shape}: one value for each of the {rows} rows is needed")
    if not ((found >= 0) & (found <= 1)).all():
        raise SealedError(f"{name} holds a value outside 0 to 1 or an empty one")
    return float(found.mean())
