"""A study, its frozen registrations, and the log of what people did to it."""

import hashlib
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from study.registration.errors import WrongState


class Study(models.Model):
    """A protocol being run: one row a run, real, pilot or rehearsal. Runs never share participants."""

    class State(models.TextChoices):
        DRAFT = "draft"
        REGISTERED = "registered"
        COLLECTING = "collecting"
        PAUSED = "paused"
        CLOSED = "closed"
        ARCHIVED = "archived"

    class Mode(models.TextChoices):
        REAL = "real"
        PILOT = "pilot"
        REHEARSAL = "rehearsal"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=80, unique=True, help_text="in links")
    title = models.CharField(max_length=300)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.REAL)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    draft = models.JSONField(help_text="the protocol as it stands while it may still change")
    source_text = models.TextField(blank=True, help_text="the YAML it was read from")
    places = models.PositiveIntegerField(
        default=0, help_text="how many people may hold or have finished a slot: the registered target"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return f"{self.title} ({self.mode})"

    def move(self, to: "Study.State", *, allowed: "list[Study.State]", **also: Any) -> None:
        """Change state in a single UPDATE, so that two requests can't both win. Raises WrongState."""
        moved = Study.objects.filter(pk=self.pk, state__in=allowed).update(state=to, **also)
        if not moved:
            self.refresh_from_db(fields=["state"])
            raise WrongState(f"'{self.slug}' is {self.state}; this needs it to be {' or '.join(allowed)}.")
        self.refresh_from_db()


class Registration(models.Model):
    """The frozen canonical bytes of a protocol and their hash. Version 1 registers, later ones amend. Append-only."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="registrations")
    version = models.PositiveIntegerField()
    canonical = models.TextField(
        help_text="RFC 8785 canonical JSON; UTF-8 encoded, these are the registered bytes"
    )
    sha256 = models.CharField(max_length=64)
    seed = models.CharField(max_length=64, help_text="hex; secret until the study is closed")
    seed_commitment = models.CharField(
        max_length=64, help_text="sha256 of the seed, published at registration"
    )
    reason = models.TextField(blank=True, help_text="why it was amended")
    difference = models.JSONField(default=list, help_text="what an amendment changed, computed")
    power = models.JSONField(
        null=True, blank=True, help_text="the power simulation this registration was made with"
    )
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study", "version"]
        constraints = [
            models.UniqueConstraint(fields=["study", "version"], name="one_registration_a_version")
        ]

    def __str__(self) -> str:
        return f"{self.study_id} v{self.version} {self.sha256[:12]}"

    def revealed_seed(self) -> str:
        """The seed, once the study is closed. Raises WrongState before: whoever knows it knows every next arm."""
        if self.study.state not in (Study.State.CLOSED, Study.State.ARCHIVED):
            raise WrongState(
                f"'{self.study.slug}' is {self.study.state}: its seed is revealed once it is closed."
            )
        return self.seed

    def kept_commitment(self) -> bool:
        """Does the seed match what was published at registration?"""
        return commitment_of(self.seed) == self.seed_commitment


def commitment_of(seed: str) -> str:
    """Hex sha256 of a seed's hexadecimal digits (as text), to be published before anybody is assigned."""
    return hashlib.sha256(seed.encode("ascii")).hexdigest()


class AuditEntry(models.Model):
    """Who did what to a study, when, from what to what, and why; chained by hash. Append-only."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="audit")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150, help_text="user name, or 'system'")
    action = models.CharField(max_length=60)
    data = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    link = models.CharField(
        max_length=64, help_text="sha256 over previous and this entry's canonical content"
    )

    class Meta:
        ordering = ["study", "number"]
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_audit_entry_a_number")]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"
