"""One web server process on a listening socket that somebody else holds open: `python -m config.web FD`.

The supervisor binds the port once and hands it to every process, so that a process can die and be replaced
while the system keeps new connections waiting.
"""

from __future__ import annotations

import gc
import socket
import sys
from importlib import import_module

import uvicorn

APPLICATION = "config.asgi:application"
GRACE = 3  # seconds for open event streams when the server stops
GARBAGE = (50_000, 20, 20)  # a page makes some 10,000 objects; collecting every 700 cost a twentieth of its time


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


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    import_module(APPLICATION.partition(":")[0])
    gc.collect()
    gc.freeze()  # what was loaded stays: the collector need not look at it again
    gc.set_threshold(*GARBAGE)
    uvicorn.Server(settings()).run(sockets=[listener])


if __name__ == "__main__":
    main()
