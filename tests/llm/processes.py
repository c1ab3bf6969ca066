"""Celery workers of their own, to be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def start_worker(
    env: Mapping[str, str], *, threads: int = 8, beat: Path | None = None
) -> subprocess.Popen[bytes]:
    """A worker as the supervisor starts it; with `beat` (a file for its clock) it also sweeps."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        "-Q",
        "participant,batch",
        "-P",
        "threads",
    ]
    command += [
        "-c",
        str(threads),
        "-l",
        "WARNING",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    if beat is not None:
        command += ["-B", "-s", str(beat)]
    with Path(env.get("HEED_TEST_WORKER_LOG", os.devnull)).open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**env, "HEED_DB_POOL": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def worker(env: Mapping[str, str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for as long as the block runs."""
    process = start_worker(env, **options)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
