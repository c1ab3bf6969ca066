"""A person's second factor, the browsers they are signed in with, the log of both, and who is invited."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from study.panel.models import StudyRole


class SecondFactor(models.Model):
    """A time-based one-time password of one user (RFC 6238: SHA-1, 6 digits, 30 s). Counts once confirmed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="second_factor"
    )
    sealed = models.BinaryField(help_text="the shared secret, encrypted")
    last_step = models.BigIntegerField(
        default=0, help_text="the 30-second step of the last accepted code; none at or before it counts again"
    )
    begun_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class RecoveryCode(models.Model):
    """A code that stands in once for a lost device. Kept as a keyed hash."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    mark = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "mark"], name="one_row_a_recovery_code")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class SignIn(models.Model):
    """A browser that somebody signed in with, while its session lives."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    browser = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-seen_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.at:%Y-%m-%d %H:%M}"


class AccountEvent(models.Model):
    """What was done to somebody's account, when and by whom. Append-only."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150, help_text="user name, or 'system'")
    action = models.CharField(max_length=60)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.action} ({self.user_id})"


class Invitation(models.Model):
    """A role in a study offered to an address. The link is made when the mail goes out and kept as a hash only."""

    study = models.ForeignKey("study.Study", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=StudyRole.Role)
    site = models.CharField(max_length=300, help_text="where the panel answers, for the link")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    mark = models.CharField(
        max_length=64, blank=True, help_text="hash of the link's secret; an older link is void"
    )
    sending_at = models.DateTimeField(null=True, help_text="a worker has taken the mail")
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True, help_text="why the mail did not go")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_an_address",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email} to {self.study_id}"

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()
