"""From the explorer's page to everything behind it, over HTTP, as somebody of the study's team follows its links.

What is found on the pages is held against the database: each card under its value with every word that led to it, each
pair with its stories, votes and comments.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import pandas as pd
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from yarl import URL

from elicitation.explorer.behind import TOLD
from elicitation.models import Card, Upgrade, mapping_of
from elicitation.votes.table import votes_of
from study.panel.models import StudyRole
from study.registration.models import Study
from study.session.models import Submission

AT_ONCE = 8
LINK = re.compile(r'href="(/graphs/[\w-]+/(value|pair)/([^"/]+)/(?:([^"/]+)/)?)"')
SECTION = re.compile(
    r'(<section class="card"><h4>([^<]*)</h4><p class="quiet">P-[0-9A-F]+.*?</section>)', re.DOTALL
)
VOTE = re.compile(r'<li><b>[^<]*</b> <span class="quiet">P-[0-9A-F]+')
WORDS = re.compile(r"<blockquote>(.*?)</blockquote>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
Ends = tuple[str, str]
Pages = Mapping[tuple[str, ...], str]


@dataclass
class Explored:
    """Pages that were opened, and what was reached on them. lost: one sentence for each thing that was not."""

    pages: int = 0
    values: int = 0
    cards: int = 0
    words: int = 0
    pairs: int = 0
    edges: int = 0
    votes: int = 0
    comments: int = 0
    stories: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """A participant's card: its code, its title, and all that they told on the way."""

    code: str
    title: str
    words: list[str]


@dataclass(frozen=True)
class Expected:
    """What the database holds. cards: by value. votes: as `votes_of`. stories: texts by name. edges: pairs which the
    graph keeps."""

    cards: dict[str, list[Written]]
    votes: pd.DataFrame
    stories: dict[str, str]
    edges: set[Ends]


@contextmanager
def reader(study: Study) -> Iterator[dict[str, str]]:
    """The cookies of somebody who may analyse the study, for as long as the block lasts."""
    users = get_user_model()
    user = users.objects.create_user(username=f"reader-{study.slug}"[:150])
    StudyRole.objects.create(study=study, user=user, role=StudyRole.Role.ANALYST)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    try:
        yield {settings.SESSION_COOKIE_NAME: str(session.session_key)}
    finally:
        session.delete()
        user.delete()


def expected(study: Study, edges: set[Ends]) -> Expected:
    """Read it from the tables."""
    spoken: dict[tuple[object, str], list[str]] = {}
    rows = Submission.objects.filter(session__study=study, payload__isnull=False).order_by(
        "session", "number"
    )
    for session, page, payload in rows.values_list("session_id", "page", "payload"):
        said = [_spaced(str(payload[name])) for name in TOLD if payload and payload.get(name)]
        spoken.setdefault((session, page.rpartition(".")[0]), []).extend(said)
    value = mapping_of(study.pk).values()
    cards: dict[str, list[Written]] = {}
    for card in Card.objects.filter(study=study, session__isnull=False, title__gt=""):
        words = spoken.get((card.session_id, card.stage), [])
        cards.setdefault(value[card.code], []).append(Written(card.code, card.title, words))
    told = Upgrade.objects.filter(study=study)
    stories = {f"{one.pair}.{one.direction}": _spaced(one.story) for one in told}
    return Expected(cards, votes_of(study).votes, stories, edges)


def explore(study: Study, url: str, edges: set[Ends]) -> Explored:
    """Open the explorer, its tables, and every page that links lead to from there.

    edges: pairs that the graph keeps. Whatever is missing is in `lost`. Not inside a running event loop.
    """
    there = expected(study, edges)
    with reader(study) as cookies:
        pages = asyncio.run(_opened(f"{url}/graphs/{study.slug}/", cookies))
    found = Explored(pages=len(pages))
    _read_values(found, there, pages)
    _read_pairs(found, there, pages)
    return found


async def _opened(start: str, cookies: dict[str, str]) -> dict[tuple[str, ...], str]:
    """The bodies of the explorer, its tables and all pages of values and pairs that links lead to, by what an address
    names; a page that does not open is missing."""
    places = asyncio.Semaphore(AT_ONCE)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(120)) as http:

        async def get(address: str) -> str | None:
            async with places, http.get(address, cookies=cookies) as answer:
                return await answer.text() if answer.status == 200 else None

        found: dict[tuple[str, ...], str | None] = {
            ("explorer",): await get(start),
            ("tables",): await get(f"{start}tables/"),
        }
        while fresh := {name: link for name, link in _links(found.values()) if name not in found}:
            bodies = await asyncio.gather(*(get(str(URL(start).join(URL(link)))) for link in fresh.values()))
            found |= dict(zip(fresh, bodies, strict=True))
    return {name: body for name, body in found.items() if body is not None}


def _links(bodies: Iterable[str | None]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What addresses of values and pairs name, and the addresses."""
    for body in bodies:
        for link, *names in LINK.findall(body or ""):
            yield tuple(filter(None, names)), link


def _read_values(found: Explored, there: Expected, pages: Pages) -> None:
    """Each card stands on its value's page with every word that led to it."""
    voted = {*there.votes["from_value"], *there.votes["to_value"]}
    for value in sorted({*there.cards, *voted}):
        body = pages.get(("value", value))
        if body is None:
            found.lost.append(
                f"value {value} has no page; {len(there.cards.get(value, ()))} cards count as it"
            )
            continue
        found.values += 1
        shown = Counter(_read(title, section) for section, title in SECTION.findall(body))
        for card in there.cards.get(value, ()):
            mine = (card.title, tuple(card.words))
            if not card.words or not shown[mine]:
                found.lost.append(f"the page of {value} lacks card {card.code}, or words that led to it")
                continue
            shown[mine] -= 1
            found.cards += 1
            found.words += len(card.words)


def _read(title: str, section: str) -> tuple[str, tuple[str, ...]]:
    """A card on a page: its title, and the words that led to it."""
    return html.unescape(title), tuple(_plain(words) for words in WORDS.findall(section))


def _read_pairs(found: Explored, there: Expected, pages: Pages) -> None:
    """Each pair's page has both directions with their stories, the votes of each, and the comments."""
    ends = ["from_value", "to_value"]
    given = {(str(a), str(b)): rows for (a, b), rows in there.votes.groupby(ends)}
    none = there.votes.iloc[:0]
    for (lower, upper), rows in given.items():
        body = pages.get(("pair", lower, upper))
        if body is None:
            found.lost.append(f"the pair {lower} → {upper} has no page")
            continue
        both = pd.concat([rows, given.get((upper, lower), none)])
        text = _plain(body)
        wrong = [
            name
            for name, held in (
                ("votes", len(VOTE.findall(body)) == len(both)),
                ("stories", all(there.stories[name] in text for name in set(both["story"]))),
                ("comments", all(_spaced(why) in text for why in set(both["why"]))),
            )
            if not held
        ]
        if wrong:
            found.lost.append(f"the page of {lower} → {upper} lacks some of its {' and '.join(wrong)}")
            continue
        found.pairs += 1
        found.edges += (lower, upper) in there.edges
        found.votes += len(rows)
        found.stories += rows["story"].nunique()
        found.comments += int(rows["why"].astype(bool).sum())
    found.lost += [f"the edge {a} → {b} has no votes" for a, b in sorted(there.edges - given.keys())]


def _plain(body: str) -> str:
    return _spaced(html.unescape(TAG.sub(" ", body)))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def told(found: Explored) -> str:
    """The figures in a line for a terminal."""
    return (
        f"{found.pages} pages of the explorer: {found.values} values with {found.cards} cards, each with the "
        f"{found.words} words and answers that led to them; {found.edges} edges and {found.pairs - found.edges} other "
        f"pairs with {found.votes} votes, {found.comments} comments and {found.stories} stories"
    )
