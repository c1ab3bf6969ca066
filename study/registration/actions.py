"""What people do to a study, each with its audit entry: load, register, amend, open, pause, resume, close,
archive.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone

from study.assignment.slots import insert
from study.phrasing import provenance
from study.protocol import Finding, Protocol, canonical, from_canonical, lint, read, sha256
from study.protocol import document as plain
from study.protocol.difference import difference
from study.registration.audit import audit
from study.registration.errors import Refused, WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import Registration, Study, commitment_of
from study.registration.rules import check_amendment, check_seed, check_two_people
from study.registration.spending import keep_to_budget

State = Study.State
Person = AbstractBaseUser | None


@transaction.atomic
def load(
    document: Protocol | str | Path,
    *,
    mode: str = Study.Mode.REAL,
    owner: Person = None,
    slug: str | None = None,
) -> Study:
    """A draft study from a protocol, a YAML text (str) or a file (Path).

    An existing draft of that slug takes the new document. Without a slug the protocol's id is used, with the
    mode unless real, and a number where that is taken. Raises ProtocolError (every problem of the document at
    once) and Refused (the slug belongs to a registered study).
    """
    protocol = document if isinstance(document, Protocol) else read(document)
    slug = slug or _free_slug(protocol, mode)
    held = Study.objects.select_for_update(no_key=True).filter(slug=slug).first()
    if held is not None and (held.state != State.DRAFT or held.mode != mode):
        raise Refused(f"'{slug}' is a {held.mode} study and {held.state}: choose another slug, or amend it.")
    study = held or Study(slug=slug, mode=mode, owner=_user(owner))
    study.title = protocol.say(protocol.title)[:300]
    study.draft = plain(protocol)
    study.source_text = _source(document)
    study.save()
    keep_to_budget(study, protocol)
    audit(study, name_of(owner), "loaded", {"sha256": sha256(protocol), "mode": mode})
    return study


def _free_slug(protocol: Protocol, mode: str) -> str:
    """The protocol's id (and mode), numbered from 2 where a registered study has it already."""
    base = protocol.id if mode == Study.Mode.REAL else f"{protocol.id}-{mode}"
    taken = set(Study.objects.exclude(state=State.DRAFT, mode=mode).values_list("slug", flat=True))
    names = [base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _source(document: Protocol | str | Path) -> str:
    if isinstance(document, Path):
        return document.read_text(encoding="utf-8")
    return document if isinstance(document, str) else ""


def name_of(person: Person) -> str:
    """Who an audit entry names: the user, or the system for commands and tasks."""
    return person.get_username() if person is not None else "system"


def _user(person: Person) -> User | None:
    """For the type checker: AUTH_USER_MODEL is Django's own."""
    return cast("User | None", person)


@transaction.atomic
def register(
    *,
    study: Study,
    by: Person,
    seed: str | None = None,
    approved_by: Person = None,
    power: Mapping[str, Any] | None = None,
) -> Registration:
    """Freeze the draft, commit to a seed and draw the schedule. From here on the document can only be
    amended.

    `seed`: 64 hexadecimal digits, else drawn by the operating system. `power`: the simulation's result, kept
    with the registration. Raises WrongState unless the study is a draft, Refused with the linter's errors, a
    bad seed, or a missing second person.
    """
    study.refresh_from_db(from_queryset=Study.objects.select_for_update(no_key=True))
    powered = power is not None
    findings = refuse_unless_registrable(study, by=by, approved_by=approved_by, seed=seed, powered=powered)
    seed = check_seed(seed) if seed else secrets.token_hex(32)
    protocol = from_canonical(study.draft)
    if power is not None and power.get("sha256", sha256(protocol)) != sha256(protocol):
        raise Refused("The power was simulated for another version of this document: simulate it again.")
    study.move(State.REGISTERED, allowed=[State.DRAFT], places=protocol.sample.target)
    registration = _freeze(study, protocol, seed, by, approved_by, version=1, power=power)
    insert(study, json.loads(registration.canonical), seed)
    _audit_registration("registered", registration, by, mode=study.mode, findings=[f.code for f in findings])
    return registration


def refuse_unless_registrable(
    study: Study, *, by: Person, approved_by: Person = None, seed: str | None = None, powered: bool = True
) -> list[Finding]:
    """The linter's warnings and notes. Raises what `register` would, before an hour of power simulation is spent."""
    if study.state != State.DRAFT:
        raise WrongState(f"'{study.slug}' is {study.state}; this needs it to be draft.")
    protocol = from_canonical(study.draft)
    if seed:
        check_seed(seed)
    check_two_people(protocol, by, approved_by)
    if unapproved := provenance.problems(study, protocol):
        raise Refused(*unapproved)
    return without_errors(protocol, powered=powered)


def without_errors(protocol: Protocol, *, powered: bool) -> list[Finding]:
    """The linter's warnings and notes on a document about to be frozen. Raises Refused if there is any error."""
    findings = lint(protocol, powered=powered)
    if errors := [finding for finding in findings if finding.level == "error"]:
        raise Refused(*(f"{finding.where}: {finding.message} [{finding.code}]" for finding in errors))
    return findings


def _freeze(
    study: Study, protocol: Protocol, seed: str, by: Person, approved_by: Person, *, version: int, **also: Any
) -> Registration:
    frozen = canonical(protocol)
    if canonical(from_canonical(frozen)) != frozen:
        raise Refused(
            "The document does not read back from its canonical form as it was; it cannot be frozen."
        )
    keep_to_budget(study, protocol)
    return Registration.objects.create(
        study=study,
        version=version,
        canonical=frozen.decode(),
        sha256=sha256(protocol),
        seed=seed,
        seed_commitment=commitment_of(seed),
        registered_by=_user(by),
        approved_by=_user(approved_by),
        **also,
    )


def _audit_registration(action: str, registration: Registration, by: Person, **also: Any) -> None:
    data = {
        "version": registration.version,
        "sha256": registration.sha256,
        "seed_commitment": registration.seed_commitment,
        "places": registration.study.places,
        "power_simulated": registration.power is not None,
        "approved_by": name_of(registration.approved_by) if registration.approved_by else "",
    }
    audit(registration.study, name_of(by), action, data | also)


@transaction.atomic
def amend(
    *, study: Study, protocol: Protocol, reason: str, by: Person, approved_by: Person = None
) -> Registration:
    """A new version of the registered document, with its reason and the computed difference.

    Sessions that have begun stay under their version. A larger sample adds places from the same seed. Raises
    Refused for a change of what the schedule rests on (arms, items, randomisation: register a new study), for
    a smaller sample, no reason, no change, the linter's errors or a missing second person; WrongState for a
    draft or a closed study.
    """
    study.refresh_from_db(from_queryset=Study.objects.select_for_update(no_key=True))
    if study.state not in (State.REGISTERED, State.COLLECTING, State.PAUSED):
        raise WrongState(
            f"'{study.slug}' is {study.state}: only a registered study that is not closed is amended."
        )
    before = current(study)
    old = protocol_of(before.pk)
    check_two_people(old, by, approved_by)
    check_amendment(old, protocol, reason)
    without_errors(protocol, powered=True)
    changes = difference(old, protocol)
    version = before.version + 1
    registration = _freeze(
        study,
        protocol,
        before.seed,
        by,
        approved_by,
        version=version,
        reason=reason.strip(),
        difference=changes,
    )
    Study.objects.filter(pk=study.pk).update(places=protocol.sample.target)
    study.refresh_from_db()
    insert(study, json.loads(registration.canonical), before.seed)
    _audit_registration("amended", registration, by, reason=reason.strip(), difference=changes)
    return registration


def open_study(*, study: Study, by: Person, reason: str = "") -> None:
    """Start collecting. Raises WrongState unless the study is registered."""
    _move(study, by, "opened", State.COLLECTING, [State.REGISTERED], opened_at=timezone.now(), reason=reason)


def pause(*, study: Study, by: Person, reason: str = "") -> None:
    """Let nobody new in. Raises WrongState unless the study is collecting."""
    _move(study, by, "paused", State.PAUSED, [State.COLLECTING], reason=reason)


def resume(*, study: Study, by: Person, reason: str = "") -> None:
    """Collect again. Raises WrongState unless the study is paused."""
    _move(study, by, "resumed", State.COLLECTING, [State.PAUSED], reason=reason)


@transaction.atomic
def close(*, study: Study, by: Person, reason: str = "") -> None:
    """End collection for good and seal the log over everybody's answers; the seed may be revealed. Raises WrongState
    unless the study is collecting or paused.
    """
    from study.session.sealing import seal  # sessions stand above registrations

    _move(
        study,
        by,
        "closed",
        State.CLOSED,
        [State.COLLECTING, State.PAUSED],
        closed_at=timezone.now(),
        reason=reason,
    )
    seal(study, by=name_of(by))


def archive(*, study: Study, by: Person, reason: str = "") -> None:
    """Put a closed study away. Raises WrongState unless it is closed."""
    _move(study, by, "archived", State.ARCHIVED, [State.CLOSED], reason=reason)


@transaction.atomic
def _move(
    study: Study,
    by: Person,
    action: str,
    to: Study.State,
    allowed: list[Study.State],
    *,
    reason: str = "",
    **also: datetime,
) -> None:
    study.refresh_from_db(from_queryset=Study.objects.select_for_update(no_key=True))
    before = study.state
    study.move(to, allowed=allowed, **also)
    data = {"from": before, "to": to} | ({"reason": reason} if reason else {})
    audit(study, name_of(by), action, data)
