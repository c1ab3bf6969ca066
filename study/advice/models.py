"""The rounds of a study's probes, as they were answered."""

from __future__ import annotations

from django.db import models


class ProbeRound(models.Model):
    """One round: every registered question asked of the model again, and how it differs from the reference round.

    Append-only. `answers`: one mapping an answer (probe, repeat, text, label, model, fingerprint, call, error). The
    first round in which every question was answered is the reference; rounds before it have none.
    """

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="probe_rounds")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the study")
    reference = models.PositiveIntegerField(
        null=True, help_text="number of the round it was compared with; its own for the reference itself"
    )
    asked_at = models.DateTimeField()
    concluded_at = models.DateTimeField()
    answers = models.JSONField()
    distance = models.FloatField(
        null=True, help_text="largest cosine distance of a question's answers, 0 to 2"
    )
    same_share = models.FloatField(null=True, help_text="share of labels that are the reference's, 0 to 1")
    changes = models.JSONField(help_text="sentences: what is beyond the registered tolerance")

    class Meta:
        ordering = ["study", "number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_probe_round_a_number")]

    def __str__(self) -> str:
        return f"round {self.number}: {len(self.changes)} changes"

    @property
    def unanswered(self) -> int:
        """Questions that got no answer in this round."""
        return sum(bool(answer["error"]) for answer in self.answers)
