"""Serving the rehearsal model: in the foreground for the command, in a thread for tests and benchmarks."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from types import TracebackType
from typing import Any

import uvicorn

from llm.rehearsal_model.asgi import Rehearsal

PATIENCE = 10.0  # seconds to start or stop


def configuration(app: Rehearsal) -> uvicorn.Config:
    """uvicorn's settings: quiet, for the faults break connections on purpose and would fill the log."""
    return uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, ws="none")


def serve(*, port: int, pace: float) -> None:
    """Answer on loopback until the process is told to stop."""
    config = configuration(Rehearsal(pace=pace))
    config.host, config.port = "127.0.0.1", port
    uvicorn.Server(config).run()


class ThreadedServer:
    """`with ThreadedServer() as model:` serves on a free port. Faults are set by `fault(...)`."""

    def __init__(self, *, pace: float = 0.0) -> None:
        self.app = Rehearsal(pace=pace)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._server = uvicorn.Server(configuration(self.app))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def __enter__(self) -> ThreadedServer:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the rehearsal model did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._socket.close()

    def fault(self, kind: str, **settings: Any) -> None:
        """Set a fault for the coming requests (see `faults.Fault`)."""
        self._ask("POST", "/admin/faults", [{"kind": kind, **settings}])

    def reset(self) -> None:
        """Forget faults and requests."""
        self._ask("DELETE", "/admin/faults")

    def seen(self) -> list[dict[str, Any]]:
        """The chat requests since the last reset, oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/admin/requests")
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data=data, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            return json.load(response)
