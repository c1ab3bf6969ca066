"""Does every card lead to the interview or pages it came from, every vote to the page that showed its story, and every
edge to its votes? A fixed number of queries, whatever the size."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from analysis.moral_graph import MoralGraph
from elicitation.interview.conversation import key_of
from elicitation.interview.prompts import CRITIC, INTERVIEW, TURNS, offered
from elicitation.models import Card, Draw, Vote
from elicitation.stages.card import BY_HAND, CARD, GUIDED, TALK, TO_CARD
from llm.models import Call
from study.registration.models import Study
from study.session.models import Submission

Pages = dict[tuple[object, str], list[dict[str, Any] | None]]


def unprovenanced(study: Study) -> list[str]:
    """One sentence for each card without its pages, messages or calls and each vote without the draw that showed its
    story, the page that was accepted or its story; empty when all is there. Five queries.

    What was erased is nobody's any more and is not asked for.
    """
    pages = _pages(study)
    return [*_cards(study, pages), *_votes(study, pages)]


def unsupported(graph: MoralGraph, votes: pd.DataFrame) -> list[str]:
    """One sentence for each edge of `graph` whose counts are not those of its votes in `votes` (the columns of
    `StudyVotes`), or one of whose votes has no story. No query."""
    given = votes.groupby(["from_value", "to_value", "verdict"]).size().to_dict()
    nameless = set(
        votes.loc[votes["story"].astype(str).str.len() < 3, ["from_value", "to_value"]].itertuples(
            index=False, name=None
        )
    )
    lost = []
    for edge in graph.edges.to_dict("records"):
        ends = (str(edge["from_value"]), str(edge["to_value"]))
        counts = {name: given.get((*ends, name), 0) for name in ("wiser", "not_wiser", "unsure")}
        if any(edge[name] != count for name, count in counts.items()):
            lost.append(f"edge {ends[0]} → {ends[1]} has other counts than its votes")
        if ends in nameless:
            lost.append(f"edge {ends[0]} → {ends[1]} has a vote without a story")
    return lost


def _pages(study: Study) -> Pages:
    found: Pages = defaultdict(list)
    rows = Submission.objects.filter(session__study=study).order_by("session", "number")
    for session, page, payload in rows.values_list("session_id", "page", "payload"):
        found[session, page].append(payload)
    return found


def _cards(study: Study, pages: Pages) -> Iterator[str]:
    calls = {
        key: (state, tools)
        for key, state, tools in Call.objects.filter(
            study=study.pk, purpose__in=(INTERVIEW, CRITIC)
        ).values_list("key", "state", "tool_calls")
    }
    cards = Card.objects.filter(study=study, session__isnull=False).exclude(title="")
    for code, session, stage in cards.values_list("code", "session_id", "stage"):
        if (session, f"{stage}.{CARD}") not in pages:
            yield f"card {code} has no accepted page"
        said = pages.get((session, f"{stage}.{TALK}"), [])
        name = key_of(session, f"{stage}.{TALK}")
        messages = sum(bool(one and one.get("message")) for one in said)
        asked = [calls.get(f"chat:{name}:{turn}") for turn in range(1, messages + 1)]
        if None in asked:
            yield f"card {code} has messages without the call that answers them"
        if said and (said[-1] or {}).get("leave") == TO_CARD:
            yield from _offers(code, name, asked, calls)
            continue
        needed = BY_HAND if messages >= TURNS else GUIDED
        if missing := [part for part in needed if (session, f"{stage}.{part}") not in pages]:
            yield f"card {code} was written by hand without its pages {', '.join(missing)}"


def _offers(code: str, name: str, asked: Iterable[Any], calls: dict[str, Any]) -> Iterator[str]:
    """Whether a card taken from the interview was offered there and read by the critic."""
    turns = [
        turn for turn, call in enumerate(asked, 1) if call and call[0] == Call.State.DONE and offered(call[1])
    ]
    if not turns:
        yield f"card {code} was offered by no call"
    if any(f"critic:{name}:{turn}" not in calls for turn in turns):
        yield f"card {code} was not read by the critic"


def _votes(study: Study, pages: Pages) -> Iterator[str]:
    draws = {
        (session, upgrade): page
        for session, upgrade, page in Draw.objects.filter(
            session__study=study, upgrade__isnull=False
        ).values_list("session_id", "upgrade_id", "page")
    }
    votes = Vote.objects.filter(session__study=study).exclude(verdict="")
    for pk, session, upgrade, story in votes.values_list("pk", "session_id", "upgrade_id", "upgrade__story"):
        page = draws.get((session, upgrade))
        if page is None:
            yield f"vote {pk} has no draw that showed its story"
        elif (session, page) not in pages:
            yield f"vote {pk} has no accepted page"
        if not re.search(r"\w", story):
            yield f"vote {pk} is on an empty story"
