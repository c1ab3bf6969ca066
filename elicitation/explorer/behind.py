"""What stands behind a value (its cards, and the words that led to them) and behind an edge (stories, votes, comments).

Everybody who may see the graph reads the study's own words, the cards whose authors agreed that others may read them,
and answers under a pseudonym that holds on that one page under that one filter, so that nobody can put a person's
card, votes and groups together. Unshared cards, interviews, comments, times, and pseudonyms that hold throughout the
study are for those who may analyse it (`words`). What was erased is in no table, and so nowhere here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from django.utils.crypto import salted_hmac

from analysis.moral_graph import wilson
from elicitation.explorer import agreement
from elicitation.explorer.asked import Asked
from elicitation.explorer.graphs import Drawn, drawn, selected, version_of
from elicitation.explorer.page import plain
from elicitation.models import Card, Upgrade, mapping_of
from study.protocol import Protocol
from study.registration.models import Study
from study.session.models import Submission

MOST = 200  # cards, and votes of a direction, on a page
TOLD = ("message", "story", "attention", "otherwise")  # what a person writes on the way to a card, in order


def value(study: Study, protocol: Protocol, asked: Asked, code: str, *, words: bool) -> dict[str, Any] | None:
    """The context of a value's page; None for a value that nobody voted on in this filter."""
    found = drawn(study, asked)
    if found.graph is None or code not in {*found.graph.values["value"], *found.graph.left_out}:
        return None
    rows = found.graph.values
    ranked = rows[rows["value"] == code].to_dict("records")
    card = found.cards[found.cards["value"] == code].to_dict("records")
    members = mapping_of(study.pk).members().get(code, ())
    cards = list(
        Card.objects.filter(study=study, code__in=members, title__gt="")
        .select_related("session__participant")
        .order_by("pk")
    )
    own = [one for one in cards if one.session_id is not None]
    readable = [one for one in cards if words or one.shared or one.session_id is None]
    return {
        **_common(study, protocol, asked, words),
        "code": code,
        "title": found.title(code),
        "card": card[0] if card else None,
        "row": plain(ranked[0]) if ranked else None,
        "towards": _pairs(found, "to_value", code),
        "away": _pairs(found, "from_value", code),
        "cards": _told(study, readable[:MOST], words, f"{code}{asked.query()}"),
        "authors": len(own),
        "unread": len(cards) - len(readable),
        "more": max(len(readable) - MOST, 0),
    }


def _common(study: Study, protocol: Protocol, asked: Asked, words: bool) -> dict[str, Any]:
    title = protocol.say(protocol.title)
    return {"study": study, "study_title": title, "query": asked.query(), "asked": asked, "words": words}


def _pairs(found: Drawn, end: str, code: str) -> list[dict[str, Any]]:
    """The pairs that were shown with this value at one end, kept ones first."""
    if found.graph is None:
        return []
    pairs, titles = found.graph.pairs, found.titles
    own = pairs[pairs[end] == code].sort_values(["kept", "likelihood"], ascending=False, kind="stable")
    return [
        {**plain(row), "from_title": titles.get(row["from_value"], row["from_value"]),
         "to_title": titles.get(row["to_value"], row["to_value"])}
        for row in own.to_dict("records")
    ]  # fmt: skip


def _told(study: Study, cards: list[Card], words: bool, page: str) -> list[dict[str, Any]]:
    """The cards with who wrote them and, for those who may read it, what they told on the way."""
    spoken: dict[tuple[object, str], list[str]] = {}
    if words:
        sessions = [one.session_id for one in cards if one.session_id is not None]
        rows = Submission.objects.filter(session__in=sessions, payload__isnull=False).order_by(
            "session", "number"
        )
        for session, page, payload in rows.values_list("session_id", "page", "payload"):
            stage = page.rpartition(".")[0]
            spoken.setdefault((session, stage), []).extend(
                str(payload[name]) for name in TOLD if payload and payload.get(name)
            )
    return [
        {"card": one,
         "who": pseudonym(study, one.session.participant.code, "" if words else page) if one.session else "",
         "told": spoken.get((one.session_id, one.stage), [])}
        for one in cards
    ]  # fmt: skip


def pseudonym(study: Study, person: str, page: str = "") -> str:
    """A name for one person on the pages of one study, or on one page of it, from which nobody without the server's key
    finds the person."""
    return "P-" + salted_hmac("elicitation.explorer", f"{study.pk}:{page}:{person}").hexdigest()[:6].upper()


def pair(
    study: Study, protocol: Protocol, asked: Asked, lower: str, upper: str, *, words: bool
) -> dict[str, Any] | None:
    """The context of a pair's page, both directions; None for a pair without votes in this filter."""
    votes = selected(version_of(study), asked.alone)
    there = votes[(votes["from_value"] == lower) & (votes["to_value"] == upper)]
    back = votes[(votes["from_value"] == upper) & (votes["to_value"] == lower)]
    if there.empty and back.empty:
        return None
    found = drawn(study, asked)
    stories = _stories(study, {*there["story"], *back["story"]})
    page = "" if words else f"{lower}:{upper}{asked.query()}"
    titles = {"from_title": found.title(lower), "to_title": found.title(upper)}
    return {
        **_common(study, protocol, asked, words),
        **titles,
        "lower": lower,
        "upper": upper,
        "directions": [
            _direction(study, there, stories, page)
            | titles
            | {"groups": agreement.groups(study, protocol, asked, lower, upper)},
            _direction(study, back, stories, page)
            | {"from_title": titles["to_title"], "to_title": titles["from_title"]}
            | {"groups": agreement.groups(study, protocol, asked, upper, lower)},
        ],
    }


def _stories(study: Study, named: set[str]) -> dict[str, list[Upgrade]]:
    """Every wording of the stories with these names (pair.direction)."""
    pairs = {name.rpartition(".")[0] for name in named}
    found: dict[str, list[Upgrade]] = {}
    for row in Upgrade.objects.filter(study=study, pair__in=pairs).order_by("pk"):
        found.setdefault(f"{row.pair}.{row.direction}", []).append(row)
    return found


def _direction(
    study: Study, votes: pd.DataFrame, stories: dict[str, list[Upgrade]], page: str
) -> dict[str, Any]:
    """One direction: its answers with the share of "wiser", its stories, and its votes, newest first; for the public
    (`page`) in the order of the page's pseudonyms."""
    given = Counter(votes["verdict"])
    low, high = wilson(np.array([float(given["wiser"])]), np.array([float(len(votes))]))
    rows = [
        row | {"who": pseudonym(study, str(row["participant"]), page)}
        for row in votes.iloc[::-1].head(MOST).to_dict("records")
    ]
    if page:
        rows.sort(key=lambda row: str(row["who"]))
    told = agreement.stories(votes)
    return {
        "counts": {name: given.get(name, 0) for name in ("wiser", "not_wiser", "unsure")},
        "number": len(votes),
        "share": given.get("wiser", 0) / len(votes) if len(votes) else None,
        "low": float(low[0]),
        "high": float(high[0]),
        "stories": [
            {"story": story, "told": told.get(name)}
            for name in dict.fromkeys(votes["story"])
            for story in stories.get(name, [])
        ],
        "votes": [
            {
                "who": row["who"],
                "verdict": row["verdict"],
                "case": row["case"],
                "why": "" if page else row["why"],
                "at": None if page else row["created_at"],
            }
            for row in rows
        ],
        "commented": int(votes["why"].astype(bool).sum()),
        "more": max(len(votes) - MOST, 0),
    }
