"""A whole cohort: arrivals one after another until the study's places are filled, several at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import numpy as np
from asgiref.sync import sync_to_async
from django.utils import timezone

from study.assignment.actions import sweep_idle
from study.protocol.types import Protocol
from study.registration.models import Study
from study.rehearsal.behaviour import Person, World
from study.rehearsal.walker import Stuck, Walker

MOST_ARRIVALS_PER_PLACE = 3


@dataclass
class Result:
    """What a cohort did: arrivals, outcomes, quirks by kind, and the pages that were answered."""

    arrived: int = 0
    pages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    quirks: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)


class Cohort:
    """Simulated participants for one rehearsal. `completed` is called whenever somebody completes."""

    person: type[Person] = Person

    def __init__(
        self,
        study: Study,
        protocol: Protocol,
        base_url: str,
        *,
        concurrency: int = 20,
        pauses: bool = False,
        completed: Callable[[], object] = int,
    ) -> None:
        self.study, self.protocol, self.base_url = study, protocol, base_url.rstrip("/")
        self.concurrency, self.pauses, self.completed = concurrency, pauses, completed
        self.world, self.result = World.of(protocol), Result()
        self.inside = 0  # people who are walking now

    async def run(self, complete: int) -> Result:
        """Send people until `complete` of them have completed (or none gets in any more).

        Whoever stops on the way is replaced at once, so that there are never more people inside than places.
        """
        arrivals = iter(range(complete * MOST_ARRIVALS_PER_PLACE))
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(120),
            ) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(min(self.concurrency, complete)):
                group.create_task(self._keep_sending(http, arrivals, complete))
        return self.result

    async def _keep_sending(
        self, http: aiohttp.ClientSession, arrivals: Iterator[int], complete: int
    ) -> None:
        """One person after another, as long as places are left that nobody inside may fill."""
        outcomes = self.result.outcomes
        while outcomes["complete"] + self.inside < complete and not outcomes["full"]:
            number = next(arrivals, None)
            if number is None:
                return
            self.inside += 1
            try:
                await self._send(http, number)
            finally:
                self.inside -= 1

    async def _send(self, http: aiohttp.ClientSession, number: int) -> None:
        rng = np.random.default_rng([self.protocol.assumptions.seed, 3, number])
        walker = Walker(http, self.person(self.world, number), rng, pauses=self.pauses)
        self.result.arrived += 1
        try:
            trip = await walker.walk(self._link(number))
        except Stuck as problem:
            self.result.stuck.append(f"participant {number}: {problem}")
            trip = walker.trip
            trip.outcome = "stuck"
        if trip.outcome in ("vanished", "stuck"):
            await self._let_time_pass(trip.token)
        self.result.pages += trip.pages
        self.result.outcomes[trip.outcome] += 1
        self.result.quirks.update(trip.quirks)
        if trip.outcome == "complete":
            self.completed()

    def _link(self, number: int) -> str:
        """The entry link, as the panel would make it."""
        query = ""
        if self.protocol.entry.mode == "panel":
            query = f"?PROLIFIC_PID=rehearsal-{number}&STUDY_ID=rehearsal&SESSION_ID=rehearsal-{number}"
        return f"{self.base_url}/s/join/{self.study.slug}/{query}"

    async def _let_time_pass(self, token: str) -> None:
        """For somebody who will not come back the protocol's idle time is taken to have passed."""
        later = timezone.now() + timedelta(minutes=self.protocol.session.idle_minutes + 1)
        await sync_to_async(sweep_idle)(self.study, later, token=token)
