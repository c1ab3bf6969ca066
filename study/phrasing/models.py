"""Texts that a model drafted for a study, what was checked of them, and who approved them. Words are append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone


class Kind(models.TextChoices):
    """How an answer sounds. `study.phrasing.kinds` says what each may change."""

    PLAIN = "plain", "Plain"
    FIRST = "first-person", "First person"
    GENERAL = "general", "General"
    STRENGTHENED = "strengthened", "Strengthened"
    NUMERIC = "numeric", "Number"
    VERBAL = "verbal", "Words of probability"


class Wording(models.Model):
    """One text that a study may need: the answer to an item for one of its options, plain or in a phrasing."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="wordings")
    item = models.CharField(max_length=100)
    stance = models.CharField(max_length=100, help_text="the option that the answer argues for")
    kind = models.CharField(max_length=12, choices=Kind)
    rounds = models.PositiveIntegerField(default=0, help_text="how often the model was asked for it")
    call = models.UUIDField(null=True, blank=True, help_text="the model call asked for last")
    asked_of = models.ForeignKey(
        "study.Draft", on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="the plain answer that the last call was to phrase",
    )  # fmt: skip

    class Meta:
        ordering = ["study", "item", "stance", "id"]
        constraints = [
            models.UniqueConstraint(fields=["study", "item", "stance", "kind"], name="one_wording_each")
        ]

    def __str__(self) -> str:
        return f"{self.item}, {self.stance}, {self.kind}"

    def newest(self) -> Draft | None:
        """The latest version."""
        return self.drafts.order_by("-number").first()


class DraftQuerySet(models.QuerySet["Draft"]):
    def newest(self) -> DraftQuerySet:
        """Only the latest version of each text."""
        later = Draft.objects.filter(wording=OuterRef("wording"), number__gt=OuterRef("number"))
        return self.filter(~Exists(later))


class Draft(models.Model):
    """One version of a text, as the model or a person wrote it. Its words never change; an edit is a new version."""

    class State(models.TextChoices):
        CHECKING = "checking"
        OPEN = "open", "to be reviewed"
        REFUSED = "refused"
        REJECTED = "rejected"
        APPROVED = "approved"

    class Source(models.TextChoices):
        MODEL = "model"
        EDIT = "edit"
        CARRIED = "carried", "carried over to a new plain answer"

    wording = models.ForeignKey(Wording, on_delete=models.PROTECT, related_name="drafts")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=7, choices=Source)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lead = models.TextField(blank=True)
    phrase = models.TextField(blank=True)
    body = models.TextField(help_text="of a rewritten answer the whole text")
    text = models.TextField(help_text="the whole answer as it would be shown")
    wanted = models.CharField(max_length=80, blank=True, help_text="words of probability it has to hold")
    claims = models.JSONField(default=list)
    call = models.UUIDField(null=True, blank=True, unique=True, help_text="the model call that wrote it")
    check_call = models.UUIDField(
        null=True, blank=True, unique=True, help_text="the model call that checks it"
    )
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    plain = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="phrased",
        help_text="the plain answer that it phrases",
    )  # fmt: skip
    state = models.CharField(max_length=8, choices=State)
    reason = models.TextField(blank=True, help_text="why it was refused or rejected")
    made_at = models.DateTimeField(default=timezone.now)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["wording", "number"]
        constraints = [
            models.UniqueConstraint(fields=["wording", "number"], name="one_draft_a_number"),
            models.CheckConstraint(
                condition=Q(state__in=("refused", "rejected")) ^ Q(reason=""),
                name="draft_refused_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wording_id} version {self.number} ({self.state})"

    def move(self, to: str, *, allowed: list[str], reason: str = "") -> bool:
        """Change state in one UPDATE; False when it was in none of the allowed states."""
        moved = Draft.objects.filter(pk=self.pk, state__in=allowed).update(state=to, reason=reason)
        if moved:
            self.state, self.reason = to, reason
        return bool(moved)

    def approvers(self) -> QuerySet[Decision]:
        """Who approved it, the earliest first."""
        return self.decisions.filter(verdict=Decision.Verdict.APPROVE).select_related("by").order_by("id")


class Check(models.Model):
    """One thing that was looked at before a draft was let through to people."""

    class Name(models.TextChoices):
        FORM = "form"
        EXACT = "exact", "text outside the phrase"
        STANCE = "stance", "what it argues for"
        CLAIMS = "claims"
        DISTANCE = "distance", "distance of meaning"

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="checks")
    name = models.CharField(max_length=8, choices=Name)
    passed = models.BooleanField()
    detail = models.TextField(blank=True)
    value = models.FloatField(null=True, blank=True, help_text="cosine distance, 0 to 2")
    threshold = models.FloatField(null=True, blank=True)
    call = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["draft", "id"]
        constraints = [models.UniqueConstraint(fields=["draft", "name"], name="one_check_each")]

    def __str__(self) -> str:
        return f"{self.name} of {self.draft_id}: {'passed' if self.passed else 'failed'}"


class Decision(models.Model):
    """What one person said of a draft. Nobody approves the same words twice."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="decisions")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=7, choices=Verdict)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["draft", "id"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "by", "verdict"], name="one_verdict_a_person"),
            models.CheckConstraint(
                condition=Q(verdict="approve", reason="") | (Q(verdict="reject") & ~Q(reason="")),
                name="rejected_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by_id} {self.verdict} {self.draft_id}"


class Placement(models.Model):
    """An approved draft that was put into the study's document: from then on the document claims to hold it."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="placements")
    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="placements")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study", "id"]

    def __str__(self) -> str:
        return f"{self.draft_id} in {self.study_id}"
