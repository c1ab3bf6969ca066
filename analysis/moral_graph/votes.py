"""Votes: reading them, refusing what is not a vote, and turning them into numbers.

A vote is one row: participant, from_value, to_value, context, verdict. The participant read a story of
someone moving from the value `from_value` to `to_value` in a context and said whether that person became
wiser. Votes come from files of other people, so that everything is checked here, once; what the other
modules see is sound.
"""

import csv
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.intp]
Duplicates = Literal["refuse", "first", "last"]

COLUMNS = ("participant", "from_value", "to_value", "context", "verdict")
VERDICTS = ("wiser", "not_wiser", "unsure")
SPELLINGS = {
    "wiser": "wiser",
    "not_wiser": "not_wiser",
    "unsure": "unsure",
    # as in the published files
    "upgrade": "wiser",
    "no_upgrade": "not_wiser",
    "not_sure": "unsure",
}
NAMED = 10  # problems listed in a message before the rest are only counted
LONGEST = 1000  # characters of an identifier; longer is text in the wrong column


class VoteError(ValueError):
    """Votes that cannot be used. `problems` names each column and row."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = len(problems) - NAMED
        tail = [f"... and {more} more"] if more > 0 else []
        super().__init__("\n".join([*self.problems[:NAMED], *tail]))


@dataclass(frozen=True, slots=True)
class Ballots:
    """Checked votes as integer codes.

    participants, values, contexts: labels in order of first appearance.
    participant, context, verdict, pair: codes per vote, shape (votes,); verdict indexes VERDICTS.
    source, target: value codes of each ordered pair that was shown, shape (pairs,).
    reverse: for each pair the index of the same pair shown the other way round, -1 where it never was.
    """

    participants: pd.Index
    values: pd.Index
    contexts: pd.Index
    participant: Ints
    context: Ints
    verdict: Ints
    pair: Ints
    source: Ints
    target: Ints
    reverse: Ints

    @property
    def votes(self) -> int:
        return len(self.pair)

    @property
    def pairs(self) -> int:
        return len(self.source)

    @property
    def cell(self) -> Ints:
        """Pair and verdict of each vote as one code, pair * 3 + verdict."""
        codes: Ints = self.pair * len(VERDICTS) + self.verdict
        return codes


LONGEST_FIELD = 131_072  # characters


def read_csv(path: str | Path, *, duplicates: Duplicates = "refuse") -> pd.DataFrame:
    """Votes of a CSV file, checked: every column as text, verdicts in our spelling.

    UTF-8, comma separated, with a header that holds at least the columns of a vote; others (case, group,
    created_at ...) are kept. Raises VoteError, naming line and column, and OSError when there is no file.
    """
    before = csv.field_size_limit(
        LONGEST_FIELD
    )  # the module's limit is global: another library may have raised it
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            header, rows, lines = _table(csv.reader(file, strict=True))
    except UnicodeDecodeError as error:
        raise VoteError([f"the file is not UTF-8 text (byte {error.start})"]) from None
    finally:
        csv.field_size_limit(before)
    frame = pd.DataFrame(rows, columns=pd.Index(header), dtype=object)
    return check(frame, duplicates=duplicates, rows=[f"line {line}" for line in lines])


def _table(reader: Any) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and the line on which each row ends; refuses rows of another length."""
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[str] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            raise VoteError([f"the file is empty: a header is needed with {', '.join(COLUMNS)}"])
        _columns(header)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                fields = f"{len(row)} fields where the header has {len(header)}"
                problems.append(f"line {reader.line_num}: {fields}")
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise VoteError([*problems, f"line {reader.line_num}: {error}"]) from None
    if problems:
        raise VoteError(problems)
    return header, rows, lines


def check(
    votes: pd.DataFrame, *, duplicates: Duplicates = "refuse", rows: Sequence[str] | None = None
) -> pd.DataFrame:
    """The votes, with verdicts in our spelling; identifiers stay what they were (numbers or text).

    rows: how a message names each row; "row <index>" when not given.
    duplicates: one vote per participant, ordered pair and context counts. "refuse" raises; "first" and
    "last" keep that one, in the order of the rows.
    Raises VoteError: a missing or repeated column, no votes, an empty cell, a verdict of no known
    spelling, a value compared with itself, a vote given twice.
    """
    if duplicates not in ("refuse", "first", "last"):
        raise ValueError(f"duplicates is {duplicates!r}: refuse, first or last")
    if not isinstance(votes, pd.DataFrame):
        raise TypeError(f"votes are a pandas DataFrame, not {type(votes).__name__}")
    _columns([str(name) for name in votes.columns])
    if votes.empty:
        raise VoteError(["there are no votes"])
    names = list(rows) if rows is not None else [f"row {label}" for label in votes.index]
    frame = votes.reset_index(drop=True)
    spelled, problems = _verdicts(frame["verdict"], names)
    for column in COLUMNS[:-1]:
        problems += _identifiers(frame[column], column, names)
    if problems:
        raise VoteError(problems)
    problems = _loops(frame, names)
    repeated = _repeated(frame, keep="last" if duplicates == "last" else "first")
    if duplicates == "refuse":
        problems += [
            f"{names[row]}: participant {frame['participant'][row]!r} has already voted on "
            f"{frame['from_value'][row]!r} to {frame['to_value'][row]!r} in context {frame['context'][row]!r}"
            for row in np.flatnonzero(repeated).tolist()
        ]
    if problems:
        raise VoteError(problems)
    return frame.assign(verdict=spelled)[~repeated].reset_index(drop=True)


def _columns(present: Sequence[str]) -> None:
    problems = [f"column '{name}' is missing" for name in COLUMNS if name not in present]
    problems += [f"column '{name}' occurs more than once" for name in COLUMNS if present.count(name) > 1]
    if problems:
        raise VoteError([*problems, f"the columns are: {_shown(', '.join(present))}"])


def _verdicts(column: pd.Series, names: Sequence[str]) -> tuple[pd.Series, list[str]]:
    known = {word: SPELLINGS.get(_plain(word)) for word in column.dropna().unique()}
    spelled = column.map(known)
    wrong = np.flatnonzero(spelled.isna())
    return spelled, [
        f"{names[row]}: column 'verdict' is {_shown(column[row])}; known are {', '.join(SPELLINGS)}"
        for row in wrong.tolist()
    ]


def _plain(word: object) -> str:
    return str(word).strip().casefold().replace(" ", "_").replace("-", "_")


def _shown(cell: object) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else text[:57] + "..."


def _identifiers(column: pd.Series, name: str, names: Sequence[str]) -> list[str]:
    """Problems of a column of identifiers: empty, not a label, or far too long."""
    try:
        codes, labels = pd.factorize(column)
    except TypeError:
        return [f"column '{name}' holds something that is no label (a list or a dict)"]
    faults = np.array([*map(_fault, labels), "empty"], dtype=object)[codes]  # code -1: an empty cell
    return [
        f"{names[row]}: column '{name}' is {faults[row]}" for row in np.flatnonzero(faults != "").tolist()
    ]


def _fault(label: Hashable) -> str:
    """What is wrong with an identifier; nothing: the empty text."""
    text = str(label)
    if not text.strip():
        return "empty"
    return f"{_shown(label)}, longer than {LONGEST} characters" if len(text) > LONGEST else ""


def _loops(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    same = frame["from_value"].to_numpy(object) == frame["to_value"].to_numpy(object)
    return [
        f"{names[row]}: columns 'from_value' and 'to_value' are both {_shown(frame['to_value'][row])}"
        for row in np.flatnonzero(same).tolist()
    ]


def _repeated(frame: pd.DataFrame, *, keep: Literal["first", "last"]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = frame.duplicated(subset=list(COLUMNS[:-1]), keep=keep).to_numpy(bool)
    return found


def select(
    votes: pd.DataFrame,
    *,
    case: Hashable | Sequence[Hashable] | None = None,
    context: Hashable | Sequence[Hashable] | None = None,
    group: Hashable | Sequence[Hashable] | None = None,
) -> pd.DataFrame:
    """The votes of a case, a context or a group of participants, or of several (a list).

    case and group need a column of that name. Raises VoteError when the column is missing or no vote
    carries the label, so that a misspelt filter is never an empty graph.
    """
    for name, wanted in (("case", case), ("context", context), ("group", group)):
        if wanted is not None:
            votes = _only(votes, name, wanted)
    return votes


def _only(votes: pd.DataFrame, name: str, wanted: Hashable | Sequence[Hashable]) -> pd.DataFrame:
    if name not in votes.columns:
        raise VoteError([f"column '{name}' is missing: the votes cannot be filtered by {name}"])
    labels: Iterable[Any] = wanted if isinstance(wanted, list | tuple | set) else [wanted]
    labels = list(labels)
    found = votes[votes[name].isin(labels)]
    present = votes[name].unique()
    problems = [
        f"no vote has {name} {label!r}; there are: {', '.join(map(repr, list(present)[:NAMED]))}"
        for label in labels
        if label not in set(present)
    ]
    if problems or found.empty:
        raise VoteError(problems or [f"no {name} was named"])
    return found


def encode(votes: pd.DataFrame) -> Ballots:
    """Checked votes as integer codes."""
    participant, participants = pd.factorize(votes["participant"])
    context, contexts = pd.factorize(votes["context"])
    ends, values = pd.factorize(pd.concat([votes["from_value"], votes["to_value"]], ignore_index=True))
    size = len(values)
    verdict = pd.Categorical(votes["verdict"], categories=list(VERDICTS)).codes.astype(np.intp)
    keys, pair = np.unique(ends[: len(votes)] * size + ends[len(votes) :], return_inverse=True)
    source, target = np.divmod(keys, size)
    turned = target * size + source
    spot = np.minimum(np.searchsorted(keys, turned), len(keys) - 1)
    reverse = np.where(keys[spot] == turned, spot, -1)
    return Ballots(
        pd.Index(participants),
        pd.Index(values),
        pd.Index(contexts),
        participant.astype(np.intp),
        context.astype(np.intp),
        verdict,
        pair.astype(np.intp),
        source.astype(np.intp),
        target.astype(np.intp),
        reverse.astype(np.intp),
    )
