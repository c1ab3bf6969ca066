"""What the settings promise: safe by default, clear about mistakes, nothing said about failures to strangers."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client, override_settings
from django.urls import path

from config.environment import flag, number, prices, secret_key
from config.middleware import policy

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "HEED_HTTPS": "1",
    "HEED_HOSTS": "heed.example.org",
    "HEED_SECRET_KEY": "k" * 60 + "-0123456789",
}

OURS = "DJANGO_ALLOW_ASYNC_UNSAFE"  # set by tests/services.py for Playwright's sake


def manage(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={name: value for name, value in {**os.environ, **environment}.items() if name != OURS},
        capture_output=True,
        text=True,
    )


def test_the_production_settings_pass_djangos_deployment_check():
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr


def test_debug_is_off_unless_asked_for():
    asked = "from django.conf import settings; print(settings.DEBUG)"
    assert manage("shell", "-v0", "-c", asked).stdout.strip() == "False"


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_name():
    done = manage("check", HEED_HTTPS="maybe")
    assert done.returncode != 0
    assert "HEED_HTTPS='maybe'" in done.stderr


@pytest.mark.parametrize("word", ["0", "-1", "three", "²", "1e3"])
def test_a_number_must_be_whole_and_positive(monkeypatch, word):
    monkeypatch.setenv("HEED_X", word)
    with pytest.raises(Exception, match="HEED_X"):
        number("HEED_X", default=2)


def test_an_empty_variable_means_the_default(monkeypatch):
    monkeypatch.setenv("HEED_X", "")
    assert number("HEED_X", default=2) == 2
    assert flag("HEED_X", default=False) is False


def test_prices_are_read_by_model(monkeypatch):
    monkeypatch.setenv("HEED_X", "small-1=0.15/0.60, lab/big:2=2.5/10")
    assert prices("HEED_X") == {"small-1": (0.15, 0.6), "lab/big:2": (2.5, 10.0)}


@pytest.mark.parametrize(
    "word", ["small", "small=1", "=1/2", "small=a/b", "small=-1/2", "small=1/2/3", "small=nan/1"]
)
def test_a_price_that_cannot_be_read_is_refused_by_name(monkeypatch, word):
    monkeypatch.setenv("HEED_X", word)
    with pytest.raises(Exception, match="HEED_X"):
        prices("HEED_X")


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path, monkeypatch):
    monkeypatch.delenv("HEED_SECRET_KEY", raising=False)
    key = secret_key(tmp_path / "new" / "secret")
    assert len(key) >= 50
    assert secret_key(tmp_path / "new" / "secret") == key
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o077 == 0


def test_processes_that_ask_for_the_secret_at_once_get_the_same_one(tmp_path):
    asked = "from pathlib import Path; from config.embedded.layout import kept_secret"
    code = f"{asked}; print(kept_secret(Path({str(tmp_path / 's')!r})))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


@pytest.mark.django_db
def test_every_page_carries_the_security_headers(client):
    headers = client.get("/").headers
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_only_the_admin_has_a_relaxed_policy():
    assert "unsafe-eval" in policy("/panel/admin/")
    assert all(
        "unsafe" not in policy(place) for place in ("/", "/panel/", "/s/x/", "/panel/admin", "/reports/x/")
    )


def broken(request):
    raise RuntimeError("secret detail of the program")


def too_much(request):
    from django.core.exceptions import RequestDataTooBig

    raise RequestDataTooBig("too much")


urlpatterns = [path("broken", broken), path("too-much", too_much)]
handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"


@override_settings(ROOT_URLCONF=__name__)
def test_a_failure_shows_a_calm_page_and_no_detail():
    answer = Client(raise_request_exception=False).get("/broken")
    assert answer.status_code == 500
    assert b"on our side" in answer.content
    assert b"secret detail" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_failure_shows_its_page_even_when_the_templates_fail(settings):
    settings.ROOT_URLCONF = __name__  # one mechanism: a decorator would be undone before the fixture
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [], "APP_DIRS": False}]
    answer = Client(raise_request_exception=False).get("/broken")
    assert answer.status_code == 500
    assert b"on our side" in answer.content


@override_settings(ROOT_URLCONF=__name__)
def test_a_body_that_is_too_large_is_a_400_page():
    assert Client(raise_request_exception=False).get("/too-much").status_code == 400


def test_a_post_without_its_token_is_refused_and_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post("/panel/admin/login/", {"username": "x"})
    assert answer.status_code == 403
    assert b"no longer valid" in answer.content


def test_a_host_that_is_not_ours_is_refused(client):
    assert client.get("/", headers={"host": "evil.example.com"}).status_code == 400


@pytest.mark.parametrize("folder", ["static/vendor", "tests/assets"])
def test_every_vendored_file_is_the_one_its_readme_names(folder):
    readme = (ROOT / folder / "README.md").read_text()
    named = dict(re.findall(r"^\| ([\w.-]+) \|.*\| ([0-9a-f]{64}) \|$", readme, re.MULTILINE))
    found = {file.name for file in (ROOT / folder).iterdir() if file.suffix in (".js", ".css")}
    assert set(named) == found
    for name, digest in named.items():
        assert hashlib.sha256((ROOT / folder / name).read_bytes()).hexdigest() == digest


def test_the_lock_names_no_host_and_every_dependency_has_a_hash():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=[\w-])", lock.strip())
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    dependencies = re.findall(r'^    "[\w-]+(?:\[[\w,]+\])?[<>=].*$', text, re.MULTILINE)
    assert len(dependencies) > 30
    assert [line for line in dependencies if "#" not in line] == []


def test_a_web_process_loads_no_statistics():
    """pandas, scipy and matplotlib would cost every process seconds and about 80 MB."""
    code = (
        "import config.asgi, sys; from django.urls import get_resolver; get_resolver().url_patterns;"
        "from django.template import engines; engines['django'].get_template('500.html');"
        "print(sorted({'pandas', 'scipy', 'numpy', 'statsmodels', 'matplotlib', 'openai'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_command_without_a_database_says_how_to_get_one():
    done = manage("showmigrations", DATABASE_URL="postgresql://heed:x@127.0.0.1:9/heed")
    assert done.returncode == 1
    assert "manage.py services" in done.stderr
    assert "Traceback" not in done.stderr
