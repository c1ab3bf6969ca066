"""Runs of a study's registered plan, and what each found."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class AnalysisRun(models.Model):
    """One run of a registered plan on the tables as they were then. Kept for good; the report shows the latest."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="analyses")
    registration = models.ForeignKey("study.Registration", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=7, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    step = models.CharField(max_length=200, blank=True, help_text="what the worker is at")
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    active_at = models.DateTimeField(null=True, blank=True, help_text="the last sign of life")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmatory = models.BooleanField(
        default=False,
        help_text="the registered plan on the data of a closed study; anything else is exploratory",
    )
    results = models.JSONField(null=True, help_text="analysis.plan.results.Results as JSON")
    flow = models.JSONField(null=True, help_text="CONSORT counts")
    deviations = models.JSONField(default=list)
    html = models.TextField(blank=True, help_text="the report: one self-contained page")
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"analysis of {self.study_id} at {self.started_at:%Y-%m-%d %H:%M}"


class Exploration(models.Model):
    """A look at a closed study's outcomes that was not registered: what was compared, by whom, and what was seen."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="explorations")
    outcome = models.CharField(max_length=140, help_text="table.column")
    predictor = models.CharField(max_length=140, help_text="table.column")
    subgroup = models.CharField(max_length=140, blank=True, help_text="table.column that must have `value`")
    value = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, help_text="rows of analysis.exploring.means_by, and the unit")
    figure = models.TextField(blank=True, help_text="SVG")
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]

    def __str__(self) -> str:
        return f"{self.outcome} by {self.predictor} in {self.study_id}"
