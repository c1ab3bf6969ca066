"""Pages in a real browser: a web server on the test's database, chromium, and axe. Used as fixtures from conftest."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.browser_ready import chromium

AXE = Path(__file__).resolve().parent / "assets" / "axe.min.js"
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture
def server(transactional_db: None, settings: Any) -> Iterator[str]:
    """The address of the whole web application on this test's database, as the demo runs it."""
    from config.asgi import make_application

    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    application = make_application(threads=3)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        log_level="warning",
        lifespan="off",
        ws="none",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not web.started:
        assert thread.is_alive(), "the test's web server ended"
        assert time.monotonic() < deadline, "the test's web server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    web.should_exit = True
    thread.join(10)
    application.threads.shutdown(wait=True)
    listener.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One chromium for all browser tests of a worker; they are skipped, loudly, where there is none."""
    program = chromium()
    if program is None:
        pytest.skip("NO CHROMIUM: this browser test did not run (install the package chromium)")
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS + root)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, server: str) -> Iterator[Any]:
    """A fresh browser window on the test's server; the test fails on any script error or blocked content."""
    context = browser.new_context(base_url=server, locale="en-GB")
    context.set_default_timeout(10_000)
    window = context.new_page()
    problems: list[str] = []
    window.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    window.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
    yield window
    context.close()
    assert not problems, problems


def is_problem(message: Any) -> bool:
    """Blocked by the Content-Security-Policy, or an error that is not merely a 4xx page we asked for."""
    return message.type == "error" and "Failed to load resource" not in message.text


@pytest.fixture
def axe() -> Any:
    """`axe(page)` returns the accessibility violations that axe finds, each as `rule: element`."""

    def violations(window: Any) -> list[str]:
        window.evaluate(
            AXE.read_text()
        )  # evaluated by the debugger, so that the page's own policy stays in force
        found = window.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]

    return violations
