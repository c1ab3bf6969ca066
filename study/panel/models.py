"""Who may do what in which study, and sign-ins that failed."""

from __future__ import annotations

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
