"""Reading environment variables into the settings' types."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def flag(name: str, *, default: bool) -> bool:
    """A switch; raises ImproperlyConfigured for a word that is neither on nor off."""
    word = os.environ.get(name, "on" if default else "off").strip().lower()
    if word not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}={word!r}: write 1 or 0")
    return word in TRUE


def number(name: str, *, default: int) -> int:
    """A whole number, at least 1; raises ImproperlyConfigured otherwise."""
    word = os.environ.get(name, "").strip() or str(default)
    if not word.isascii() or not word.isdigit() or int(word) < 1:
        raise ImproperlyConfigured(f"{name}={word!r}: write a whole number, 1 or more")
    return int(word)


def words(name: str, *, default: list[str]) -> list[str]:
    """A list separated by commas or spaces."""
    return os.environ.get(name, "").replace(",", " ").split() or default


def secret_key(path: Path) -> str:
    """HEED_SECRET_KEY, or a key made once and kept in `path`, readable by its owner alone."""
    if key := os.environ.get("HEED_SECRET_KEY"):
        return key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text()
