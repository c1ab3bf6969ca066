"""`manage.py demo` as a person runs it: one process, everything behind it, and nothing left when it stops."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTED_BY_TESTS = (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "REDIS_URL",
    "HEED_DB_POOL",
    "HEED_STATIC_FROM_SOURCE",
)


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, answer.headers, answer.read().decode()


@pytest.fixture
def demo(state):
    given = {name: value for name, value in os.environ.items() if name not in STARTED_BY_TESTS}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--participants", "16", "--processes", "1", "--port", "20900"],
        cwd=ROOT,
        env={**given, "HEED_STATE": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.stdout.close()
    process.wait()


def test_one_command_leads_from_the_protocol_to_a_report_and_ctrl_c_stops_everything(demo):
    said = ""
    for line in demo.stdout:
        said += line
        if "Staying up" in line:
            break
    assert "Staying up" in said, said
    base = re.search(r"Report +(http://127\.0\.0\.1:\d+)/", said)[1]

    status, _, report = fetch(re.search(r"Report +(\S+)", said)[1])
    assert status == 200
    assert re.search(r"sha256 +([0-9a-f]{64})", said)[1] in report.replace("\u200b", "")

    previews = re.findall(r"Preview \S+ +(\S+)", said)
    assert len(previews) == 4
    for preview in previews:
        status, headers, page = fetch(preview)
        assert status == 200
        assert "<form" in page
        assert "unsafe" not in headers["Content-Security-Policy"]

    style = re.search(r'href="(/static/[^"]+\.css)"', page)[1]
    _, headers, _ = fetch(base + style)
    assert "immutable" in headers["Cache-Control"]

    family = psutil.Process(demo.pid).children(recursive=True)
    assert {"postgres", "valkey-server"} <= {member.name() for member in family}
    demo.send_signal(signal.SIGINT)
    assert demo.wait(40) == 0
    assert not psutil.wait_procs(family, timeout=10)[1]
