"""What the model proposed and what was decided about it. Append-only: a proposal's state is its last decision."""

from __future__ import annotations

from django.db import models
from django.db.models import OuterRef, Q
from django.utils import timezone

from elicitation.decided import with_last


class State(models.TextChoices):
    OPEN = "open", "to review"
    REFUSED = "refused", "refused by the check"
    APPROVED = "approved", "approved"
    REJECTED = "rejected", "rejected"
    ARCHIVED = "archived", "archived"


FROM = {
    State.APPROVED: (State.OPEN,),
    State.REJECTED: (State.OPEN,),
    State.ARCHIVED: (State.OPEN, State.REFUSED, State.APPROVED, State.REJECTED),
}
"""Which states a person's decision may leave."""


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def with_state(self, state: str = "") -> ProposalQuerySet:
        """Each with `state` and `reason`, those of its last decision; only those in `state` where one is given."""
        decisions = ProposalDecision.objects.filter(proposal=OuterRef("pk"))
        return with_last(self, decisions, (state,) if state else ())


class Proposal(models.Model):
    """An upgrade from one value to another in a context as the model proposed it, with its story, the story of the way
    back, and the calls that all of it came from."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="proposals")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the study")
    context = models.CharField(max_length=200)
    cases = models.JSONField(default=list, help_text="ids of the cases it belongs to; empty: all")
    from_value = models.CharField(max_length=64, help_text="code of a card")
    to_value = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField(default=1, help_text="a pair may have several stories")
    distance = models.FloatField(help_text="cosine distance of the two cards, 0 to 2")
    mapping = models.JSONField(help_text="each old policy: old, new, and why (reason)")
    story = models.TextField()
    back = models.TextField(help_text="the story from `to_value` to `from_value`")
    checks = models.JSONField(help_text="what the check answered: there, back")
    calls = models.JSONField(default=list, help_text="ids of the model calls behind it, in order")
    rehearsal = models.BooleanField(default=False, help_text="the rehearsal model wrote it")
    created_at = models.DateTimeField(default=timezone.now)

    state: str  # of `with_state`
    reason: str

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_proposal_a_number"),
            models.UniqueConstraint(
                fields=["study", "context", "from_value", "to_value", "version"],
                name="one_proposal_a_pair_and_version",
            ),
            models.CheckConstraint(condition=~Q(from_value=models.F("to_value")), name="a_proposal_moves"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.from_value} → {self.to_value} ({self.context})"

    @property
    def pair(self) -> str:
        """The name its stories have among the study's upgrades; no protocol can hold it as an id."""
        return f"~{self.number}"


class ProposalDecision(models.Model):
    """One decision about a proposal: the check's first, then people's."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=State)
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["proposal", "number"]
        constraints = [models.UniqueConstraint(fields=["proposal", "number"], name="one_decision_a_turn")]

    def __str__(self) -> str:
        return f"{self.state} by {self.by}"
