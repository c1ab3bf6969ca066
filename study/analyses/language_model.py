"""Whether the language model that answered is the one that was registered."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count

from llm.models import Call
from study.registration.models import Study


def answered(study: Study) -> dict[str, int]:
    """Calls of a study by the model that answered them; calls without an answer, and vectors, are left out."""
    calls = Call.objects.of_study(study.pk).exclude(model_answered="").order_by("model_answered")
    calls = calls.filter(kind=Call.Kind.CHAT)
    counts = calls.values_list("model_answered").annotate(number=Count("id"))
    return dict(counts)


def is_registered(name: str, registered: str) -> bool:
    """The same name, or a dated snapshot of it (`registered-2026-01-31`)."""
    return bool(registered) and (name == registered or name.startswith(f"{registered}-"))


def others(counts: Mapping[str, int], registered: str) -> list[str]:
    """One sentence for every model that answered and was not registered."""
    return [
        f"'{name}' answered {number} times; registered was '{registered or 'none'}'."
        for name, number in counts.items()
        if not is_registered(name, registered)
    ]
