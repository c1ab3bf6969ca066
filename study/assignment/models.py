"""The committed schedule as rows, and who held which place."""

from functools import lru_cache

from django.db import models
from django.db.models import Q


class Slot(models.Model):
    """One place in the seeded schedule: stratum, arm, item order, hedged items. Claimed by at most one
    session at a time.
    """

    class State(models.TextChoices):
        FREE = "free"
        HELD = "held"
        DONE = "done"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="slots")
    number = models.PositiveIntegerField(help_text="place in the schedule, from 1, within its stratum")
    block = models.PositiveIntegerField()
    stratum = models.CharField(
        max_length=500, blank=True, help_text="option ids joined by '|'; empty without strata"
    )
    arm = models.CharField(max_length=64)
    item_order = models.JSONField(help_text="item ids in the order shown")
    hedged = models.JSONField(help_text="ids of the items that carry the arm's phrasing")
    state = models.CharField(max_length=4, choices=State, default=State.FREE)
    returns = models.PositiveSmallIntegerField(
        default=0, help_text="how often it came back; returned slots are refilled first"
    )
    holder = models.OneToOneField(
        "study.Session", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["study", "stratum", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "stratum", "number"], name="one_slot_a_number"),
            models.CheckConstraint(
                condition=Q(state="free", holder=None) | (~Q(state="free") & Q(holder__isnull=False)),
                name="a_slot_is_free_or_has_a_holder",
            ),
        ]
        indexes = [
            models.Index(
                fields=["study", "stratum", "-returns", "number"],
                name="next_free_slot",
                condition=Q(state="free"),
            ),
            models.Index(fields=["study"], name="taken_slots", condition=~Q(state="free")),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} ({self.state})"


@lru_cache(maxsize=8192)
def place_of(slot_id: int) -> Slot:
    """A slot by its id, read once a process: stratum, arm, item order and hedged items never change (a trigger sees to
    it). Its state, returns and holder are as they were when it was read: never decide anything by them."""
    return Slot.objects.get(pk=slot_id)


class SlotReturn(models.Model):
    """A slot that came back: whose it was and why. Append-only."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="history")
    session = models.ForeignKey("study.Session", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"slot {self.slot_id} returned: {self.reason}"
