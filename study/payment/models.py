"""What the panel was told about submissions, and who is to get which bonus. Panel ids are encrypted here too."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Settlement(models.Model):
    """One submission that the panel is told to approve, or to ask back; once each."""

    class Action(models.TextChoices):
        APPROVE = "approve"
        RETURN = "return"

    class State(models.TextChoices):
        ASKED = "asked"
        DONE = "done"
        FAILED = "failed"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="settlements")
    mark = models.CharField(max_length=64, help_text="keyed hash of the panel's submission id")
    sealed = models.BinaryField(help_text="the submission id, encrypted")
    action = models.CharField(max_length=8, choices=Action)
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    problem = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "mark", "action"], name="one_settlement_a_submission")
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.state})"


class BonusBatch(models.Model):
    """Bonuses that are paid by one request. `uncertain`: the panel's answer was lost, so a person has to look."""

    class State(models.TextChoices):
        TAKEN = "taken"
        PREPARED = "prepared"
        PAYING = "paying"
        PAID = "paid"
        UNCERTAIN = "uncertain"
        FAILED = "failed"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="bonus_batches")
    state = models.CharField(max_length=10, choices=State, default=State.TAKEN)
    remote = models.CharField(max_length=100, blank=True, help_text="the panel's id of the payment")
    total = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, help_text="with the panel's fees, as the panel says"
    )
    problem = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"batch {self.pk} ({self.state})"

    def move(self, source: list[str], target: str, **columns: object) -> bool:
        """Change state in a single UPDATE; False if another request was first."""
        mine = BonusBatch.objects.filter(pk=self.pk, state__in=source)
        moved = mine.update(state=target, moved_at=timezone.now(), **columns)
        self.refresh_from_db()
        return moved == 1


class Bonus(models.Model):
    """What one person who completed gets by the registered rule. Carries neither arm nor exclusion."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="bonuses")
    session = models.OneToOneField("study.Session", on_delete=models.PROTECT, related_name="bonus")
    units = models.PositiveIntegerField(help_text="what the rule counts")
    amount = models.DecimalField(max_digits=8, decimal_places=2, help_text="in the protocol's currency")
    batch = models.ForeignKey(BonusBatch, on_delete=models.PROTECT, null=True, related_name="bonuses")
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="bonuses_are_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.session_id}"
