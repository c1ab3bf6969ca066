"""The installation's messages: what it says where it cannot go on, and that it does nothing twice."""

import hashlib
import subprocess
import sys

import pytest

from config import install


@pytest.fixture
def venv(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv" / "installed.sha256")
    return tmp_path / ".venv"


def test_it_runs_on_a_python_that_has_nothing_installed():
    code = (
        "import runpy, sys; sys.argv = ['install']; runpy.run_path('config/install.py', run_name='looked at')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=install.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_an_old_python_is_refused_and_another_can_be_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert "this is 3.10.4" in install.python_problem()
    assert "make PYTHON=" in install.python_problem()


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [
        ("Darwin", "arm64", ("", "")),
        ("Linux", "aarch64", ("glibc", "2.36")),
        ("Linux", "x86_64", ("glibc", "2.17")),
        ("Linux", "x86_64", ("", "")),
    ],
)
def test_where_the_embedded_servers_cannot_run_the_way_out_is_named(monkeypatch, system, machine, libc):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(install.platform, "system", lambda: system)
    monkeypatch.setattr(install.platform, "machine", lambda: machine)
    monkeypatch.setattr(install.platform, "libc_ver", lambda: libc)
    assert "DATABASE_URL=" in install.platform_problem()
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/heed")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere")
    assert install.platform_problem() == ""


def test_a_python_without_venv_is_told_which_package_to_install(venv, monkeypatch, capsys):
    def refused(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "ensurepip is not available")

    monkeypatch.setattr(install.subprocess, "run", refused)
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    assert install.make_venv() is False
    assert "-venv" in capsys.readouterr().err


def test_a_second_run_with_the_same_lock_does_nothing(venv, monkeypatch):
    venv.mkdir()
    install.STAMP.write_text(hashlib.sha256(install.LOCK.read_bytes()).hexdigest())
    monkeypatch.setattr(install.subprocess, "run", lambda *a, **k: pytest.fail("something was run"))
    assert install.main() == 0


def test_a_changed_lock_is_installed_again(venv, monkeypatch):
    venv.mkdir()
    install.STAMP.write_text("another lock")
    asked = []
    monkeypatch.setattr(install, "make_venv", lambda: True)
    monkeypatch.setattr(install, "install_lock", lambda: asked.append(1) or True)
    assert install.main() == 0
    assert asked == [1]
    assert install.STAMP.read_text() != "another lock"


def test_the_lock_has_its_own_installer_with_hashes():
    lines = install.locked_uv().splitlines()
    assert lines[0].startswith("uv==")
    assert sum("--hash=sha256:" in line for line in lines) > 3
    assert not lines[-1].endswith("\\")
