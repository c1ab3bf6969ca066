"""Everything on one machine: embedded servers, web, worker and model, started and stopped in order.

Whatever dies by itself is started again; what dies with the supervisor leaves nothing behind, even after kill -9.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from config.embedded import process
from config.embedded.layout import Layout
from config.embedded.postgres import Postgres
from config.embedded.process import ServerFailed
from config.embedded.valkey import Valkey

STILL_THERE = ("still in use", "already exists", "is still running")
MOST_RESTARTS, RESTART_WINDOW = 5, 60.0  # a child that dies more often within so many seconds is given up


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this state folder."""


class EmbeddedServer(Protocol):
    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass
class Child:
    """A program of ours that runs as long as the supervisor does."""

    name: str
    command: Sequence[str]
    log: Path
    env: dict[str, str]
    fds: tuple[int, ...] = ()
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_RESTARTS))
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        self.process = process.spawn(self.command, log=self.log, env=self.env, pass_fds=self.fds)

    def given_up(self, now: float) -> bool:
        self.deaths.append(now)
        return len(self.deaths) == MOST_RESTARTS and now - self.deaths[0] < RESTART_WINDOW


class Supervisor:
    """Use as a context: leaving it stops everything, last started first."""

    def __init__(self, layout: Layout, say: Callable[[str], None]) -> None:
        self.layout, self.say = layout, say
        self.environment = dict(os.environ)
        self.children: list[Child] = []
        self.servers: dict[str, EmbeddedServer] = {}
        self._lock: IO[str] | None = None

    def __enter__(self) -> Supervisor:
        """Take the state folder for this supervisor alone; raises AlreadyRunning."""
        self.layout.state.mkdir(parents=True, exist_ok=True)
        self._lock = (self.layout.state / "supervisor.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise AlreadyRunning(
                f"another `make demo` or `manage.py serve` is running in {self.layout.state}; "
                "stop it first, or set HEED_STATE to another folder"
            ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        for child in reversed(self.children):
            process.stop(child.process)
            process.end_group(child.process)
        for server in reversed(self.servers.values()):
            server.stop()
        if self._lock is not None:
            self._lock.close()

    def start_services(self) -> None:
        """PostgreSQL and Valkey, each unless its address names a server of the user's own."""
        if "DATABASE_URL" not in os.environ:
            self._serve("PostgreSQL", Postgres(self.layout))
            self.environment["DATABASE_URL"] = self.layout.database_url()
        if "CELERY_BROKER_URL" not in os.environ:
            self._serve("Valkey", Valkey(self.layout))
            self.environment["CELERY_BROKER_URL"] = self.layout.broker_url()
            self.environment.setdefault("REDIS_URL", self.layout.redis_url())

    def start_model(self) -> None:
        """The rehearsal model, unless the user named a real one."""
        if "HEED_LLM_BASE_URL" in os.environ or "OPENAI_API_KEY" in os.environ:
            return
        with bind("127.0.0.1", 0) as probe:
            port = int(probe.getsockname()[1])
        self.environment["HEED_LLM_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        self._run("model", ["manage.py", "rehearsal_model", "--port", str(port), "--pace-ms", "15"])

    def start_worker(self) -> None:
        """One Celery worker with its clock; participants' tasks come before batches."""
        command = ["-m", "celery", "-A", "config", "worker", "-B", "-s", str(self.layout.state / "beat")]
        command += ["-Q", "participant,batch", "-P", "threads", "-c", "40", "-l", "INFO"]
        self._run("worker", [*command, "--without-gossip", "--without-mingle"], HEED_DB_POOL="1")

    def start_web(self, listener: socket.socket, processes: int) -> None:
        """`processes` web servers on one listening socket; returns when the first page is answered."""
        os.set_inheritable(listener.fileno(), True)
        for number in range(1, processes + 1):
            self._run(f"web{number}", ["-m", "config.web", str(listener.fileno())], fds=(listener.fileno(),))
        first = self.children[-processes]
        host, port = listener.getsockname()[:2]
        process.wait_until(
            lambda: healthy(host, port),
            process=first.process,
            log=first.log,
            patience=60,
            name="the web server",
        )

    def watch(self, seconds: float | None = None) -> None:
        """Keep everything running for `seconds`, or until interrupted; raises ServerFailed when something won't."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            time.sleep(0.25)
            self.revive()

    def revive(self) -> None:
        for name, server in self.servers.items():
            if server.process is not None and server.process.poll() is not None:
                self.say(f"{name} ended with code {server.process.returncode}; starting it again")
                patiently(server.start)
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                process.end_group(child.process)
                if child.given_up(time.monotonic()):
                    raise ServerFailed(f"{child.name} keeps ending (code {code}):\n{process.tail(child.log)}")
                self.say(f"{child.name} ended with code {code}; starting it again (see {child.log})")
                child.start()

    def _serve(self, name: str, server: EmbeddedServer) -> None:
        self.servers[name] = server
        patiently(server.start)

    def _run(self, name: str, arguments: Sequence[str], fds: tuple[int, ...] = (), **env: str) -> None:
        log = self.layout.logs / f"{name}.log"
        log.unlink(missing_ok=True)
        child = Child(name, [sys.executable, *arguments], log, {**self.environment, **env}, fds)
        child.start()
        self.children.append(child)


def patiently(start: Callable[[], None], patience: float = 15) -> None:
    """Start a server whose predecessor, killed or orphaned a moment ago, may still hold its memory and files."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return start()
        except ServerFailed as error:
            if not any(sign in str(error) for sign in STILL_THERE) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def bind(host: str, port: int, tries: int = 50) -> socket.socket:
    """A listening socket on `port`, or on the next free one after it; raises OSError when none of `tries` is free."""
    for candidate in range(port, port + tries):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(512)
        except OSError:
            listener.close()
        else:
            return listener
    raise OSError(f"no free port between {port} and {port + tries - 1} on {host}")


def healthy(host: str, port: int) -> bool:
    """Does /healthz answer 200?"""
    with suppress(OSError), socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(32).startswith(b"HTTP/1.1 200")
    return False
