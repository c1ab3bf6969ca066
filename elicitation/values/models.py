"""Pairs of cards that may be one value, and what was decided about each. Append-only: a pair's state is its last
decision."""

from __future__ import annotations

from django.db import models
from django.db.models import Count, F, OuterRef, Q
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from elicitation.decided import with_last


class MergeState(models.TextChoices):
    OPEN = "open", "to review"
    APART = "apart", "kept apart by the judge"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "rejected"
    CLOSED = "closed", "closed by itself"


MERGE_FROM = {
    MergeState.ACCEPTED: (MergeState.OPEN, MergeState.APART, MergeState.REJECTED),
    MergeState.REJECTED: (MergeState.OPEN,),
    MergeState.OPEN: (MergeState.ACCEPTED, MergeState.REJECTED),
}
"""Which states a person's decision may leave. Back to open is how a decision is undone."""


class MergeProposalQuerySet(models.QuerySet["MergeProposal"]):
    def with_state(self, *states: str) -> MergeProposalQuerySet:
        """Each with `state` and `reason`, those of its last decision; only those in `states` where some are given."""
        decisions = MergeDecision.objects.filter(proposal=OuterRef("pk"))
        return with_last(self, decisions, states)

    def by_state(self) -> dict[str, int]:
        """How many stand in which state."""
        found = self.with_state().values(standing=F("state")).annotate(pairs=Count("pk")).order_by()
        return {row["standing"]: row["pairs"] for row in found}

    def within(self, codes: set[str]) -> MergeProposalQuerySet:
        """Those between two of these cards."""
        return self.filter(first__in=codes, second__in=codes)


class MergeProposal(models.Model):
    """Two cards that were compared: near to each other and put to the judge once, or brought together by a person (then
    there is no distance and no answer). The judge's reason stands in the record of the call alone, so that it can be
    erased with the words it speaks of."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="merge_proposals")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the study")
    first = models.CharField(max_length=64, help_text="code of the older card")
    second = models.CharField(max_length=64, help_text="code of the younger card")
    distance = models.FloatField(null=True, help_text="cosine distance of the two cards, 0 to 2")
    answers = models.JSONField(
        default=dict, help_text="the judge's, by question of the rubric: true or false"
    )
    rubric = models.CharField(max_length=20, blank=True, help_text="version of the questions")
    call = models.CharField(max_length=36, blank=True, help_text="the model call behind the answers")
    rehearsal = models.BooleanField(default=False, help_text="the rehearsal model answered")
    created_at = models.DateTimeField(default=timezone.now)

    state: str  # of `with_state`
    reason: str

    objects = MergeProposalQuerySet.as_manager()

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="one_merge_proposal_a_number"),
            models.UniqueConstraint(
                "study",
                Least("first", "second"),
                Greatest("first", "second"),
                name="one_merge_proposal_a_pair",
            ),
            models.CheckConstraint(condition=~Q(first=F("second")), name="a_merge_proposal_is_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.first} = {self.second}?"

    @property
    def judged(self) -> MergeState:
        """The state in which the judge left it: apart unless every answer is yes. Open for a pair it never saw."""
        return MergeState.OPEN if all(self.answers.values()) else MergeState.APART


class MergeDecision(models.Model):
    """One decision about a pair: the judge's first, then people's, and the program's where it closed a pair."""

    proposal = models.ForeignKey(MergeProposal, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=MergeState)
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    mapping = models.ForeignKey(
        "elicitation.MappingDecision",
        on_delete=models.PROTECT,
        null=True,
        related_name="merge_decisions",
        help_text="what it added to the mapping of values",
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["proposal", "number"]
        constraints = [
            models.UniqueConstraint(fields=["proposal", "number"], name="one_merge_decision_a_turn")
        ]

    def __str__(self) -> str:
        return f"{self.state} by {self.by}"
