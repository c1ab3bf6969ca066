"""A child process that dies with its parent, whatever happens to the parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


class ServerFailed(RuntimeError):
    """An embedded server did not start; the message ends with the last lines of its log."""


def dies_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `sig` when the parent is gone, and the terminal's Ctrl-C is not for us.

    The supervisor stops its children in order, so they leave its terminal's process group.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        os.setsid()
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, sig)

    return prepare


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    farewell: signal.Signals = signal.SIGTERM,
    user: tuple[int, int] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` writing to `log`; as (uid, gid) `user` if given; `farewell` is its signal of a clean stop."""
    log.parent.mkdir(parents=True, exist_ok=True)
    identity: dict[str, Any] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            cwd=cwd,
            pass_fds=pass_fds,
            preexec_fn=dies_with_parent(farewell),
            **identity,
        )


def stop(
    process: subprocess.Popen[bytes], sig: signal.Signals = signal.SIGTERM, patience: float = 15
) -> None:
    """Ask `process` to stop and wait `patience` seconds before ending it the hard way."""
    if process.poll() is not None:
        return
    process.send_signal(sig)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what a finished process left behind in its session (a killed worker's own children)."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(
    ready: Callable[[], bool], *, process: subprocess.Popen[bytes], log: Path, patience: float, name: str
) -> None:
    """Poll `ready` every 20 ms; raises ServerFailed when `process` ends first or `patience` seconds pass."""
    deadline = time.monotonic() + patience
    while not ready():
        if process.poll() is not None:
            raise ServerFailed(f"{name} ended with code {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"{name} was not ready after {patience:.0f} s:\n{tail(log)}")
        time.sleep(0.02)


def tail(log: Path, characters: int = 1500) -> str:
    return log.read_text(errors="replace")[-characters:] if log.exists() else "(no log)"
