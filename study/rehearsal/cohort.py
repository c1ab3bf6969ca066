"""A whole cohort: arrivals one after another until the study's places are filled, several at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, islice

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

        There are never more people inside than places. Those who will leave come first, in a hurry: the places they
        give back are filled together with all others, and nobody waits at the end while a replacement reads.
        """
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(120),
        ) as http:
            walkers = self._walkers(http, complete * MOST_ARRIVALS_PER_PLACE)
            first = list(islice(walkers, complete))
            first += islice(walkers, sum(walker.leaves for walker in first))
            leaving = [walker for walker in first if walker.leaves]
            staying = [walker for walker in first if not walker.leaves]
            for arrivals in (iter(leaving), chain(staying, walkers)):
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.concurrency, complete)):
                        group.create_task(self._keep_sending(arrivals, complete))
        return self.result

    def _walkers(self, http: aiohttp.ClientSession, most: int) -> Iterator[Walker]:
        """Everybody who might come, in the order of their numbers."""
        for number in range(most):
            rng = np.random.default_rng([self.protocol.assumptions.seed, 3, number])
            yield Walker(http, self.person(self.world, number), rng, number=number, pauses=self.pauses)

    async def _keep_sending(self, arrivals: Iterator[Walker], complete: int) -> None:
        """One person after another, as long as places are left that nobody inside may fill."""
        outcomes = self.result.outcomes
        while outcomes["complete"] + self.inside < complete and not outcomes["full"]:
            walker = next(arrivals, None)
            if walker is None:
                return
            self.inside += 1
            try:
                await self._send(walker)
            finally:
                self.inside -= 1

    async def _send(self, walker: Walker) -> None:
        self.result.arrived += 1
        try:
            trip = await walker.walk(self._link(walker.number))
        except Stuck as problem:
            self.result.stuck.append(f"participant {walker.number}: {problem}")
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
