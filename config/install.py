"""Make the virtual environment from requirements.lock. Standard library only: it runs before anything is installed.

`python3 config/install.py` is what the Makefile runs; a stamp makes a second run cost nothing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed.sha256"
OLDEST = (3, 11)
GLIBC = (2, 28)  # the oldest the PostgreSQL wheel runs on


def main() -> int:
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return 0
    problem = python_problem() or platform_problem()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    print("Installing what requirements.lock names into .venv (once) …", flush=True)
    if not make_venv():
        return 1
    if not install_lock():
        print("The installation failed; the lines above say why.", file=sys.stderr)
        return 1
    STAMP.write_text(wanted)
    return 0


def python_problem() -> str:
    """Why this Python won't do, or nothing."""
    if sys.version_info >= OLDEST:
        return ""
    found = ".".join(map(str, sys.version_info[:3]))
    return f"Heed needs Python 3.11 or newer; this is {found}. Name another with `make PYTHON=python3.12 …`."


def platform_problem() -> str:
    """Why the embedded servers can't run here, or nothing. With servers of your own, any platform will do."""
    if os.environ.get("DATABASE_URL") and os.environ.get("CELERY_BROKER_URL"):
        return ""
    system, machine = platform.system(), platform.machine().lower()
    library, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if system == "Linux" and machine in ("x86_64", "amd64") and library == "glibc" and numbers >= GLIBC:
        return ""
    return (
        f"The embedded PostgreSQL and Valkey are built for Linux on x86-64 with glibc 2.28 or newer; this is {system} "
        f"on {machine} with {library or 'another C library'} {version}.\n"
        "Run servers of your own and name them, then try again:\n"
        "  export DATABASE_URL=postgresql://user:password@host/database\n"
        "  export CELERY_BROKER_URL=redis://host:6379/0 REDIS_URL=redis://host:6379/0"
    )


def make_venv() -> bool:
    """A virtual environment with pip, or a message where Debian's python3 comes without ensurepip."""
    if PYTHON.exists():
        return True
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if done.returncode == 0:
        return True
    shutil.rmtree(VENV, ignore_errors=True)
    if uv := shutil.which("uv"):
        return subprocess.run([uv, "venv", "-q", "--seed", "-p", sys.executable, str(VENV)]).returncode == 0
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(
        "This Python cannot make virtual environments (Debian splits that off).\n"
        f"Install it:  apt-get install python{version}-venv   (as root), then run make again.\n"
        f"What Python said: {(done.stderr or done.stdout).strip()[-500:]}",
        file=sys.stderr,
    )
    return False


def install_lock() -> bool:
    """Install the locked wheels, checked against their hashes: by uv, which is fast, or by pip where uv fails."""
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
            requirements.write(locked_uv())
            requirements.flush()
            subprocess.run([*pip, "--require-hashes", "-r", requirements.name], check=False)
    if uv.exists():
        environment = {**os.environ, "UV_LINK_MODE": "copy", **uv_settings()}
        command = [str(uv), "pip", "install", "-q", "-p", str(PYTHON), "--require-hashes", "-r", str(LOCK)]
        if subprocess.run(command, env=environment).returncode == 0:
            return True
        print("uv could not install; trying pip.", file=sys.stderr)
    return subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)]).returncode == 0


def locked_uv() -> str:
    """The lock's own lines for uv, hashes included."""
    lines = LOCK.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    end = start
    while lines[end].endswith("\\"):
        end += 1
    return "\n".join(lines[start : end + 1]) + "\n"


def uv_settings() -> dict[str, str]:
    """uv does not read pip's configuration: hand on the index and the certificates that pip was given here."""
    settings = {"UV_SYSTEM_CERTS": "1"}
    if certificates := pip_setting("cert"):
        settings["SSL_CERT_FILE"] = os.environ.get("SSL_CERT_FILE") or certificates
    if index := pip_setting("index-url"):
        settings["UV_DEFAULT_INDEX"] = os.environ.get("UV_DEFAULT_INDEX") or index
    return settings


def pip_setting(name: str) -> str:
    """One setting of pip, from its environment variable or its configuration files; empty where there is none."""
    if value := os.environ.get(f"PIP_{name.replace('-', '_').upper()}"):
        return value
    command = [str(PYTHON), "-m", "pip", "config", "get", f"global.{name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
