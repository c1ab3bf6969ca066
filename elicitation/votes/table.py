"""A study's votes as the data frame from which the graph is computed, and the cards that its values are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from elicitation.models import Card, Draw, Vote, mapping_of
from elicitation.values.mapping import ValueMapping
from study.registration.models import Study
from study.session.models import Submission

COLUMNS = [
    "participant", "from_value", "to_value", "context", "verdict", "case", "story", "propensity", "why", "created_at",
]  # fmt: skip


@dataclass(frozen=True)
class StudyVotes:
    """votes: one row a vote, with COLUMNS and `group` where one was asked for. cards: value, title, description,
    policies, authors (how many participants' cards the value holds). The version says which decisions were applied;
    `merged` counts votes left out because both ends are one value under it, `repeated` those on a pair and context
    that the same participant had already judged (the first stays)."""

    votes: pd.DataFrame
    cards: pd.DataFrame
    version: int
    merged: int
    repeated: int


def votes_of(study: Study, *, group: str = "", version: int | None = None) -> StudyVotes:
    """The study's votes under a version of its mapping (default: the latest). Previews and erased votes are not in it.

    group: the id of a question of the flow whose answer becomes the column `group`. Raises ValueError for a version
    that does not exist.
    """
    mapping = mapping_of(study.pk)
    mapping = mapping if version is None else mapping.at(version)
    frame = _raw(study, mapping)
    if group:
        frame["group"] = (
            frame["session"].map(answers_to(study, group)).astype(object).fillna("not_said").astype(str)
        )
    own = frame["from_value"] == frame["to_value"]
    frame = frame[~own]
    again = frame.duplicated(["participant", "from_value", "to_value", "context"])
    votes = frame[~again].drop(columns="session").reset_index(drop=True)
    return StudyVotes(votes, cards_of(study, mapping), mapping.version, int(own.sum()), int(again.sum()))


def _raw(study: Study, mapping: ValueMapping) -> pd.DataFrame:
    rows = (
        Vote.objects.filter(session__study=study, session__preview_arm="").exclude(verdict="").order_by("pk")
        .values_list("session_id", "session__participant__code", "upgrade__from_value", "upgrade__to_value",
                     "upgrade__context", "verdict", "case", "upgrade__pair", "upgrade__direction", "upgrade_id", "why",
                     "created_at")
    )  # fmt: skip
    chance = {
        (session, upgrade): propensity
        for session, upgrade, propensity in Draw.objects.filter(
            session__study=study, upgrade__isnull=False
        ).values_list("session_id", "upgrade_id", "propensity")
    }
    value = mapping.values()
    found = [
        (session, who, value.get(lower, lower), value.get(upper, upper), context, verdict, case,
         f"{pair}.{direction}", chance.get((session, upgrade)), why, at)
        for session, who, lower, upper, context, verdict, case, pair, direction, upgrade, why, at in rows
    ]  # fmt: skip
    return pd.DataFrame(found, columns=["session", *COLUMNS])


def answers_to(study: Study, question: str) -> dict[Any, str]:
    """Each session's last answer to a question, wherever it was asked."""
    rows = Submission.objects.filter(session__study=study, payload__has_key=question).order_by("number")
    return {
        session: str((payload or {})[question])
        for session, payload in rows.values_list("session_id", "payload")
    }


def cards_of(study: Study, mapping: ValueMapping) -> pd.DataFrame:
    """One row a canonical value: the words of its oldest card and how many participants' cards it holds."""
    rows = Card.objects.filter(study=study).order_by("pk")
    words = {row.code: row for row in rows if row.title}
    authors = {row.code for row in words.values() if row.session_id is not None}
    found = [
        (
            code,
            words[code].title,
            words[code].description,
            words[code].policies,
            sum(one in authors for one in members),
        )
        for code, members in mapping.members().items()
        if code in words
    ]
    return pd.DataFrame(found, columns=["value", "title", "description", "policies", "authors"])


def cards_by_author(study: Study) -> pd.DataFrame:
    """One row a participant's card, as completeness and criteria take them: participant, value, policies (a list)."""
    value = mapping_of(study.pk).values()
    found = Card.objects.filter(study=study, title__gt="", session__preview_arm="").order_by("pk")
    rows = found.values_list("session__participant__code", "code", "policies")
    named = [(author, value.get(code, code), policies) for author, code, policies in rows]
    return pd.DataFrame(named, columns=["participant", "value", "policies"])


def to_csv(votes: pd.DataFrame) -> str:
    """Votes in the form that other tools and `manage.py graph` read."""
    return votes.assign(created_at=[at.isoformat() for at in votes["created_at"]]).to_csv(index=False)
