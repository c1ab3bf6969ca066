"""What the panel does beyond the studies' own moves: new drafts, withdrawals at a person's word, roles. All audited."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from study.panel.models import DraftVersion, StudyRole
from study.protocol import Protocol, read
from study.registration import actions as registration
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Registration, Study
from study.session import actions as session_actions
from study.session.models import Session


@transaction.atomic
def new_study(*, source: Any, mode: str, by: Any, slug: str = "") -> Study:
    """A new draft of `by` from a protocol, a YAML text (str) or a file (Path), never over an existing study.

    Raises ProtocolError, and Refused for a slug that is taken.
    """
    protocol = source if isinstance(source, Protocol) else read(source)
    if slug and Study.objects.filter(slug=slug).exists():
        raise Refused(f"There is a study called '{slug}' already.")
    slug = slug or _free_slug(protocol.id if mode == Study.Mode.REAL else f"{protocol.id}-{mode}")
    return registration.load(source, mode=mode, owner=by, slug=slug)


def _free_slug(base: str) -> str:
    taken = set(Study.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    names = [base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


@transaction.atomic
def save_draft(*, study: Study, text: str, seen: str, by: Any, how: str = "text") -> Study:
    """The draft takes a new text; the one before is kept as a version. `seen`: the hash of the document that the
    editor began from; `how`: what saved it, in a word.

    Raises ProtocolError, and Refused if somebody else saved meanwhile or the study is registered.
    """
    from study.panel.documents import changes, held

    now = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    before = held(now)
    if before.sha256 != seen:
        raise Refused("Somebody else changed the document meanwhile: copy your text, load the page again.")
    saved = registration.load(text, mode=now.mode, owner=by, slug=now.slug)
    if text != before.text:
        after = held(saved)
        _keep(saved, before.text, before.sha256, how="before the panel", by=None)
        told = ", ".join(change["path"] for change in changes(before.protocol, after.protocol))
        _keep(saved, text, after.sha256, how=how, by=by, changed=told[:500])
    return saved


@transaction.atomic
def amend(*, study: Study, text: str, by: Any, **said: Any) -> Registration:
    """An amendment with the text that it was written as, comments and all; `said` as `registration.amend` takes it.

    Raises ProtocolError, and what `registration.amend` raises.
    """
    made = registration.amend(study=study, protocol=read(text), by=by, **said)
    told = ", ".join(change["path"] for change in made.difference)
    _keep(study, text, made.sha256, how=f"amendment, version {made.version}", by=by, changed=told[:500])
    return made


def _keep(study: Study, text: str, sha256: str, **told: Any) -> None:
    """One more version, unless the last one is this text already."""
    last = DraftVersion.objects.filter(study=study).first()
    if last is None or last.text != text:
        number = last.number + 1 if last else 1
        DraftVersion.objects.create(study=study, number=number, text=text, sha256=sha256, **told)


def withdraw(*, session: Session, erase: bool, reason: str, by: Any) -> None:
    """End a person's session at their word, and destroy their answers if they asked for it. Audited, with the code
    only. Raises Refused without a reason."""
    if not reason.strip():
        raise Refused("Say how the person asked for it; it is kept in the log.")
    with transaction.atomic():
        session_actions.withdraw(token=session.token, erase=erase)
        data = {"participant": session.participant.code, "erased": erase, "reason": reason.strip()}
        audit(session.study, name_of(by), "withdrew a participant", data)


@transaction.atomic
def give_role(*, study: Study, username: str, role: str, by: Any) -> StudyRole:
    """Give somebody a role, or another one. Raises Refused for an unknown user, the owner, or an unknown role."""
    user = get_user_model().objects.filter(username=username.strip(), is_active=True).first()
    if user is None:
        raise Refused(f"There is no user '{username}'.")
    if user.pk == study.owner_id:
        raise Refused(f"{username} owns the study already.")
    if role not in StudyRole.Role.values:
        raise Refused("Choose one of the roles.")
    held, _ = StudyRole.objects.update_or_create(study=study, user=user, defaults={"role": role})
    audit(study, name_of(by), "gave a role", {"user": user.get_username(), "role": role})
    return held


@transaction.atomic
def take_role(*, study: Study, username: str, by: Any) -> None:
    """Take somebody's role away. Raises Refused if they had none."""
    gone, _ = StudyRole.objects.filter(study=study, user__username=username).delete()
    if not gone:
        raise Refused(f"{username} has no role here.")
    audit(study, name_of(by), "took a role", {"user": username})
