"""At which studies the review desk stands."""

from __future__ import annotations

from study.registration.models import Study


def elicits(study: Study) -> bool:
    """Whether the study's document has stories of upgrades. One query; the document itself is not read."""
    stage = [{"kind": "compare-values"}]
    return Study.objects.filter(pk=study.pk, draft__flow__contains=stage).exists()


def has_cards(study: Study) -> bool:
    """Whether the study's document has a stage in which people make a values card. One query, as above."""
    stage = [{"kind": "values-card"}]
    return Study.objects.filter(pk=study.pk, draft__flow__contains=stage).exists()
