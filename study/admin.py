"""The records as they stand, to look at. Nothing is edited here: a study moves by its actions, all else is append-only.

Before a study is closed no page of this admin shows an arm, the schedule, an answer or the seed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline

from study.assignment.models import Slot, SlotReturn
from study.registration import actions
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Registration, Study
from study.session.models import Participant, Session, Submission

ENDED = (Study.State.CLOSED, Study.State.ARCHIVED)


DOCUMENTS = ("draft", "source_text")
"""A study's long texts: a list names the study in every row, and would read them as often."""


def light(model: type[models.Model], study: str, *others: str) -> models.QuerySet[Any]:
    """Rows whose study (at the end of the path `study`) comes without its documents."""
    return model._default_manager.defer(*(f"{study}__{name}" for name in DOCUMENTS), *others)


admin.site.unregister(get_user_model())


@admin.register(get_user_model())
class People(UserAdmin):  # type: ignore[type-arg]
    """Django's own page of users, in shorter lists."""

    list_per_page = 25
    show_full_result_count = False


class ReadOnly:
    """Nobody adds, changes or deletes; the database would refuse most of it anyway."""

    list_per_page = 25
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class RegistrationInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """A study's versions, without their bytes and without the seed."""

    model = Registration
    fields = [
        "version",
        "sha256",
        "seed_commitment",
        "reason",
        "registered_by",
        "approved_by",
        "registered_at",
    ]
    readonly_fields = fields
    extra = 0
    verbose_name_plural = "versions"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Registration]:
        people = Registration.objects.select_related("registered_by", "approved_by")
        return people.defer("canonical", "seed", "power", "difference")


def _mover(name: str, description: str) -> Callable[..., None]:
    """An admin action that makes one move with every chosen study and says which ones could not."""

    @admin.action(description=description, permissions=["run"])
    def move(modeladmin: ModelAdmin, request: HttpRequest, chosen: models.QuerySet[Study]) -> None:
        for study in chosen:
            try:
                getattr(actions, name)(study=study, by=request.user)
            except Refused as refusal:
                modeladmin.message_user(request, str(refusal), messages.ERROR)
            else:
                modeladmin.message_user(request, f"'{study.slug}' is {study.state}.", messages.SUCCESS)

    move.__name__ = name
    return move


@admin.register(Study)
class StudyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ["slug", "title", "mode", "state", "completed", "under_way", "places", "created_at"]
    list_filter = ["mode", "state"]
    search_fields = ["slug", "title"]
    fields = ["slug", "title", "mode", "state", "places", "owner", "created_at", "opened_at", "closed_at"]
    inlines = [RegistrationInline]
    actions = [
        _mover("open_study", "Open: start collecting"),
        _mover("pause", "Pause: let nobody new in"),
        _mover("resume", "Resume collecting"),
        _mover("close", "Close for good"),
        _mover("archive", "Archive"),
    ]

    def has_run_permission(self, request: HttpRequest) -> bool:
        """May this user move studies?"""
        return bool(request.user.has_perm("study.change_study"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Study]:
        counts = {state: Count("slots", filter=Q(slots__state=state)) for state in ("done", "held")}
        return Study.objects.defer(*DOCUMENTS).annotate(**counts)

    @admin.display(ordering="done")
    def completed(self, study: Any) -> int:
        return int(study.done)

    @admin.display(ordering="held")
    def under_way(self, study: Any) -> int:
        return int(study.held)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ["study", "number", "at", "actor", "action"]
    list_filter = ["action"]
    list_select_related = ["study"]
    search_fields = ["study__slug", "actor"]
    fields = ["study", "number", "at", "actor", "action", "data", "previous", "link"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AuditEntry]:
        return light(AuditEntry, "study")


@admin.register(Slot)
class SlotAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Who holds which place. The schedule itself shows once the study is closed."""

    list_display = ["study", "stratum", "number", "state", "returns"]
    list_filter = ["state"]
    list_select_related = ["study"]
    search_fields = ["study__slug"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Slot]:
        return light(Slot, "study")

    def get_fields(self, request: HttpRequest, obj: Slot | None = None) -> list[str]:
        schedule = ["block", "arm", "item_order", "hedged"]
        return [*self.list_display, *(schedule if obj is not None and obj.study.state in ENDED else [])]


@admin.register(SlotReturn)
class SlotReturnAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    list_display = ["at", "study", "number", "reason"]
    list_filter = ["reason"]
    list_select_related = ["slot__study"]
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[SlotReturn]:
        return light(SlotReturn, "slot__study", "slot__item_order", "slot__hedged")

    @admin.display(ordering="slot__study")
    def study(self, kept: SlotReturn) -> str:
        return kept.slot.study.slug

    @admin.display(ordering="slot__number")
    def number(self, kept: SlotReturn) -> int:
        return kept.slot.number


@admin.register(Participant)
class ParticipantAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """People by their public code; panel ids are kept apart and shown nowhere."""

    list_display = ["code", "study", "source", "created_at"]
    list_filter = ["source"]
    list_select_related = ["study"]
    search_fields = ["code", "study__slug"]
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Participant]:
        return light(Participant, "study")


@admin.register(Session)
class SessionAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """How far people are. Neither arm nor answers, and no token: it would open the person's pages."""

    list_display = ["participant", "study", "position", "outcome", "started_at", "active_at", "ended_at"]
    list_filter = ["outcome"]
    list_select_related = ["participant", "study"]
    search_fields = ["participant__code", "study__slug"]
    fields = [*list_display, "language", "exposed", "timed_out_at", "withdrawn_at", "erased_at", "head"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Session]:
        return light(Session, "study")


class AcceptedPages(Paginator):  # type: ignore[type-arg]
    """Counts all submissions, of which there may be millions, by what each session says that it submitted."""

    @cached_property
    def count(self) -> int:
        if self.object_list.query.where:  # type: ignore[attr-defined]
            return super().count
        return Session.objects.aggregate(pages=Sum("submitted"))["pages"] or 0


@admin.register(Submission)
class SubmissionAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """That a page was accepted, and its place in the chain; answers are in the exports of a closed study."""

    list_display = ["session", "number", "page", "attempt", "shown_at", "received_at"]
    list_select_related = ["session"]
    fields = [*list_display, "commitment", "link"]
    paginator = AcceptedPages

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Submission]:
        return Submission.objects.defer("payload", "salt")
