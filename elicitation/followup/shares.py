"""Shares of those who were asked again and found their card and its place right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.moral_graph import wilson
from elicitation.followup import actions
from elicitation.followup.models import FollowUp, Said
from study.registration.models import Study

QUESTIONS = {"same": "The merged card still says what theirs said", "fair": "Its place in the graph is fair"}


@dataclass(frozen=True)
class Share:
    """`yes` of `n` who were asked and answered, 0 to 1, with its 95 % Wilson interval (None where nobody answered);
    `unsure` of them said so."""

    question: str
    yes: int
    unsure: int
    n: int
    share: float | None
    low: float | None
    high: float | None

    @property
    def picture(self) -> dict[str, float]:
        """Share and interval on a line of 300 units."""
        ends = {"dot": self.share, "left": self.low, "right": self.high}
        return {name: round(300 * (at or 0.0), 1) for name, at in ends.items()}


def shares(study: Study) -> list[Share]:
    """One a question. One query."""
    rows = pd.DataFrame(
        FollowUp.objects.filter(session__in=actions.invited(study)).values_list(*QUESTIONS),
        columns=list(QUESTIONS),
    )
    return [_share(rows[name], text) for name, text in QUESTIONS.items()]


def _share(answers: pd.Series, question: str) -> Share:
    given = answers[answers != ""]
    yes, n = int((given == Said.YES).sum()), len(given)
    unsure = int((given == Said.UNSURE).sum())
    if not n:
        return Share(question, 0, 0, 0, None, None, None)
    low, high = wilson(np.array([float(yes)]), np.array([float(n)]), 0.95)
    return Share(question, yes, unsure, n, yes / n, float(low[0]), float(high[0]))


def survey(study: Study) -> pd.DataFrame:
    """The answers as `analysis.moral_graph.criteria` takes them: participant, question, agrees (bool; missing where the
    question was not asked or its answer was erased)."""
    found = FollowUp.objects.filter(session__in=actions.invited(study)).order_by("session__started_at")
    rows = [
        (code, text, said[name] == Said.YES if said[name] else None)
        for code, said in (
            (one.session.participant.code, {"same": one.same, "fair": one.fair})
            for one in found.select_related("session__participant")
        )
        for name, text in QUESTIONS.items()
    ]
    return pd.DataFrame(rows, columns=["participant", "question", "agrees"])
