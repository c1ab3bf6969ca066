"""The CONSORT flow: everybody who arrived, and where each of them went. Withdrawn and erased people stay counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:  # the results' types bring statistics, which a count of people does not need
    from analysis.plan.results import Sample

ENDINGS = ("complete", "withdrawn", "failed_check", "screened_out", "unfinished")


@dataclass(frozen=True)
class ArmFlow:
    """One arm from assignment to analysis; the endings add up to `assigned`."""

    arm: str
    assigned: int
    started: int
    completed: int
    withdrawn: int
    failed_check: int
    screened_out: int
    unfinished: int
    late: int
    excluded: dict[str, int] = field(default_factory=dict)
    analysed: int | None = None


@dataclass(frozen=True)
class Flow:
    """The whole flow. arrived = every ending before assignment + assigned."""

    arrived: int
    declined: int
    screened_out: int
    failed_check: int
    withdrawn: int
    full: int
    unfinished: int
    assigned: int
    arms: list[ArmFlow]
    rules: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def flow(participants: pd.DataFrame, sample: Sample | None = None) -> Flow:
    """Counts from the participants table; with the analysis's `sample` also exclusions by rule and who was analysed."""
    before = participants[participants["arm"].isna()]
    ended = before["outcome"].value_counts()
    return Flow(
        arrived=len(participants),
        declined=int(ended.get("declined", 0)),
        screened_out=int(ended.get("screened_out", 0)),
        failed_check=int(ended.get("failed_check", 0)),
        withdrawn=int(ended.get("withdrawn", 0)),
        full=int(ended.get("full", 0)),
        unfinished=int(ended.get("unfinished", 0)),
        assigned=len(participants) - len(before),
        arms=[_arm(arm, participants, sample) for arm in participants["arm"].cat.categories],
        rules={r.id: r.sentence for r in sample.rules if r.action == "exclude"} if sample else {},
    )


def _arm(arm: str, participants: pd.DataFrame, sample: Sample | None) -> ArmFlow:
    own = participants[participants["arm"] == arm]
    ended = own["outcome"].value_counts()
    complete, withdrawn, failed, screened, unfinished = (int(ended.get(name, 0)) for name in ENDINGS)
    rules = [r for r in sample.rules if r.action == "exclude"] if sample else []
    return ArmFlow(
        arm=arm,
        assigned=len(own),
        started=int((own["trials"] > 0).sum()),
        completed=complete,
        withdrawn=withdrawn,
        failed_check=failed,
        screened_out=screened,
        unfinished=unfinished,
        late=int(own["late"].fillna(False).sum()),
        excluded={r.id: r.by_arm.get(arm, 0) for r in rules},
        analysed=sample.analysed_by_arm.get(arm, 0) if sample else None,
    )
