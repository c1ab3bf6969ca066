"""What the model drafted and what was decided about it. Append-only: a draft's state is its last decision."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import OuterRef
from django.utils import timezone

from elicitation.decided import with_last
from elicitation.upgrades.models import State

FROM = {
    State.APPROVED: (State.OPEN,),
    State.REJECTED: (State.OPEN,),
    State.ARCHIVED: (State.OPEN, State.REFUSED, State.REJECTED),
}
"""Which states a person's decision may leave. An approved case stands in the document and is taken out there."""


class CaseDraftQuerySet(models.QuerySet["CaseDraft"]):
    def with_state(self, state: str = "") -> CaseDraftQuerySet:
        """Each with `state` and `reason`, those of its last decision; only those in `state` where one is given."""
        decisions = CaseDraftDecision.objects.filter(draft=OuterRef("pk"))
        return with_last(self, decisions, (state,) if state else ())


class CaseDraft(models.Model):
    """A case as the model drafted it for a subject of the researcher's, and the calls that it came from."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="case_drafts")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the study")
    subject = models.TextField(help_text="what it was asked about, in the researcher's words")
    title = models.TextField()
    about = models.TextField(blank=True, help_text="what one has to know of the situation")
    question = models.TextField(help_text="as somebody would put it to an AI")
    contexts = models.JSONField(help_text="each begins with 'When'")
    checks = models.JSONField(help_text="what the check answered")
    calls = models.JSONField(default=list, help_text="ids of the model calls behind it, in order")
    rehearsal = models.BooleanField(default=False, help_text="the rehearsal model wrote it")
    created_at = models.DateTimeField(default=timezone.now)

    state: str  # of `with_state`
    reason: str

    objects = CaseDraftQuerySet.as_manager()

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_case_draft_a_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"

    def words(self) -> dict[str, Any]:
        """The case as the model drafted it."""
        return {name: getattr(self, name) for name in ("title", "about", "question", "contexts")}


class CaseDraftDecision(models.Model):
    """One decision about a drafted case: the check's first, then people's. `case` is what an approval put into the
    document, with the edits of whoever approved it."""

    draft = models.ForeignKey(CaseDraft, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=State)
    reason = models.TextField(blank=True)
    case = models.JSONField(null=True, blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["draft", "number"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "number"], name="one_case_decision_a_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.state} by {self.by}"
