"""Votes under a deduplication: values that count as one are one, and what that costs is counted."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.moral_graph.votes import COLUMNS, VoteError


@dataclass(frozen=True, slots=True)
class Remapped:
    """votes: with canonical values, the raw ones beside them as raw_from_value and raw_to_value.
    loops: votes left out because both ends became one value. repeated: votes left out because the
    participant had already voted on what became the same pair in that context (the first one counts)."""

    votes: pd.DataFrame
    loops: int
    repeated: int


def remap(votes: pd.DataFrame, mapping: Mapping[Hashable, Hashable]) -> Remapped:
    """Checked votes with every value replaced by its canonical one. The given votes are not changed.

    Raises VoteError for a value that the mapping leaves out.
    """
    ends = pd.unique(pd.concat([votes["from_value"], votes["to_value"]], ignore_index=True))
    missing = [value for value in ends if value not in mapping]
    if missing:
        raise VoteError([f"value {value!r} has no canonical value" for value in missing])
    mapped = votes.assign(
        raw_from_value=votes["from_value"],
        raw_to_value=votes["to_value"],
        from_value=votes["from_value"].map(dict(mapping)),
        to_value=votes["to_value"].map(dict(mapping)),
    )
    looped = mapped["from_value"] == mapped["to_value"]
    apart = mapped[~looped]
    repeated = apart.duplicated(subset=list(COLUMNS[:-1]))
    kept = apart[~repeated].reset_index(drop=True)
    return Remapped(kept, int(looped.sum()), int(repeated.sum()))
