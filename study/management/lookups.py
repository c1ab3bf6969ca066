"""What commands look up: a study by its slug, a person by their user name. Anything unknown is a clear message."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from study.registration.models import Study


def study_of(slug: str) -> Study:
    """The study of that slug. Raises CommandError naming the studies there are."""
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        known = ", ".join(Study.objects.values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no study '{slug}'. Studies: {known}.")
    return study


def person(name: str) -> Any:
    """The user of that name; None for an empty name. Raises CommandError."""
    if not name:
        return None
    found = get_user_model().objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user '{name}'.")
    return found
