"""Telling the panel: approve, ask back, pay bonuses. The decision is committed first, then the panel is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from study.analyses.blinding import may_see_outcomes
from study.payment import prolific, tasks
from study.payment.models import Bonus, BonusBatch, Settlement
from study.payment.rule import bonus_of
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.session.identity import fingerprint, seal, unseal
from study.session.models import Identity, Session
from study.waking import refuse, wake

MOST = 200  # people a bulk payment of the panel may hold
RETURN_REASONS = ["Didn't finish the study"]
State = BonusBatch.State
UNDER_WAY = timedelta(minutes=5)  # longer than any request to the panel takes
UNPAID = [State.TAKEN, State.PREPARED, State.PAYING, State.UNCERTAIN]


@transaction.atomic
def settle(*, study: Study, submissions: Iterable[str], action: str, by: Any) -> int:
    """Record what the panel is to be told of each submission; a worker tells it after the commit.

    A submission that was settled before is passed over; one that failed is tried again. Returns how many are asked.
    """
    marks = {fingerprint(study.pk, f"submission {name}"): name for name in submissions}
    rows = [
        Settlement(study=study, mark=mark, sealed=seal({"submission": name}), action=action, by=by)
        for mark, name in marks.items()
    ]
    Settlement.objects.bulk_create(rows, ignore_conflicts=True)
    again = Settlement.objects.filter(
        study=study, mark__in=marks, state=Settlement.State.FAILED, action=action
    )
    again.update(state=Settlement.State.ASKED, problem="")
    asked = Settlement.objects.filter(
        study=study, mark__in=marks, state=Settlement.State.ASKED, action=action
    )
    count = asked.count()
    if count:
        audit(study, name_of(by), f"asked the panel to {action}", {"submissions": count})
        wake(tasks.tell_panel, str(study.pk), lost=refuse)
    return count


def tell_panel(study: Study) -> None:
    """Tell the panel everything that was asked for. Safe to run twice: the panel takes a second word as the first."""
    for row in Settlement.objects.filter(study=study, state=Settlement.State.ASKED).order_by("pk"):
        submission = unseal(bytes(row.sealed))["submission"]
        try:
            if row.action == Settlement.Action.APPROVE:
                prolific.approve(submission)
            else:
                prolific.ask_to_return(submission, RETURN_REASONS)
        except prolific.PanelError as problem:
            told: dict[str, Any] = {"state": Settlement.State.FAILED, "problem": str(problem)[:300]}
        else:
            told = {"state": Settlement.State.DONE, "done_at": timezone.now(), "problem": ""}
        Settlement.objects.filter(pk=row.pk, state=Settlement.State.ASKED).update(**told)


@transaction.atomic
def ask_bonuses(*, study: Study, by: Any) -> None:
    """Have a worker compute everybody's bonus. Raises Refused without a rule, or while outcomes are closed: what
    people got right is an outcome."""
    if protocol_of(current(study).pk).payment.bonus_rule is None:
        raise Refused("The registered protocol has no bonus rule (payment.bonus_rule).")
    if not may_see_outcomes(study):
        raise Refused("Bonuses are computed once the study is closed: they tell who answered rightly.")
    audit(study, name_of(by), "computed bonuses", {})
    wake(tasks.compute_bonuses, str(study.pk), lost=refuse)


def compute_bonuses(study: Study) -> int:
    """A row for everybody who completed and whose answers stand; those who have one keep it. Returns how many have.

    Exclusion from the analysis does not matter here. The version of the protocol that a person ran under decides.
    """
    right = _rights(study)
    people = Session.objects.counted().filter(
        study=study, outcome=Session.Outcome.COMPLETE, erased_at=None, bonus=None
    )
    rows = []
    for session in people.select_related("participant").iterator():
        rule = protocol_of(session.registration_id).payment.bonus_rule if session.registration_id else None
        if rule is not None:
            units = right.get(session.participant.code, 0)
            rows.append(Bonus(study=study, session=session, units=units, amount=bonus_of(rule, units)))
    Bonus.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return Bonus.objects.filter(study=study).count()


def _rights(study: Study) -> dict[str, int]:
    """Right final answers by participant code, from the same tidy table as the analysis; undefined ones don't count."""
    from study.tables.tidy import tidy

    trials = tidy(study, with_responses=False, with_events=False).trials
    if trials.empty:
        return {}
    counted = trials.groupby("participant", observed=True)["correct"].sum()
    return {str(code): int(n) for code, n in counted.items()}


def panel_ids(sessions: Iterable[Any]) -> dict[Any, dict[str, str]]:
    """The panel's ids by session; people without any are left out. One query."""
    held = Identity.objects.filter(participant__session__in=list(sessions))
    rows = held.values_list("participant__session", "sealed")
    return {session: unseal(bytes(sealed)) for session, sealed in rows}


def prepare(*, study: Study, panel_study: str, by: Any) -> BonusBatch:
    """Take up to 200 unpaid bonuses and tell the panel who would get what; nothing is paid yet.

    Raises Refused if nothing is left to pay, or with what the panel says; then the bonuses are free again.
    """
    batch, mine = _take(study, by)
    try:
        amounts = [(ids["SESSION_ID"], bonus.amount) for bonus, ids in mine]
        prepared = prolific.prepare_bonuses(panel_study, amounts)
    except prolific.PanelError as problem:
        _release(batch, State.TAKEN, str(problem))
        raise Refused(str(problem)) from None
    batch.move([State.TAKEN], State.PREPARED, remote=prepared.remote, total=prepared.total)
    return batch


@transaction.atomic
def _take(study: Study, by: Any) -> tuple[BonusBatch, list[tuple[Bonus, dict[str, str]]]]:
    """The study's row is held, so that two people who prepare at once take different bonuses."""
    Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
    free = list(Bonus.objects.filter(study=study, batch=None, amount__gt=0).order_by("pk"))
    ids = panel_ids(bonus.session_id for bonus in free)
    mine = [
        (bonus, ids[bonus.session_id]) for bonus in free if ids.get(bonus.session_id, {}).get("SESSION_ID")
    ]
    mine = mine[:MOST]
    if not mine:
        raise Refused("No bonus is left to pay to people of the panel.")
    batch = BonusBatch.objects.create(study=study, by=by)
    Bonus.objects.filter(pk__in=[bonus.pk for bonus, _ids in mine], batch=None).update(batch=batch)
    return batch, mine


@transaction.atomic
def _release(batch: BonusBatch, source: str, problem: str) -> bool:
    """The batch was not paid: its bonuses are free again."""
    moved = batch.move([source], State.FAILED, problem=problem[:300])
    if moved:
        Bonus.objects.filter(batch=batch).update(batch=None)
    return moved


def pay(*, batch: BonusBatch, by: Any) -> None:
    """Pay a prepared batch, once: of two clicks one moves it on and asks the panel.

    If the panel's answer is lost the batch stays `uncertain` until somebody has looked at the panel (`decide`).
    Raises Refused.
    """
    with transaction.atomic():
        if not batch.move([State.PREPARED], State.PAYING, by=by):
            raise Refused(f"This payment is {batch.state} already.")
        total = batch.bonuses.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
        data = {"batch": batch.pk, "people": batch.bonuses.count(), "amount": str(total)}
        audit(batch.study, name_of(by), "paid bonuses", data)
    try:
        prolific.pay_bonuses(batch.remote)
    except prolific.Unknown as problem:
        batch.move([State.PAYING], State.UNCERTAIN, problem=str(problem)[:300])
        raise Refused(f"{problem} Look at Prolific whether it was paid, then say so here.") from None
    except prolific.PanelError as problem:
        _release(batch, State.PAYING, str(problem))
        raise Refused(str(problem)) from None
    batch.move([State.PAYING], State.PAID, paid_at=timezone.now(), problem="")


@transaction.atomic
def decide(*, batch: BonusBatch, paid: bool, by: Any) -> None:
    """What a person saw at the panel of a payment whose answer was lost, or that was never sent. Raises Refused."""
    if batch.state == State.PAYING and timezone.now() - batch.moved_at < UNDER_WAY:
        raise Refused("The panel is being asked at this moment: wait a few minutes.")
    if paid:
        moved = batch.move([State.UNCERTAIN, State.PAYING], State.PAID, paid_at=timezone.now())
    else:
        moved = any(_release(batch, state, "not paid") for state in UNPAID)
    if not moved:
        raise Refused(f"This payment is {batch.state} already.")
    data = {"batch": batch.pk, "paid": paid}
    audit(batch.study, name_of(by), "decided about a payment", data)
