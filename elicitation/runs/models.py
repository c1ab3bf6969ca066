"""Work for a worker, asked for at a review desk: the record of how far it is and of what it found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class DeskRun(models.Model):
    """One search for merges or upgrades, or one drafting of cases: numbers while it works, what it found when it
    ended, or why it could not."""

    class Kind(models.TextChoices):
        MERGES = "merges"
        UPGRADES = "upgrades"
        CASES = "cases"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="desk_runs")
    kind = models.CharField(max_length=8, choices=Kind)
    settings = models.JSONField(default=dict, help_text="what was asked for, such as the threshold")
    by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    active_at = models.DateTimeField(null=True, blank=True, help_text="the last sign of life")
    finished_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True, blank=True)
    curve = models.JSONField(default=list, blank=True, help_text="merges: a row for each threshold")
    figures = models.JSONField(default=dict, blank=True, help_text="merges: SVG by name")
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind"], condition=Q(finished_at=None), name="one_desk_run_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.study_id} at {self.asked_at:%Y-%m-%d %H:%M}"
