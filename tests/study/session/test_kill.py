"""kill -9 of the web server while people answer: what was acknowledged is stored once, and everybody goes on."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from study.rehearsal.behaviour import Person, World
from study.rehearsal.walker import Walker
from study.session.models import Session, Submission, TraceEvent
from study.session.walks import protocol_of_study
from tests.factories import changed, collecting, tiny

ROOT = Path(__file__).resolve().parents[3]


class Server:
    """The web server as a process of its own, on one port, to be killed and started again."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**environment, "HEED_LOG_LEVEL": "ERROR"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(self.port),
                   "--log-level", "error", "--lifespan", "off"]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def answers(self) -> None:
        for _ in range(4000):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        raise AssertionError("the server did not come up again")


class Stubborn(Walker):
    """Somebody who loads the page again when the connection breaks, and who remembers what was acknowledged."""

    acknowledged: set[tuple[str, str, str]]
    loads: set[str]

    async def send(self, method: str, url: str, fields: Any) -> tuple[int, str, str]:
        for _ in range(6000):
            try:
                status, location, body = await super().exchange(method, url, fields)
            except (TimeoutError, aiohttp.ClientError, ConnectionError):
                method, fields = "GET", None  # what a person does: load the page again
                await asyncio.sleep(0.1)
                continue
            if method == "POST" and status == 303:
                sent = dict(fields)
                self.acknowledged.add((url.rstrip("/").rsplit("/", 1)[1], sent["page"], sent["attempt"]))
                self.loads.add(json.loads(sent["trace"])["load"])
            return status, location, body
        raise AssertionError("the server never came back")


async def campaign(
    server: Server, study: Any, world: World, *, people: int, kills: int, rng: random.Random
) -> tuple[set[Any], set[str]]:
    """Let up to `people` walk, eight at a time, until the server was killed `kills` times at random moments.

    Whoever is inside at the last kill still walks to the end. Raises AssertionError when there were too few people.
    """
    acknowledged: set[Any] = set()
    loads: set[str] = set()
    left = iter(range(people))
    enough = asyncio.Event()

    async def keep_walking(http: aiohttp.ClientSession) -> None:
        for seed in left:
            if enough.is_set():
                return
            walker = Stubborn(http, Person(world, seed), np.random.default_rng(seed))
            walker.acknowledged, walker.loads, walker.leaves_at = acknowledged, loads, 10_000
            trip = await walker.walk(f"http://127.0.0.1:{server.port}/s/join/{study.slug}/")
            assert trip.outcome in {"complete", "full"}, trip

    async def keep_killing() -> None:
        for _ in range(kills):
            await server.answers()
            await asyncio.sleep(rng.uniform(0.05, 2.5))
            assert next(left, None) is not None, "everybody was through before the last kill"
            server.kill()
            server.start()
        enough.set()

    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(keep_killing())
        for _ in range(8):
            group.create_task(keep_walking(http))
    return acknowledged, loads


def in_a_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it on a loop of its own: the browser tests of this worker keep one running in the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def check(study: Any, acknowledged: set[Any], loads: set[str]) -> None:
    stored = list(
        Submission.objects.filter(session__study=study).values_list("session__token", "page", "attempt")
    )
    assert len(stored) == len(set(stored))
    missing = {(t, p, int(a)) for t, p, a in acknowledged} - set(stored)
    assert not missing, f"{len(missing)} acknowledged pages are not stored"
    assert loads <= set(TraceEvent.objects.filter(session__study=study).values_list("load", flat=True))
    for row in Submission.objects.filter(session__study=study).only("shown_at", "received_at"):
        assert row.shown_at <= row.received_at
    assert not Session.objects.filter(study=study, outcome="").exclude(submitted=0).exists(), (
        "somebody was stranded"
    )


def run(environment: dict[str, str], *, people: int, kills: int) -> tuple[int, float]:
    study = collecting(changed(tiny(), sample={"target": 3 * max(1, people // 3 + people)}))
    server = Server(environment)
    server.start()
    began = time.monotonic()
    try:
        world = World.of(protocol_of_study(study))
        acknowledged, loads = in_a_thread(
            campaign(server, study, world, people=people, kills=kills, rng=random.Random(7))
        )
    finally:
        server.kill()
    check(study, acknowledged, loads)
    return len(acknowledged), time.monotonic() - began


@pytest.mark.django_db(transaction=True)
def test_a_killed_server_loses_nothing_that_was_acknowledged(child_environment: dict[str, str]) -> None:
    acknowledged, _ = run(child_environment, people=400, kills=3)
    assert acknowledged > 40


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_two_hundred_kills_lose_nothing(child_environment: dict[str, str]) -> None:
    acknowledged, seconds = run(child_environment, people=20_000, kills=200)
    print(
        f"\n200 kills, {acknowledged} acknowledged pages, all stored once, nobody stranded; {seconds:.0f} s"
    )
