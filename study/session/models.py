"""People, their walks, and what they submitted."""

import secrets
import uuid
from datetime import datetime

from django.db import connections, models
from django.db.models import Q
from django.utils import timezone

from study.assignment.models import place_of
from study.registration.models import Study


def new_token() -> str:
    """An unguessable name for a session's link (128 bits, URL-safe)."""
    return secrets.token_urlsafe(16)


def new_code() -> str:
    """A participant's public id in tables: no order, no meaning, no look-alike letters."""
    return "p" + "".join(secrets.choice("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(9))


class Participant(models.Model):
    """A person (or a simulated one) in one study, without anything that says who."""

    class Source(models.TextChoices):
        REAL = "real"
        PILOT = "pilot"
        REHEARSAL = "rehearsal"
        PREVIEW = "preview"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="participants")
    code = models.CharField(max_length=10, unique=True, default=new_code)
    source = models.CharField(max_length=10, choices=Source)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.code


class Identity(models.Model):
    """Panel ids of one participant, apart from all answers: encrypted, with a keyed hash that finds duplicates."""

    participant = models.OneToOneField(
        Participant, on_delete=models.CASCADE, primary_key=True, related_name="identity"
    )
    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="+")
    fingerprint = models.CharField(max_length=64, help_text="HMAC of the panel's person id")
    sealed = models.BinaryField(help_text="encrypted JSON of the panel's ids")

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["study", "fingerprint"], name="one_identity_a_person_and_study")
        ]

    def __str__(self) -> str:
        return f"identity of {self.participant_id}"


AT = """
    SELECT {columns}, study.mode, study.state
    FROM study_session session JOIN study_study study ON study.id = session.study_id
    WHERE session.token = %s
"""


class SessionQuerySet(models.QuerySet["Session"]):
    """Chained in the words of the preregistration; previews are never counted."""

    def with_walk(self) -> "SessionQuerySet":
        """With slot and study loaded in the same query, without the study's long documents."""
        return self.select_related("study", "slot").defer("study__draft", "study__source_text")

    def locked(self, token: str) -> "Session":
        """The session of a link, locked until the transaction ends, as it stands once the lock is held.

        The slot is not joined: a join under `FOR UPDATE` that had to wait returns other tables' rows from before the
        wait, so a second click on the consent page would not see the slot that the first one claimed.
        Raises Session.DoesNotExist.
        """
        return self._at(token, "FOR UPDATE OF session")

    def at(self, token: str) -> "Session":
        """The session of a link with study and place (see `place_of`), one statement. Raises Session.DoesNotExist."""
        return self._at(token, "")

    def _at(self, token: str, lock: str) -> "Session":
        """SQL and no compiler, because every page turn runs this twice."""
        columns = [field.attname for field in Session._meta.concrete_fields]
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                AT.format(columns=", ".join(f"session.{name}" for name in columns)) + lock, [token]
            )
            row = cursor.fetchone()
        if row is None:
            raise self.model.DoesNotExist(token)
        session = Session.from_db(self.db, columns, row[: len(columns)])
        session.study = Study.from_db(
            self.db, ["id", "mode", "state"], [session.study_id, *row[len(columns) :]]
        )
        session.slot = place_of(session.slot_id) if session.slot_id else None
        return session

    def counted(self) -> "SessionQuerySet":
        """Everything but previews."""
        return self.filter(preview_arm="")

    def counting_for(self, study: Study) -> "SessionQuerySet":
        """Of this study and of its own mode, previews left out."""
        return self.counted().filter(study=study, participant__source=study.mode)

    def last_change(self) -> datetime | None:
        """When somebody's answers ended or were erased for the last time: what was made before tells of others."""
        found = self.aggregate(ended=models.Max("ended_at"), erased=models.Max("erased_at"))
        return max((at for at in found.values() if at is not None), default=None)

    def open(self) -> "SessionQuerySet":
        """Still under way."""
        return self.filter(outcome="")


class Session(models.Model):
    """One walk through a study's pages. `position` and `attempt` say which page is open; only a POST moves them."""

    class Outcome(models.TextChoices):
        COMPLETE = "complete"
        SCREENED_OUT = "screened_out"
        FAILED_CHECK = "failed_check"
        WITHDRAWN = "withdrawn"
        DECLINED = "declined"
        FULL = "full"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="sessions")
    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="session")
    registration = models.ForeignKey(
        "study.Registration", on_delete=models.PROTECT, null=True, related_name="+"
    )
    token = models.CharField(max_length=32, unique=True, default=new_token)
    language = models.CharField(max_length=8, default="en")
    slot = models.ForeignKey("study.Slot", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    preview_arm = models.CharField(max_length=64, blank=True)
    position = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=1)
    submitted = models.PositiveIntegerField(default=0, help_text="accepted pages")
    shown_at = models.DateTimeField(null=True, blank=True, help_text="when the open page was first served")
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    exposed = models.BooleanField(default=False, help_text="has been shown an item, so the debrief is due")
    head = models.CharField(max_length=64, blank=True, help_text="hash of the last submission's link")
    started_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    timed_out_at = models.DateTimeField(
        null=True, blank=True, help_text="when the slot went back for idleness"
    )
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="when they said that they withdraw, on the way or after the end"
    )
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="when the answers were destroyed at their author's word"
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="", ended_at=None) | (~Q(outcome="") & Q(ended_at__isnull=False)),
                name="an_outcome_has_its_time",
            ),
        ]
        indexes = [
            # without `active_at`, which every page changes: such an update would touch every index of the row
            models.Index(fields=["study"], name="sessions_under_way", condition=Q(outcome="")),
            models.Index(fields=["study", "outcome"], name="sessions_by_outcome"),
            models.Index(
                fields=["study", "-started_at", "id"], name="latest_arrivals", condition=Q(preview_arm="")
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.pk} ({self.outcome or 'under way'})"


class Submission(models.Model):
    """One accepted page. Append-only: the database refuses any change but the erasure of payload and salt."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="submissions")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the session")
    page = models.CharField(max_length=160)
    attempt = models.PositiveSmallIntegerField(default=1)
    payload = models.JSONField(null=True, help_text="the answers; null after erasure")
    salt = models.CharField(max_length=32, blank=True)
    commitment = models.CharField(max_length=64, help_text="sha256(salt + canonical payload)")
    link = models.CharField(
        max_length=64, help_text="sha256(previous link + number + page + attempt + times + commitment)"
    )
    shown_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["session", "number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "page", "attempt"], name="one_submission_a_page"),
            models.UniqueConstraint(fields=["session", "number"], name="one_submission_a_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.page}"


class TraceEvent(models.Model):
    """Something the browser noticed: shown, hidden, paste, keystrokes, link, answer changed. Append-only."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="events")
    page = models.CharField(max_length=160)
    load = models.CharField(max_length=16, help_text="which load of the page, so that reloads do not collide")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the load")
    kind = models.CharField(max_length=20)
    data = models.JSONField(default=dict)
    client_ms = models.FloatField(help_text="milliseconds since the page was shown, by the browser's clock")
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "load", "number"], name="one_trace_event_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.page}"
