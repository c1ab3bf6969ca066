"""The embedded servers: their whole life, in any folder, and what happens when something is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.embedded.layout import Layout, kept_secret
from config.embedded.postgres import THROW_AWAY, Postgres
from config.embedded.process import ServerFailed
from config.embedded.valkey import Valkey
from config.supervisor import AlreadyRunning, Supervisor, bind, patiently

ROOT = Path(__file__).resolve().parents[2]


def rows(layout):
    with psycopg.connect(layout.database_url()) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def remember(layout):
    with psycopg.connect(layout.database_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")


def test_postgres_recovers_what_was_committed_before_kill_9(state):
    layout = Layout(state)
    postgres = Postgres(layout)
    postgres.start()
    try:
        remember(layout)
        postgres.process.kill()
        postgres.process.wait()
        patiently(postgres.start)
        assert rows(layout) == 1
    finally:
        postgres.stop()
    assert postgres.process.returncode == 0


def test_valkey_keeps_a_queue_over_kill_9(state):
    layout = Layout(state)
    valkey = Valkey(layout)
    valkey.start()
    try:
        with redis.Redis.from_url(layout.redis_url()) as client:
            client.rpush("participant", "task")
        time.sleep(1.1)  # the append-only file reaches the disk every second
        valkey.process.kill()
        valkey.process.wait()
        valkey.start()
        with redis.Redis.from_url(layout.redis_url()) as client:
            assert client.lrange("participant", 0, -1) == [b"task"]
    finally:
        valkey.stop()


@pytest.mark.parametrize(
    "name", ["a folder with spaces, é and 100% more", "deep/" + "x" * 90 + "/" + "y" * 90]
)
def test_servers_start_in_oddly_named_and_very_long_folders(state, name):
    layout = Layout(state / name)
    postgres, valkey = Postgres(layout, THROW_AWAY), Valkey(layout)
    try:
        postgres.start()
        valkey.start()
        remember(layout)
        assert rows(layout) == 1
        with redis.Redis.from_url(layout.redis_url()) as client:
            assert client.ping()
    finally:
        valkey.stop()
        postgres.stop()


def test_a_cluster_whose_making_was_interrupted_is_made_again(state):
    layout = Layout(state)
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "half").touch()
    postgres = Postgres(layout, THROW_AWAY)
    postgres.start()
    try:
        assert postgres.answers()
    finally:
        postgres.stop()


def test_a_password_that_is_not_the_clusters_is_said_at_once(state):
    layout = Layout(state)
    postgres = Postgres(layout, THROW_AWAY)
    postgres.start()
    try:
        layout.postgres_password.unlink()
        kept_secret(layout.postgres_password)
        with pytest.raises(ServerFailed, match="is not this cluster's"):
            postgres.answers()
    finally:
        postgres.stop()


def test_a_socket_folder_that_somebody_else_made_is_refused(tmp_path, monkeypatch):
    layout = Layout(tmp_path / ("x" * 120))
    layout.valkey_socket.parent.symlink_to(tmp_path)
    try:
        with pytest.raises(ServerFailed, match="another user"):
            Valkey(layout).start()
    finally:
        layout.valkey_socket.parent.unlink()


def test_a_second_supervisor_is_refused_and_told_why(tmp_path):
    with Supervisor(Layout(tmp_path), print), pytest.raises(AlreadyRunning, match="HEED_STATE"):
        Supervisor(Layout(tmp_path), print).__enter__()


def test_a_taken_port_means_the_next_free_one():
    with bind("127.0.0.1", 20_500) as first, bind("127.0.0.1", 20_500) as second:
        assert second.getsockname()[1] > first.getsockname()[1] >= 20_500


def start_services(state):
    """`manage.py services` in a process of its own, once it has said that it is ready."""
    given = {
        n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL")
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "services"],
        cwd=ROOT,
        env={**given, "HEED_STATE": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert any(line.startswith("Ready") for line in process.stdout)
    return process


def end(process):
    if process.poll() is None:
        process.kill()
    process.stdout.close()
    process.wait()


@pytest.fixture
def services(state):
    process = start_services(state)
    yield process
    end(process)


def test_services_start_again_at_once_after_kill_9_of_their_supervisor(state):
    layout = Layout(state)
    first = start_services(state)
    remember(layout)
    first.kill()
    second = start_services(state)
    try:
        assert rows(layout) == 1
        with redis.Redis.from_url(layout.redis_url()) as client:
            assert client.ping()
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(20)
        end(first)
        end(second)


def gone(processes, seconds=20):
    return not psutil.wait_procs(processes, timeout=seconds)[1]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running_whichever_way_the_supervisor_ends(services, sig):
    family = psutil.Process(services.pid).children(recursive=True)
    assert {"postgres", "valkey-server"} <= {member.name() for member in family}
    services.send_signal(sig)
    assert gone(family)
    assert services.wait(20) == (-signal.SIGKILL if sig == signal.SIGKILL else 0)


def test_the_supervisor_starts_a_killed_server_again(services, state):
    layout = Layout(state)
    head = next(m for m in psutil.Process(services.pid).children() if m.name() == "postgres")
    head.kill()
    psutil.wait_procs([head], timeout=10)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            psycopg.connect(layout.database_url()).close()
            break
        except psycopg.OperationalError:
            time.sleep(0.1)
    else:
        pytest.fail("PostgreSQL did not come back within 20 s")


def test_data_stay_where_they_are_when_their_folder_is_closed_to_others_later(state):
    layout = Layout(state)
    layout.postgres_data.mkdir(parents=True)
    before = layout.postgres_data
    (before / "PG_VERSION").write_text("18")
    state.parent.chmod(0o700)
    assert layout.postgres_data == before
