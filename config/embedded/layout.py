"""Where the embedded servers keep their files. Pure paths: settings ask here without starting anything."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SYSTEM_STATE = Path("/var/lib/heed")  # used by root only, where the project's folder is closed to other users
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
LONGEST_SOCKET_FOLDER = 80  # bytes; a Unix socket's whole path must stay under 108
PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII)  # a path every client's URL parser reads the same way


def is_root() -> bool:
    return os.geteuid() == 0


def open_to_others(path: Path) -> bool:
    """Can another user walk down to `path`?"""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents] if folder.exists())


def kept_secret(path: Path) -> str:
    """The secret in `path`, made on first use; two processes that ask at once get the same one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, fails when somebody was first
        os.unlink(draft)
    return path.read_text()


@dataclass(frozen=True)
class Layout:
    """The places below one state folder (`.heed/` of the project, or a throw-away folder in tests)."""

    state: Path

    @property
    def tag(self) -> str:
        """A short name for this state folder, the same on every run."""
        return hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:12]

    @property
    def servers(self) -> Path:
        """The folder of the servers' data: the state folder, unless `nobody` cannot get there when they are made.

        Data that exist stay where they are: a folder closed later is an error to be seen, no reason for a new cluster.
        """
        state = self.state.resolve()
        if (state / "postgres" / "PG_VERSION").exists():
            return state
        return SYSTEM_STATE / self.tag if is_root() and not open_to_others(state) else state

    @property
    def postgres_data(self) -> Path:
        return self.servers / "postgres"

    @property
    def postgres_password(self) -> Path:
        return self.state / "postgres.password"

    @property
    def postgres_sockets(self) -> Path:
        return self._socket_folder(self.postgres_data, "pg")

    @property
    def valkey_data(self) -> Path:
        return self.state.resolve() / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self._socket_folder(self.valkey_data, "kv") / "valkey.sock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def bundles(self) -> Path:
        """Bundles made in the panel: read by its pages alone, never served as files."""
        return self.state / "bundles"

    def _socket_folder(self, home: Path, kind: str) -> Path:
        """`home`, or a short folder of the system's temporary one where `home` is too long or oddly named."""
        if len(os.fsencode(home)) <= LONGEST_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(home)):
            return home
        base = Path(tempfile.gettempdir())
        if len(os.fsencode(base)) > LONGEST_SOCKET_FOLDER - 30 or not PLAIN_PATH.fullmatch(str(base)):
            base = Path("/tmp")  # noqa: S108 - the folder below it is ours alone, checked when it is made
        return base / f"heed-{kind}-{self.tag}"

    def database_url(self) -> str:
        """The address is settled before the server runs: its password is made by whoever asks first."""
        password = kept_secret(self.postgres_password)
        return f"postgresql://heed:{password}@{quote(str(self.postgres_sockets), safe='')}/heed"

    def redis_url(self, database: int = 0) -> str:
        return f"unix://{self.valkey_socket}?db={database}"

    def broker_url(self, database: int = 0) -> str:
        return f"redis+socket://{self.valkey_socket}?virtual_host={database}"

    def environment(self) -> dict[str, str]:
        """What a process needs to know to find the two servers."""
        return {
            "DATABASE_URL": self.database_url(),
            "REDIS_URL": self.redis_url(),
            "CELERY_BROKER_URL": self.broker_url(),
        }
