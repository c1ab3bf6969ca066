"""One web server process on a listening socket that somebody else holds open: `python -m config.web FD`.

The supervisor binds the port once and hands it to every process, so that a process can die and be replaced
while the system keeps new connections waiting.
"""

from __future__ import annotations

import socket
import sys
import threading
from importlib import import_module

import uvicorn

APPLICATION = "config.asgi:application"
GRACE = 3  # seconds for open event streams when the server stops


def settings(**more: object) -> uvicorn.Config:
    return uvicorn.Config(
        APPLICATION,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        **more,  # type: ignore[arg-type]
    )


WARMED = ("analysis.attrition",)
"""What a page needs beside the application: loaded while the first requests come, not by the first who looks."""


def warm() -> None:
    for name in WARMED:
        import_module(name)


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=warm, name="warm", daemon=True).start()
    uvicorn.Server(settings()).run(sockets=[listener])


if __name__ == "__main__":
    main()
