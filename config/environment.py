"""Reading environment variables into the settings' types."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.embedded.layout import kept_secret

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


def prices(name: str) -> dict[str, tuple[float, float]]:
    """Prices per million tokens, `model=in/out` separated by spaces; raises ImproperlyConfigured for anything else."""
    found = {}
    for entry in words(name, default=[]):
        model, _, pair = entry.rpartition("=")
        try:
            per_in, per_out = (float(part) for part in pair.split("/"))
        except ValueError:
            per_in = per_out = -1.0
        if not model or not (0 <= per_in < inf and 0 <= per_out < inf):
            raise ImproperlyConfigured(
                f"{name}: {entry!r} is no price; write model=in/out, as in small-1=0.15/0.60"
            )
        found[model] = (per_in, per_out)
    return found


def secret_key(path: Path) -> str:
    """HEED_SECRET_KEY, or a key made once and kept in `path`, readable by its owner alone."""
    return os.environ.get("HEED_SECRET_KEY") or kept_secret(path)
