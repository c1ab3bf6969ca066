"""The compiled German catalogue."""

from __future__ import annotations

import gettext
from typing import Any

from django.conf import settings


def catalogue() -> dict[Any, str]:
    """German by text, a pair of text and number for plurals. Fuzzy and empty entries do not get into it."""
    with open(settings.BASE_DIR / "locale/de/LC_MESSAGES/django.mo", "rb") as file:
        # The standard library has no public way to list a catalogue.
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]
