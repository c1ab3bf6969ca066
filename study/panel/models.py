"""Who may do what in which study, sign-ins that failed, work for a worker, and earlier texts of drafts."""

from __future__ import annotations

import math

from django.conf import settings
from django.db import models
from django.utils import timezone


class StudyRole(models.Model):
    """One user's role in one study. The study's owner and superusers need no row."""

    class Role(models.TextChoices):
        OWNER = "owner"
        RESEARCHER = "researcher"
        ANALYST = "analyst"
        ASSISTANT = "assistant"

    study = models.ForeignKey("study.Study", on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="study_roles")
    role = models.CharField(max_length=10, choices=Role)
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study", "user"]
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="one_role_a_person_and_study"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.study_id}"


class FailedLogin(models.Model):
    """A sign-in that failed, by a keyed hash of the name that was typed (it may have been a password)."""

    name = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["name", "at"], name="failed_logins_by_name"),
            models.Index(fields=["address", "at"], name="failed_logins_by_address"),
        ]

    def __str__(self) -> str:
        return f"failed sign-in at {self.at:%Y-%m-%d %H:%M}"


class Simulation(models.Model):
    """Something simulated for a study because somebody asked in the panel: its plan's power, or a cohort."""

    class Kind(models.TextChoices):
        POWER = "power"
        COHORT = "cohort"

    study = models.ForeignKey("study.Study", on_delete=models.CASCADE, related_name="simulations")
    kind = models.CharField(max_length=6, choices=Kind)
    sha256 = models.CharField(max_length=64, help_text="the document it is of")
    wanted = models.PositiveIntegerField(help_text="simulated studies a model, or completed participants")
    address = models.CharField(max_length=300, blank=True, help_text="where the web server answers")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    active_at = models.DateTimeField(null=True, blank=True, help_text="the last sign of life")
    finished_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True, blank=True)
    figure = models.TextField(blank=True, help_text="the power curve as SVG")
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind"],
                condition=models.Q(finished_at=None),
                name="one_simulation_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.study_id} at {self.asked_at:%Y-%m-%d %H:%M}"


class BundleRun(models.Model):
    """A bundle of a closed study that somebody asked for in the panel: the work, and then the file."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="bundle_runs")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    active_at = models.DateTimeField(null=True, blank=True, help_text="the last sign of life")
    finished_at = models.DateTimeField(null=True, blank=True)
    step = models.CharField(max_length=200, blank=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0, help_text="at most as many")
    rows_of = models.CharField(
        max_length=40, blank=True, help_text="what the step goes through, while it does"
    )
    rows_done = models.PositiveBigIntegerField(default=0)
    rows_total = models.PositiveBigIntegerField(default=0)
    rows_since = models.DateTimeField(null=True, blank=True)
    file = models.CharField(max_length=300, blank=True, help_text="below the state folder's bundles")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the zip")
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    head = models.CharField(max_length=64, blank=True, help_text="the log's last link")
    size = models.PositiveBigIntegerField(default=0, help_text="of the zip, in bytes")
    warnings = models.JSONField(
        default=dict, blank=True, help_text="small_cells and free_texts, to be read first"
    )
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["study"], condition=models.Q(finished_at=None), name="one_bundle_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"bundle of {self.study_id} at {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def download_name(self) -> str:
        """The zip's name with the beginning of its hash; '' before there is one."""
        return self.file.rpartition("/")[2]

    @property
    def minutes_left(self) -> int | None:
        """What the rest of the step's rows take at the speed so far, rounded up; None before there is a speed."""
        if self.rows_since is None or not self.rows_done:
            return None
        spent = ((self.active_at or timezone.now()) - self.rows_since).total_seconds()
        return math.ceil(spent / self.rows_done * (self.rows_total - self.rows_done) / 60)


class DraftVersion(models.Model):
    """A text that a draft held, so that every save can be taken back."""

    study = models.ForeignKey("study.Study", on_delete=models.CASCADE, related_name="draft_versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64, help_text="of the document that the text is")
    how = models.CharField(max_length=80, blank=True, help_text="what it was saved by")
    changed = models.TextField(blank=True, help_text="the parts that differ from the version before")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="draft_versions_are_numbered"),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {self.study_id}"
