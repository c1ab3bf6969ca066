"""What the pipeline adds to a model's own time, and what streams cost: `python -m benchmarks.streams`.

Embedded PostgreSQL and Valkey with durable commits, one web process, one worker, the rehearsal model in a process of
its own. Four measurements:

1. first words: asking in a transaction, commit, broker, worker, model, Redis, server-sent event, against asking the
   same API directly, with 20 conversations at once;
2. page turns of a study's trials (the post and the page after it) while 20 model calls hang for 30 s, against none;
3. 200 streams at once: memory of the web process, delay from worker to reader, and whether every letter came.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
from django.core.management import call_command

CONVERSATIONS, TURNS = 20, 8
STREAMS, WORDS, WORD_PAUSE = 200, 80, 0.1
if TYPE_CHECKING:
    from llm.prompts import Prompt

HANGING, PEOPLE = 20, 30
LONGEST = 20  # seconds of page turns: the calls beside them hang for 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace-ms", type=float, default=15.0)
    parser.add_argument(
        "--only", choices=["first-words", "hanging", "streams"], help="one of the measurements"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heed-bench-") as folder:
        Path(folder).chmod(0o711)
        run(Path(folder), options.pace_ms, options.only)


def run(folder: Path, pace_ms: float, only: str | None) -> None:
    """Start everything below `folder`, measure, stop everything."""
    from config.embedded.layout import Layout
    from config.supervisor import Supervisor, bind

    layout = Layout(folder)
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL", "OPENAI_API_KEY", "HEED_LLM_BASE_URL"):
        os.environ.pop(name, None)
    with Supervisor(layout, print) as supervisor, bind("127.0.0.1", 0) as listener:
        supervisor.environment |= {
            "HEED_STATE": str(folder),
            "HEED_STATIC_FROM_SOURCE": "1",
            "HEED_LLM_DAY_TOKENS": "999999999",
        }
        supervisor.start_services()
        supervisor.start_model()
        os.environ |= supervisor.environment | {"HEED_DB_POOL": "1", "HEED_DB_POOL_SIZE": "24"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        call_command("migrate", verbosity=0)
        supervisor.start_worker()
        supervisor.start_web(listener, 1)
        web = next(child for child in supervisor.children if child.name == "web1")
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        wait_for_worker()
        processes = {child.name: psutil.Process(child.process.pid) for child in supervisor.children}
        if only in (None, "first-words"):
            first_words(root, processes)
        if only in (None, "hanging"):
            hanging_calls(root)
        if only in (None, "streams"):
            many_streams(root, psutil.Process(web.process.pid))


def prompt(text: str, *, model: str = "") -> Prompt:
    from llm.prompts import Message, Prompt

    return Prompt(
        (Message("system", "Task: benchmark\nAnswer."), Message("user", text)), "benchmark", model=model
    )


def wait_for_worker() -> None:
    from llm import calls

    call = calls.request(prompt("warm up"), key=str(uuid.uuid4()), purpose="bench", deadline=60)
    while not calls.settled(call.pk).is_finished:
        time.sleep(0.05)


def first_words(root: str, processes: dict[str, psutil.Process]) -> None:
    """Milliseconds from asking to the first words, directly and through the pipeline; processor time a call."""
    direct = in_parallel(ask_directly)
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    through = in_parallel(lambda text: ask_through(root, text))
    for name, process in processes.items():
        spent = 1000 * (sum(process.cpu_times()[:2]) - before[name]) / (CONVERSATIONS * (TURNS + 1))
        print(f"  {name}: {spent:.1f} ms of processor time a call")
    show("direct: first words", direct)
    show("pipeline: first words", through)
    added = [statistics.median(through) - statistics.median(direct), p95(through) - p95(direct)]
    show_steps()
    print(f"the pipeline adds {added[0]:.1f} ms at the median (bar 60), {added[1]:.1f} ms at p95 (bar 150)")


def show_steps() -> None:
    """Where the time of the last calls went, from their records."""
    from llm.models import Try

    tries = Try.objects.filter(call__streamed=True).select_related("call").order_by("-started_at")
    last = list(tries[: CONVERSATIONS * TURNS])
    show("  asked to sent", [1000 * (one.started_at - one.call.created_at).total_seconds() for one in last])
    show("  sent to first token", [one.call.first_token_ms or 0.0 for one in last])


def in_parallel(ask: Callable[[str], float]) -> list[float]:
    """20 conversations of 8 turns, each with a short pause of a reader."""

    def converse(number: int) -> list[float]:
        taken = []
        for turn in range(TURNS + 1):  # the first one warms up connections and is not counted
            time.sleep(1.2 + 0.1 * (number % 7))
            taken.append(ask(f"conversation {number}, turn {turn}, {uuid.uuid4()}"))
        return taken[1:]

    with ThreadPoolExecutor(CONVERSATIONS) as pool:
        return [one for some in pool.map(converse, range(CONVERSATIONS)) for one in some]


def ask_directly(text: str) -> float:
    """Seconds to the first piece, from the same client without anything of ours around it."""
    from llm.backends import base

    start = time.perf_counter()
    first: list[float] = []
    base.get().chat(
        prompt(text),
        "heed-rehearsal-1",
        on_text=lambda piece: first.append(time.perf_counter()) if not first else None,
        seconds=30,
    )
    return 1000 * (first[0] - start)


def ask_through(root: str, text: str) -> float:
    from django.db import connection, transaction
    from django.urls import reverse

    from llm import calls, tokens

    start = time.perf_counter()
    with transaction.atomic():
        call = calls.request(
            prompt(text),
            key=str(uuid.uuid4()),
            purpose="bench",
            streamed=True,
            deadline=30,
        )
    connection.close()
    first = first_event(root, reverse("llm:events", args=[tokens.issue(call.pk)]))
    return 1000 * (first - start)


def first_event(root: str, path: str) -> float:
    """When the first words arrive at a reader who then reads to the end."""
    import socket

    parts = urlsplit(root)
    first = 0.0
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as line:
        line.sendall(request_for(path))
        buffer = b""
        while b"event: end" not in buffer:
            piece = line.recv(65536)
            if not piece:
                raise RuntimeError(f"the stream broke: {buffer[-300:]!r}")
            buffer += piece
            if not first and (b"\ndata: " in buffer):
                first = time.perf_counter()
    return first


def request_for(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"
    ).encode()


def hanging_calls(root: str) -> None:
    """Page turns of others, without and with 20 model calls that hang."""
    from llm import calls
    from llm.models import Call

    slug = reference_study()
    page_turns(root, slug, people=2)  # warms up
    before = page_turns(root, slug)
    hung = [
        calls.request(
            prompt(f"hang {n}", model="heed-rehearsal-1+timeout"),
            key=str(uuid.uuid4()),
            purpose="bench",
            deadline=30,
        )
        for n in range(HANGING)
    ]
    time.sleep(2)
    during = page_turns(root, slug)
    under_way = Call.objects.filter(pk__in=[call.pk for call in hung], state="running").count()
    show("page turns, no model call", before)
    show(f"page turns, {under_way} of {HANGING} calls still hanging at the end", during)
    print(f"page turns are {p95(during) - p95(before):.1f} ms slower at p95 (bar 10)")


def page_turns(root: str, slug: str, people: int = PEOPLE) -> list[float]:
    """Milliseconds from sending a trial's answers to having the page after it, one simulated participant at a time."""
    import aiohttp
    import numpy as np

    from study.registration.models import Study
    from study.rehearsal.behaviour import Person, World
    from study.rehearsal.walker import Walker
    from study.session.walks import protocol_of_study

    class Timed(Walker):
        """A participant without quirks who notes how long each trial's page turn took."""

        def happens(self, quirk: str) -> bool:
            return False

        async def post(self, url: str, fields: list[tuple[str, str]]) -> tuple[str, int, str]:
            start = time.perf_counter()
            answer = await super().post(url, fields)
            if dict(fields).get("page", "").endswith(".final"):
                taken.append(1000 * (time.perf_counter() - start))
            return answer

    taken: list[float] = []
    end = time.perf_counter() + LONGEST
    world = World.of(protocol_of_study(Study.objects.get(slug=slug)))

    async def walk() -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            for number in range(people):
                if time.perf_counter() > end:
                    return
                timed = Timed(http, Person(world, number), np.random.default_rng(number))
                timed.leaves_at = 10_000
                person = f"bench-{uuid.uuid4().hex[:12]}"
                query = f"PROLIFIC_PID={person}&STUDY_ID=bench&SESSION_ID={person}"
                await timed.walk(f"{root}/s/join/{slug}/?{query}")

    asyncio.run(walk())
    return taken


def reference_study() -> str:
    """The short name of the reference study, collecting, in rehearsal, with places for both measurements."""
    from study.protocol import read, shipped
    from study.registration import actions
    from study.registration.models import Study

    protocol = read(shipped()["uncertainty-reliance"])
    protocol = protocol.model_copy(
        update={"sample": protocol.sample.model_copy(update={"target": 4 * PEOPLE})}
    )
    study = actions.load(protocol, mode=Study.Mode.REHEARSAL)
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    return study.slug


def many_streams(root: str, web: psutil.Process) -> None:
    """200 readers at once; ten words a second for each, written as workers write them."""
    from datetime import timedelta

    from django.urls import reverse
    from django.utils import timezone

    from llm import calls, streams, tokens
    from llm.models import Call
    from llm.prompts import Reply

    texts = [" ".join(f"w{n}.{word}" for word in range(WORDS)) + " " for n in range(STREAMS)]
    made = [
        calls.record(
            prompt(f"stream {n}"), key=str(uuid.uuid4()), purpose="bench", streamed=True, deadline=300
        )[0]
        for n in range(STREAMS)
    ]
    Call.objects.filter(pk__in=[call.pk for call in made]).update(
        state="running", attempt=1, lease_until=timezone.now() + timedelta(minutes=10)
    )
    paths = [reverse("llm:events", args=[tokens.issue(call.pk)]) for call in made]
    sent: dict[str, float] = {}
    peak = [0.0]

    def write() -> None:
        time.sleep(5)  # every reader is there
        writers = [streams.Writer(call.pk) for call in made]
        for word in range(WORDS):
            due = time.perf_counter() + WORD_PAUSE
            for n, writer in enumerate(writers):
                sent[f"w{n}.{word}"] = time.perf_counter()
                writer.text(f"w{n}.{word} ")
            peak[0] = max(peak[0], web.memory_info().rss / 1e6)
            time.sleep(max(0.0, due - time.perf_counter()))
        for n, call in enumerate(made):
            call.refresh_from_db()
            calls.succeed(call, Reply(texts[n], texts[n], "heed-rehearsal-1", "rehearsal"))

    writing = threading.Thread(target=write)
    writing.start()
    results = asyncio.run(read_all(root, paths, sent))
    writing.join()
    streamed = [text for text, _ in results]
    delays = [delay for _, some in results for delay in some]
    complete = sum(text == texts[n] for n, text in enumerate(streamed))
    show(f"{STREAMS} streams, worker to reader", delays)
    print(
        f"{complete} of {STREAMS} streams complete before the final text; web process {peak[0]:.0f} MB (bar 300)"
    )


async def read_all(root: str, paths: Sequence[str], sent: dict[str, float]) -> list[tuple[str, list[float]]]:
    return await asyncio.gather(*(read_one(root, path, sent) for path in paths))


async def read_one(root: str, path: str, sent: dict[str, float]) -> tuple[str, list[float]]:
    """The words that came one by one, and how many milliseconds each was on its way."""
    parts = urlsplit(root)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request_for(path))
    text, delays, plain = "", [], True
    while line := await reader.readline():
        line = line.rstrip(b"\r\n")
        if line.startswith(b"event: "):
            plain = False
        elif line.startswith(b"data: ") and plain:
            text += line[6:].decode()
            delays.append(1000 * (time.perf_counter() - sent[line[6:].decode().strip()]))
        elif line.startswith(b"data: ") and line[6:] in (b"done", b"fallback"):
            break
        elif line.startswith((b"id: ", b": ")):
            plain = True
    writer.close()
    return text, delays


def show(title: str, milliseconds: Sequence[float]) -> None:
    print(
        f"{title}: n {len(milliseconds)}, median {statistics.median(milliseconds):.1f}, p95 {p95(milliseconds):.1f} ms"
    )


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main()
