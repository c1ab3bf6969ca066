"""One simulated participant's browser: follows links, posts forms, and does what people do to web pages."""

from __future__ import annotations

import asyncio
import html
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import aiohttp
import numpy as np
from yarl import URL

from study.rehearsal.behaviour import Person
from study.rehearsal.forms import ShownPage, read

FORM = "application/x-www-form-urlencoded"
MOST_PAGES = 400
MOST_TRIES = 5
STREAM = re.compile(r'data-stream="([^"]+)"')
MOST_LOOKS, LOOK_SECONDS = 1300, 0.25  # longer than the longest time limit of a live answer
QUIRKS = {"double_click": 0.02, "back": 0.01, "reload": 0.02}
"""How often, per page, somebody clicks twice, sends an old form again, or loads the page again."""


class Stuck(RuntimeError):
    """A page that a participant could not get past; the message says which and what the server said."""


@dataclass
class Trip:
    """What became of one simulated participant."""

    outcome: str = ""
    token: str = ""  # of the session, from the address
    pages: int = 0
    quirks: dict[str, int] = field(default_factory=dict)


class Walker:
    """A person with a browser (its own cookies) on a shared connection pool."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        person: Person,
        rng: np.random.Generator,
        *,
        number: int = 0,
        pauses: bool = False,
    ) -> None:
        self.http, self.person, self.rng, self.number, self.pauses = http, person, rng, number, pauses
        self.cookies: dict[str, str] = {}
        self.trip = Trip()
        self.leaves_at = self._when_to_leave()

    def _when_to_leave(self) -> int:
        """The page at which this person stops, for those who do; pages are counted from 1."""
        stays = self.rng.random() >= self.person.world.protocol.assumptions.dropout
        return MOST_PAGES + 1 if stays else int(self.rng.integers(2, 18))

    @property
    def leaves(self) -> bool:
        """Will this person stop on the way?"""
        return self.leaves_at <= MOST_PAGES

    async def walk(self, url: str) -> Trip:
        """From the entry link to an end. Raises Stuck when a page refuses a form that a browser would send."""
        address, status, body = await self.get(url)
        self.trip.token = URL(address).parts[-2] if status < 400 else ""
        previous: tuple[str, list[tuple[str, str]]] | None = None
        while (page := read(body)) is not None and status < 400:
            if self.trip.pages + 1 >= self.leaves_at:
                return await self.leave(address)
            page = await self.read_out(address, page)
            fields = self.form(page)
            await asyncio.sleep(self.seconds_on(page))
            if previous and self.happens("back"):
                await self.post(*previous)
            if self.happens("reload"):
                await self.get(address)
            if self.happens("double_click"):
                _, (_, status, following) = await asyncio.gather(
                    self.post(address, fields), self.post(address, fields)
                )
            else:
                _, status, following = await self.post(address, fields)
            if status >= 400:
                raise Stuck(f"{page.key}: {status} {following[:300]}")
            self.trip.pages += 1
            if self.trip.pages > MOST_PAGES:
                raise Stuck(f"no end after {MOST_PAGES} pages, at {page.key}")
            previous, body = (address, fields), following
        self.trip.outcome = outcome_of(body)
        return self.trip

    async def read_out(self, address: str, page: ShownPage) -> ShownPage:
        """The page once a live answer on it is complete: its stream is read to the end, as the page's script does, and
        the page loaded again. Raises Stuck when it never is."""
        for _ in range(MOST_LOOKS):
            running = STREAM.search(page.html)
            if running is None and not self.person.looks_again(page):
                return page
            if running is None or not await self.listen(
                str(URL(address).join(URL(html.unescape(running[1]))))
            ):
                await asyncio.sleep(LOOK_SECONDS)
            _, _, body = await self.get(address)
            page = read(body) or page
        raise Stuck(f"{page.key}: the answer was never complete")

    async def listen(self, url: str) -> bool:
        """Read the words of a live answer as they come; whether its end was heard."""
        try:
            async with self.http.get(url, headers={"Accept": "text/event-stream"}) as stream:
                return b"\nevent: end\n" in await stream.read()
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def leave(self, address: str) -> Trip:
        """Half of those who stop say so (and half of these want their answers deleted); the others just vanish."""
        if self.rng.random() < 0.5:
            self.trip.outcome = "vanished"
            return self.trip
        _, _, body = await self.get(address + "withdraw")
        token = body.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
        erase = "yes" if self.rng.random() < 0.5 else "no"
        await self.post(address + "withdraw", [("csrfmiddlewaretoken", token), ("erase", erase)])
        self.trip.outcome = "withdrawn"
        return self.trip

    def seconds_on(self, page: ShownPage) -> float:
        """How long this person looks at a trial: just over what the protocol takes for reading, unless inattentive."""
        if not self.pauses or self.leaves or not page.key.endswith(".final"):
            return 0.0
        least = self.person.world.protocol.integrity.min_seconds_per_trial
        return float(
            least * self.rng.uniform(0.1, 0.6)
            if self.person.inattentive
            else least + self.rng.exponential(0.4)
        )

    def form(self, page: ShownPage) -> list[tuple[str, str]]:
        """Hidden fields as they are, controls as the person fills them in, and a trace as the script would send it."""
        answers = self.person.answers(page)
        milliseconds = float(np.round(self.rng.lognormal(9.3, 0.5), 1))
        pasted = self.rng.random() < 0.01
        trace = (
            f'{{"page":"{page.key}","load":"{secrets.token_hex(8)}","events":['
            f'{{"n":1,"kind":"shown","ms":0}},'
            + ('{"n":2,"kind":"paste","ms":900,"data":{"length":80}},' if pasted else "")
            + f'{{"n":3,"kind":"submit","ms":{milliseconds}}}]}}'
        )
        hidden = {**page.hidden, "trace": trace}
        return [
            *hidden.items(),
            *((name, value) for name, values in answers.items() for value in values if value != ""),
        ]

    def happens(self, quirk: str) -> bool:
        if self.rng.random() >= QUIRKS[quirk]:
            return False
        self.trip.quirks[quirk] = self.trip.quirks.get(quirk, 0) + 1
        return True

    async def get(self, url: str) -> tuple[str, int, str]:
        return await self._request("GET", url, None)

    async def post(self, url: str, fields: list[tuple[str, str]]) -> tuple[str, int, str]:
        return await self._request("POST", url, fields)

    async def _request(
        self, method: str, url: str, fields: list[tuple[str, str]] | None
    ) -> tuple[str, int, str]:
        """Send and follow redirects with GET. Returns (address, status, body) of the page arrived at."""
        while True:
            status, location, body = await self.send(method, url, fields)
            if not location:
                return url, status, body
            method, fields, url = "GET", None, str(URL(url).join(URL(location)))

    async def send(self, method: str, url: str, fields: list[tuple[str, str]] | None) -> tuple[int, str, str]:
        """One request with this browser's cookies: (status, where it redirects to, body).

        When the connection breaks, the same request is sent again, as browsers do; what was accepted stays accepted.
        """
        for _ in range(MOST_TRIES - 1):
            try:
                return await self.exchange(method, url, fields)
            except (aiohttp.ClientConnectionError, TimeoutError):
                self.trip.quirks["lost_reply"] = self.trip.quirks.get("lost_reply", 0) + 1
                await asyncio.sleep(0.2)
        return await self.exchange(method, url, fields)

    async def exchange(
        self, method: str, url: str, fields: list[tuple[str, str]] | None
    ) -> tuple[int, str, str]:
        """One request and its answer. Raises aiohttp.ClientError when the connection breaks."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if fields is not None:
            headers["Content-Type"], body = FORM, urlencode(fields).encode()
        async with self.http.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            self._keep(answer.headers.getall("Set-Cookie", []))
            location = answer.headers["Location"] if answer.status in (301, 302, 303) else ""
            return answer.status, location, await answer.text()

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            parsed: Mapping[str, object] = SimpleCookie(line)
            self.cookies |= {name: morsel.value for name, morsel in parsed.items()}  # type: ignore[attr-defined]


def outcome_of(body: str) -> str:
    """The outcome that an end page stands for, from its own mark-up."""
    marker = 'data-outcome="'
    return body.split(marker, 1)[1].split('"', 1)[0] if marker in body else "stopped"
