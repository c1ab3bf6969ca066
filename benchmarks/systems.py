"""The two servers under measurement, each started on fresh data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import psutil
import psycopg

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = ROOT / ".cache"
OTREE_VERSION = "6.0.15"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fresh_database(url: str, name: str) -> str:
    """Drop and create database `name` beside the one `url` names; returns its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.rpartition("/")[0] + f"/{name}"


def as_sqlalchemy(url: str) -> str:
    """The same address in the spelling of oTree's SQLAlchemy 1.3, which wants a socket's folder after `?host=`."""
    parts = urlsplit(url)
    host = unquote(parts.netloc.rpartition("@")[2])
    if not host.startswith("/"):
        return url
    return f"postgresql://{parts.netloc.rpartition('@')[0]}@{parts.path}?host={host}"


class Server:
    """A process group that serves pages on `port`; used as a context."""

    name = ""
    processes = 1

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def entries(self, participants: int) -> list[str]:
        raise NotImplementedError

    def right_answers(self) -> dict[str, str]:
        return {}

    @property
    def folder(self) -> Path:
        return ROOT

    def __enter__(self) -> Self:
        self.prepare()
        self.log = CACHE / f"{self.name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                list(self.command()),
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _wait(self) -> None:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process is not None
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        head = psutil.Process(self.process.pid)
        return [head, *head.children(recursive=True)]

    def cpu_seconds(self) -> float:
        return sum(sum(member.cpu_times()[:2]) for member in self._family())

    def memory_mb(self) -> float:
        """Resident memory of all its processes; pages they share are counted once each (PSS)."""
        return sum(float(member.memory_full_info().pss) for member in self._family()) / 1e6


class OTree(Server):
    """`otree prodserver` with PostgreSQL, as its own guide tells to run it."""

    name = "otree"

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self.database_url = database_url
        self.python = CACHE / "otree" / "bin" / "python"

    @staticmethod
    def install() -> None:
        venv = CACHE / "otree"
        if not (venv / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
            wanted = [f"otree=={OTREE_VERSION}", "psycopg2-binary"]
            uv = Path(sys.executable).parent / "uv"
            subprocess.run([uv, "pip", "install", "-q", "-p", venv / "bin" / "python", *wanted], check=True)
            (venv / "complete").touch()

    @property
    def folder(self) -> Path:
        return CACHE / "otree_app"

    def prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(HERE / "otree_app", self.folder)
        self.url = fresh_database(self.database_url, "bench_otree")
        answer = subprocess.run(
            [self.python.parent / "otree", "resetdb", "--noinput"],
            cwd=self.folder,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            raise RuntimeError(f"otree resetdb: {answer.stdout}{answer.stderr}")

    def command(self) -> Sequence[str]:
        return [str(self.python.parent / "otree"), "prodserver", f"127.0.0.1:{self.port}"]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "DATABASE_URL": as_sqlalchemy(self.url),
            "OTREE_PRODUCTION": "1",
            "OTREE_AUTH_LEVEL": "STUDY",
            "OTREE_ADMIN_PASSWORD": "benchmark",
            "OTREE_REST_KEY": "benchmark",
        }

    def entries(self, participants: int) -> list[str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/sessions",
            data=json.dumps({"session_config_name": "reliance", "num_participants": participants}).encode(),
            headers={"otree-rest-key": "benchmark", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            link = json.load(reply)["session_wide_url"]
        return ["/join/" + link.rpartition("/join/")[2]] * participants


class Heed(Server):
    """uvicorn with `processes` workers, as the Procfile runs it."""

    def __init__(self, database_url: str, processes: int) -> None:
        super().__init__()
        self.database_url, self.processes = database_url, processes
        self.name = f"heed{processes}"
        self.people = 0

    def prepare(self) -> None:
        self.url = fresh_database(self.database_url, f"bench_{self.name}")
        for arguments in (
            ["manage.py", "collectstatic", "--noinput", "-v0"],
            ["-m", "benchmarks.heed_study"],
        ):
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **self.environment()},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}")
        self.study, *right = done.stdout.strip().splitlines()[-1].split()
        self.right = dict(pair.split("=", 1) for pair in right)

    def command(self) -> Sequence[str]:
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(self.port)]
        command += [
            "--lifespan",
            "off",
            "--no-access-log",
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "2",
        ]
        return [*command, "--workers", str(self.processes)]

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url,
            "HEED_STATE": str(CACHE / "bench-state"),
            "HEED_LOG_LEVEL": "WARNING",
        }

    def entries(self, participants: int) -> list[str]:
        first, self.people = self.people, self.people + participants
        numbers = range(first, self.people)
        return [f"/s/join/{self.study}/?PROLIFIC_PID={n:024x}&STUDY_ID=b&SESSION_ID={n:x}" for n in numbers]

    def right_answers(self) -> dict[str, str]:
        return self.right
