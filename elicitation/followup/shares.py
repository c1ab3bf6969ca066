"""Shares of those who were asked again and found their card and its place right, and what they said of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from django.db.models import Exists, OuterRef

from analysis.moral_graph import wilson
from elicitation.followup import actions
from elicitation.followup.models import Said
from elicitation.models import Card, MappingDecision
from study.registration.models import Study

MOST = 200  # reasons that a page lists
QUESTIONS = {"same": "The merged card still says what theirs said", "fair": "Its place in the graph is fair"}


@dataclass(frozen=True)
class Share:
    """`yes` of `n` who were asked and answered, 0 to 1, with its 95 % Wilson interval (None where nobody answered);
    `unsure` of them said so. older: how many of the n answered under an earlier version of the mapping, and older_yes
    of them said yes."""

    question: str
    yes: int
    unsure: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    older: int = 0
    older_yes: int = 0

    @property
    def present(self) -> int:
        """Answers under the mapping as it is now."""
        return self.n - self.older

    @property
    def present_yes(self) -> int:
        return self.yes - self.older_yes

    @property
    def picture(self) -> dict[str, float]:
        """Share and interval on a line of 300 units."""
        ends = {"dot": self.share, "left": self.low, "right": self.high}
        return {name: round(300 * (at or 0.0), 1) for name, at in ends.items()}


def shares(study: Study) -> list[Share]:
    """One a question. Two queries."""
    names = ["mapping", *QUESTIONS]
    rows = pd.DataFrame(actions.answers(study).values_list(*names), columns=names)
    older = rows["mapping"] < version_of(study)
    return [_share(rows[name], older, text) for name, text in QUESTIONS.items()]


def version_of(study: Study) -> int:
    """The mapping's version as it stands: the number of its decisions."""
    return MappingDecision.objects.filter(study=study).count()


def _share(answers: pd.Series, older: pd.Series, question: str) -> Share:
    given = answers[answers != ""]
    yes, n = given == Said.YES, len(given)
    if not n:
        return Share(question, 0, 0, 0, None, None, None)
    low, high = wilson(np.array([float(yes.sum())]), np.array([float(n)]), 0.95)
    before = older[given.index]
    return Share(
        question,
        yes=int(yes.sum()),
        unsure=int((given == Said.UNSURE).sum()),
        n=n,
        share=float(yes.mean()),
        low=float(low[0]),
        high=float(high[0]),
        older=int(before.sum()),
        older_yes=int((yes & before).sum()),
    )


@dataclass(frozen=True)
class Reason:
    """What somebody added to an answer: to which question, their answer, and their words. older: to what stood under an
    earlier version of the mapping. shared: its author agreed that others read their card."""

    question: str
    answer: str
    why: str
    older: bool
    shared: bool


def reasons(study: Study) -> dict[str, list[Reason]]:
    """By question the latest reasons, at most MOST each: for those who may read what participants did not agree to
    share. Two queries."""
    version, found = version_of(study), {}
    shared = Card.objects.filter(session=OuterRef("session"), title__gt="", shared=True)
    rows = list(actions.answers(study).annotate(shared=Exists(shared)).order_by("-created_at", "-pk"))
    for name, text in QUESTIONS.items():
        told = [one for one in rows if getattr(one, f"{name}_why").strip()]
        found[text] = [
            Reason(
                text,
                Said(getattr(one, name)).label,
                getattr(one, f"{name}_why").strip(),
                one.mapping < version,
                one.shared,
            )
            for one in told[:MOST]
        ]
    return found


def survey(study: Study) -> pd.DataFrame:
    """The answers as `analysis.moral_graph.criteria` takes them: participant, question, agrees (bool; missing where the
    question was not asked or its answer was erased)."""
    found = actions.answers(study).order_by("session__started_at")
    rows = [
        (code, text, said[name] == Said.YES if said[name] else None)
        for code, said in (
            (one.session.participant.code, {"same": one.same, "fair": one.fair})
            for one in found.select_related("session__participant")
        )
        for name, text in QUESTIONS.items()
    ]
    return pd.DataFrame(rows, columns=["participant", "question", "agrees"])
