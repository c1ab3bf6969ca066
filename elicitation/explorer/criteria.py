"""The page of the six criteria: every figure with its interval and its count, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import pandas as pd
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from analysis.moral_graph.criteria import agreement
from elicitation.explorer.asked import choices
from elicitation.explorer.graphs import Version, version_of
from elicitation.explorer.page import plain
from elicitation.followup.actions import asks_again
from elicitation.followup.models import FollowUp
from elicitation.followup.shares import QUESTIONS
from elicitation.votes.criteria import Evidence, evidence_of, table_of
from elicitation.votes.table import answers_to
from study.protocol import Protocol
from study.registration.models import Study
from study.session.models import Session
from study.session.walks import protocol_of_study

FEWEST = 5  # people of a group whose share is shown
LEVEL = 0.95
AGREE = "agree: "
CRITERIA = {
    "fine-grained": (
        _("Fine-grained"),
        _("Does the graph say concretely what to attend to, and when?"),
    ),
    "generalisable": (
        _("Generalisable"),
        _("Does what was said of one case tell something about others?"),
    ),
    "scalable": (
        _("Scalable"),
        _("Does the graph settle as more people take part, and has everyone's value been heard?"),
    ),
    "robust": (
        _("Robust"),
        _("How many people who act together would it take to put another value first?"),
    ),
    "legitimate": (
        _("Legitimate"),
        _("Do the people who took part find themselves in it, and find it fair?"),
    ),
    "auditable": (
        _("Auditable"),
        _("Does every edge lead back to where it came from?"),
    ),
}
SHARE, NUMBER = "share", "number"
CARDS, EDGES, CONTEXTS = _("cards"), _("edges"), _("contexts")
VOTES, PEOPLE = _("votes"), _("people")
MEASURES = {
    "attention policies per card": (
        NUMBER,
        CARDS,
        _("Policies on a card"),
        _("Mean number of things to attend to that a participant's card names."),
    ),
    "contexts per edge": (
        NUMBER,
        EDGES,
        _("Contexts of an edge"),
        _("Mean number of contexts in which an edge of the graph was judged."),
    ),
    "share of contexts that occur in several cases": (
        SHARE,
        CONTEXTS,
        _("Contexts in several cases"),
        _("Share of the contexts that came up in more than one case."),
    ),
    "held-out answers: bits gained over the overall shares": (
        NUMBER,
        VOTES,
        _("Held-out answers, bits a vote"),
        _(
            "How much better the answers of people who were left out are foretold from the values that the others "
            "ranked than from the overall shares of yes, no and not sure. 0: not at all."
        ),
    ),
    "Kendall's tau of the ranks of two halves": (
        NUMBER,
        VOTES,
        _("Agreement of two halves"),
        _(
            "Kendall's tau between the ranks from two random halves of the people: 1 is the same order, "
            "0 none in common."
        ),
    ),
    "share of the next card already heard": (
        SHARE,
        CARDS,
        _("Next card already heard"),
        _(
            "Probability, after Good and Turing, that the next participant's value is one that the graph knows."
        ),
    ),
    "share of coordinated participants that moves the winner": (
        SHARE,
        VOTES,
        _("Coordinated people that move the first place"),
        _("The smallest share of all participants, acting as one, that would put another value first."),
    ),
    "share of edges with a story behind them": (
        SHARE,
        EDGES,
        _("Edges with a story"),
        _("Share of the edges whose votes lead to the story that was judged."),
    ),
    "share of edges with a comment behind them": (
        SHARE,
        EDGES,
        _("Edges with a comment"),
        _("Share of the edges on which at least one participant wrote why."),
    ),
    "share of edges with a call behind them": (
        SHARE,
        EDGES,
        _("Edges with a model call on record"),
        _(
            "Share of the edges whose stories a model wrote and whose calls are kept. Stories by people have none."
        ),
    ),
}
AGAIN = {
    text: (_("Of the people who were asked again after the study."), said)
    for text, said in zip(
        QUESTIONS.values(),
        (_("The merged card still says what theirs said"), _("Its place in the graph is fair")),
        strict=True,
    )
}
NOTES = [
    (re.compile(pattern), said)
    for pattern, said in (
        (r"not asked", gettext_noop("not asked")),
        (r"nobody answered", gettext_noop("nobody answered")),
        (r"no cards were given", gettext_noop("no participant has a card")),
        (
            r"no vote says '\w+': its share cannot be modelled",
            gettext_noop("nobody gave one of the three answers: it cannot be foretold"),
        ),
        (
            r"one participant: (the votes cannot|the model needs|completeness needs).*",
            gettext_noop("one participant is too few"),
        ),
        (
            r"every story ran the same way.*",
            gettext_noop("every story ran one way: saying yes cannot be told from wiser"),
        ),
        (
            r"the two halves have no two values in common",
            gettext_noop("the two halves have no two values in common"),
        ),
        (r"no edge is kept", gettext_noop("no pair has enough agreement to become an edge")),
        (r"interval over edges", gettext_noop("interval over the edges")),
        (r"all edges counted", gettext_noop("all edges counted")),
        (r"range over (?P<n>\d+) random halves", gettext_noop("range over %(n)s random halves, no interval")),
        (
            r"range over (?P<n>\d+) draws of the participants",
            gettext_noop("range over %(n)s draws of the participants, no interval"),
        ),
        (
            r"(?P<n>\d+) more would make “(?P<value>.*)” the winner",
            gettext_noop("%(n)s more would put “%(value)s” first"),
        ),
        (
            r"no other value can be made the winner by up to (?P<n>\d+) coordinated participants",
            gettext_noop("no other value can be put first by up to %(n)s people who act together"),
        ),
        (
            r"(?P<n>\d+) participants are too few for \d+ folds",
            gettext_noop("%(n)s participants are too few"),
        ),
        (
            r"every (participant|edge) has (the same value|as many): no.*",
            gettext_noop("everywhere the same: no interval can be given"),
        ),
        (
            r"one participant: no interval can be given",
            gettext_noop("one participant: no interval can be given"),
        ),
        (
            r"(?P<n>\d+) votes on values that only they compared are left out",
            gettext_noop("%(n)s votes on values that nobody else compared are left out"),
        ),
        (r"fewer than 5", gettext_noop("fewer than 5 people: not shown")),
    )
]


@dataclass(frozen=True)
class State:
    """What a table was computed from, by numbers that change with it."""

    version: Version
    again: int
    sessions: int
    erased: int


def context(study: Study, protocol: Protocol, by: str) -> dict[str, Any]:
    """The page's context. by: the id of a choice question whose answers split what people said; '' for none."""
    questions = {question.id: question for question in choices(protocol)}
    by = by if by in questions else ""
    state = _state(study)
    found = _table(state) if state.version.votes else None
    groups = _by_group(study, protocol, state, by) if by and found is not None else {}
    return {
        "study": study,
        "study_title": protocol.say(protocol.title),
        "rehearsal": study.mode != Study.Mode.REAL,
        "criteria": [] if found is None else _told(found, groups),
        "questions": [(one.id, protocol.say(one.text)) for one in questions.values()],
        "by": by,
        "fewest": FEWEST,
    }


def _state(study: Study) -> State:
    sessions = Session.objects.filter(study=study)
    return State(
        version_of(study),
        FollowUp.objects.filter(session__study=study).count(),
        sessions.exclude(ended_at=None).count(),
        sessions.exclude(erased_at=None).count(),
    )


def table_now(study: Study) -> pd.DataFrame | None:
    """The table of `elicitation.votes.criteria`; None without votes."""
    state = _state(study)
    return _table(state) if state.version.votes else None


_AT_ONCE = Lock()


def _table(state: State) -> pd.DataFrame | None:
    """Computed once however many ask at the same time."""
    with _AT_ONCE:
        return _computed(state)


@lru_cache(maxsize=8)
def _computed(state: State) -> pd.DataFrame | None:
    found = _evidence(state)
    study = Study.objects.get(pk=state.version.study)
    return table_of(found, follow_up=asks_again(study)) if len(found.votes) else None


@lru_cache(maxsize=8)
def _evidence(state: State) -> Evidence:
    study = Study.objects.get(pk=state.version.study)
    return evidence_of(study, protocol_of_study(study))


def _by_group(study: Study, protocol: Protocol, state: State, by: str) -> dict[str, list[dict[str, Any]]]:
    """Shares of agreement by statement and answer; where fewer than FEWEST of a group answered, without a number."""
    question = next(one for one in choices(protocol) if one.id == by)
    people = dict(Session.objects.filter(study=study, preview_arm="").values_list("pk", "participant__code"))
    answered = {people[pk]: answer for pk, answer in answers_to(study, by).items() if pk in people}
    said = _evidence(state).said
    said = said.assign(group=said["participant"].map(answered))
    found: dict[str, list[dict[str, Any]]] = {}
    for text, rows in said.groupby("question", sort=False):
        for answer, label in question.options.items():
            part = rows[rows["group"] == answer]
            share = agreement(part, LEVEL)
            row = {
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "n": share.n,
                "note": share.note,
            }
            if 0 < share.n < FEWEST:
                row |= dict.fromkeys(("value", "low", "high"), float("nan")) | {
                    "n": 0,
                    "note": "fewer than 5",
                }
            found.setdefault(str(text), []).append(
                _figure(SHARE, row) | {"label": protocol.say(label), "unit": PEOPLE}
            )
    return found


def _told(table: pd.DataFrame, groups: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Criteria in their order, each with its rows."""
    found = []
    for name, rows in table.groupby("criterion", sort=False):
        label, words = CRITERIA[str(name)]
        listed = [_row(plain(row), groups) for row in rows.to_dict("records")]
        found.append({"name": name, "label": label, "words": words, "rows": listed})
    return found


def _row(row: dict[str, Any], groups: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    measure = row["measure"]
    if measure.startswith(AGREE):
        text = measure.removeprefix(AGREE)
        words, label = AGAIN.get(text, (_("Of the people who answered at the end of their session."), text))
        kind, unit = SHARE, PEOPLE
    else:
        kind, unit, label, words = MEASURES[measure]
        text = ""
    return _figure(kind, row) | {"label": label, "words": words, "unit": unit, "groups": groups.get(text, [])}


def _figure(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """Value and ends in per cent for a share; counts; the note in the reader's language."""
    row = plain(row)
    scale = 100 if kind == SHARE else 1
    ends = {name: None if row[name] is None else row[name] * scale for name in ("value", "low", "high")}
    notes = "; ".join(_said(part) for part in row["note"].split("; ") if part)
    return ends | {"share": kind == SHARE, "n": row["n"], "people": row.get("clusters"), "note": notes}


def _said(note: str) -> str:
    for pattern, text in NOTES:
        if match := pattern.fullmatch(note):
            return gettext(text) % match.groupdict() if match.groupdict() else gettext(text)
    return note
