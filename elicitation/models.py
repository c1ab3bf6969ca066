"""What an elicitation records beside the submissions, each row written in the transaction that accepted its page.

Append-only: the database refuses any change but the erasure of a person's words, and any deletion. Merging and
splitting values rewrites nothing; it is a list of decisions that is replayed.
"""

from __future__ import annotations

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from elicitation.case_drafts.models import CaseDraft, CaseDraftDecision
from elicitation.followup.models import FollowUp
from elicitation.runs.models import DeskRun
from elicitation.upgrades.models import Proposal, ProposalDecision
from elicitation.values import cards
from elicitation.values.mapping import Decision, ValueMapping
from elicitation.values.models import MergeDecision, MergeProposal

__all__ = [
    "Card",
    "CaseDraft",
    "CaseDraftDecision",
    "DeskRun",
    "Draw",
    "FollowUp",
    "MappingDecision",
    "MergeDecision",
    "MergeProposal",
    "Proposal",
    "ProposalDecision",
    "Upgrade",
    "Vote",
    "mapping_of",
    "new_code",
]


def new_code() -> str:
    """A card's public id: no order, no meaning, no look-alike letters."""
    return "c" + "".join(secrets.choice("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(9))


class Card(models.Model):
    """A values card: a participant's own, approved by them, or one of the protocol's library (no session).

    `code` names it everywhere. A library card whose wording an amendment changed is another row of the same code.
    """

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="values_cards")
    session = models.ForeignKey(
        "study.Session", on_delete=models.PROTECT, null=True, related_name="values_cards"
    )
    stage = models.CharField(
        max_length=64, blank=True, help_text="the stage that led to it; its pages are the interview"
    )
    case = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=64, default=new_code)
    title = models.CharField(max_length=200)
    description = models.TextField()
    policies = models.JSONField(default=list, help_text="what is attended to, in order")
    shared = models.BooleanField(
        default=False, help_text="its author agreed that other participants may read it"
    )
    digest = models.CharField(max_length=64, help_text="sha256 of the text, so that a library is stored once")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "code", "digest"], name="one_card_a_code_and_wording"),
            models.UniqueConstraint(
                fields=["session", "stage"], condition=Q(session__isnull=False), name="one_card_a_stage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"

    def card(self) -> cards.Card:
        """The card as a value, for checks and prompts."""
        return cards.Card(self.title, self.description, tuple(self.policies))


class MappingDecision(models.Model):
    """One decision about which cards are the same value. All of a study's, in order, are its mapping; the version of
    a mapping is how many of them it holds."""

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="mapping_decisions")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … within the study")
    kind = models.CharField(max_length=5, choices=[("merge", "merge"), ("split", "split")])
    cards = models.JSONField(help_text="codes")
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study", "number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_decision_a_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.cards}"


class Upgrade(models.Model):
    """A story of someone who moved from one value to another in a context, in one direction. Its twin, of the same
    `pair`, tells the way back."""

    class Direction(models.TextChoices):
        THERE = "there"
        BACK = "back"

    study = models.ForeignKey("study.Study", on_delete=models.PROTECT, related_name="upgrades")
    pair = models.CharField(
        max_length=64, help_text="the upgrade's id in the protocol; ~ and a number: proposed"
    )
    direction = models.CharField(max_length=5, choices=Direction)
    from_value = models.CharField(max_length=64, help_text="code of a card")
    to_value = models.CharField(max_length=64)
    context = models.CharField(max_length=200)
    cases = models.JSONField(default=list, help_text="ids of the cases it belongs to; empty: all")
    story = models.TextField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "pair", "direction", "digest"], name="one_upgrade_a_wording"
            ),
            models.CheckConstraint(condition=~Q(from_value=models.F("to_value")), name="an_upgrade_moves"),
        ]

    def __str__(self) -> str:
        return f"{self.pair} ({self.from_value} → {self.to_value})"


class Draw(models.Model):
    """What one page showed one participant by chance, and how likely it was: a value of others, or an upgrade.

    `propensity` is the probability with which this page showed it, given what the participant had seen and chosen.
    """

    session = models.ForeignKey("study.Session", on_delete=models.PROTECT, related_name="draws")
    page = models.CharField(max_length=160)
    number = models.PositiveSmallIntegerField(help_text="place on the page, from 1")
    card = models.ForeignKey(Card, on_delete=models.PROTECT, null=True, related_name="draws")
    upgrade = models.ForeignKey(Upgrade, on_delete=models.PROTECT, null=True, related_name="draws")
    propensity = models.FloatField()
    pool = models.PositiveIntegerField(help_text="how many it was drawn from")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["session", "page", "number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "page", "number"], name="one_draw_a_place"),
            models.UniqueConstraint(
                fields=["session", "upgrade"], condition=Q(upgrade__isnull=False), name="no_upgrade_twice"
            ),
            models.CheckConstraint(
                condition=Q(propensity__gt=0) & Q(propensity__lte=1), name="a_propensity_is_a_chance"
            ),
            models.CheckConstraint(
                condition=Q(card__isnull=False, upgrade=None) | Q(card=None, upgrade__isnull=False),
                name="a_draw_is_of_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.page} {self.number}"


class Vote(models.Model):
    """What one participant said of one story. Empty after its author had it erased."""

    class Verdict(models.TextChoices):
        WISER = "wiser"
        NOT_WISER = "not_wiser"
        UNSURE = "unsure"

    session = models.ForeignKey("study.Session", on_delete=models.PROTECT, related_name="votes")
    upgrade = models.ForeignKey(Upgrade, on_delete=models.PROTECT, related_name="votes")
    case = models.CharField(max_length=64, blank=True)
    verdict = models.CharField(max_length=9, choices=Verdict, blank=True)
    why = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "upgrade"], name="one_vote_a_participant_and_upgrade")
        ]

    def __str__(self) -> str:
        return f"{self.verdict or 'erased'} on {self.upgrade_id}"


def mapping_of(study_id: uuid.UUID) -> ValueMapping:
    """Which canonical value each card of a study belongs to: the library's first, then participants', oldest first.

    Erased cards are in no value, and what they joined stays joined. Three queries.
    """
    mine = Card.objects.filter(study_id=study_id).order_by("pk")
    codes = list(dict.fromkeys(mine.filter(session__isnull=True).values_list("code", flat=True)))
    own = list(mine.filter(session__preview_arm="").values_list("code", "title"))
    codes += [code for code, _ in own]
    rows = MappingDecision.objects.filter(study_id=study_id)
    decisions = tuple(
        Decision("merge" if one.kind == "merge" else "split", tuple(one.cards), one.reason, one.by)
        for one in rows
    )
    return ValueMapping(tuple(codes), decisions, frozenset(code for code, title in own if not title))
