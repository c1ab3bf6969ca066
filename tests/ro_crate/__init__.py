"""roc-validator, the outside checker of RO-Crates, in an environment of its own below `.cache/`.

It wants an older `rich` than Heed has, so it cannot live in `.venv`. Versions and hashes stand in requirements.txt
(`make lock` renews them). `python -m tests.ro_crate BUNDLE…` checks bundles by hand.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from config.install import uv_settings

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CACHE = HERE.parents[1] / ".cache"
ENVIRONMENT = CACHE / "ro-crate"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "installed.sha256"


class Uninstallable(Exception):
    """The environment could not be made; the message is the installer's own."""


def install() -> None:
    """Make the environment unless it is there already; of two processes at once, the second waits for the first.

    Raises Uninstallable, for example where no package registry can be reached.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "ro-crate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        _uv("venv", "--clear", "--python", sys.executable, str(ENVIRONMENT))
        _uv("pip", "install", "--python", str(PYTHON), "--require-hashes", "-r", str(REQUIREMENTS))
        STAMP.write_text(wanted)


def _uv(*arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "uv"), *arguments, "--quiet"]
    try:
        environment = {**os.environ, "UV_LINK_MODE": "copy", **uv_settings()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except OSError as problem:  # tests outside .venv
        raise Uninstallable(f"no uv beside this Python, or no .venv: {problem}") from problem
    if done.returncode:
        raise Uninstallable(done.stderr.strip() or f"uv {arguments[0]} ended with {done.returncode}")


class Validator:
    """One process of roc-validator that answers for folder after folder; used as a context.

    It runs offline, with the context of RO-Crate 1.1 laid into its own cache of web pages.
    """

    def __init__(self, least: str = "REQUIRED") -> None:
        """least: REQUIRED to hear what breaks the standard; RECOMMENDED to hear also what could be better."""
        self.least = least

    def __enter__(self) -> Self:
        self.told = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(PYTHON), str(HERE / "check.py"), self.least, str(ENVIRONMENT / "pages")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.told,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()
        self.told.close()

    def findings(self, folder: Path) -> Mapping[str, list[str]]:
        """Per severity what is wrong with the crate: check, entity, message.

        Raises RuntimeError if the validator itself fell over, which is no verdict on the crate.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.told.seek(0)
            raise RuntimeError(f"roc-validator ended on {folder}:\n{self.told.read()[-2000:]}")
        found: Mapping[str, list[str]] = json.loads(answer)
        return found

    def errors(self, folder: Path) -> list[str]:
        """What the standard demands (MUST) and the crate does not give."""
        return self.findings(folder).get("REQUIRED", [])
