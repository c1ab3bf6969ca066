"""What participants said when they were asked again. Append-only; their author can have it erased."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Said(models.TextChoices):
    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    def erase(self) -> int:
        """Empty what was said; that somebody answered stays countable."""
        return self.update(same="", same_why="", fair="", fair_why="")


class FollowUp(models.Model):
    """One participant's answers, once, to what they were shown: the value that their card belongs to under a version
    of the mapping, and that value's place among all (empty where nobody voted on it). Empty answers: erased, or the
    question was not asked."""

    session = models.OneToOneField("study.Session", on_delete=models.PROTECT, related_name="follow_up")
    value = models.CharField(max_length=64, help_text="code that names the canonical value")
    mapping = models.PositiveIntegerField(help_text="version of the mapping")
    position = models.PositiveIntegerField(null=True, help_text="1 is the highest")
    position_low = models.FloatField(null=True)
    position_high = models.FloatField(null=True)
    same = models.CharField(
        max_length=6, choices=Said, blank=True, help_text="does it still say what mine said?"
    )
    same_why = models.TextField(blank=True)
    fair = models.CharField(max_length=6, choices=Said, blank=True, help_text="is its place fair?")
    fair_why = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = FollowUpQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.value}: {self.same or '–'}, {self.fair or '–'}"
