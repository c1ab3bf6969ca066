"""From subjects to drafted cases: the model drafts, every case is checked in code and by the model, and kept.

Every question is one call with a key of its own, so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from elicitation.asking import ask
from elicitation.case_drafts import prompts
from elicitation.case_drafts.models import CaseDraft, CaseDraftDecision
from elicitation.case_drafts.words import CaseWords, Unusable, problems_of, read
from elicitation.stages.configs import ValuesCardStage
from elicitation.upgrades.contexts import contexts_of
from elicitation.upgrades.models import State
from llm.errors import LLMError
from llm.prompts import Prompt, Reply
from study.protocol import Protocol, from_canonical
from study.registration.audit import audit
from study.registration.errors import Refused, WrongState
from study.registration.models import Study

SUBJECTS, EACH = 10, 5  # at most, of one run
LONGEST = 300  # characters of a subject
CHECK_NAME = "case check"
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Drafting:
    """What a run did: subjects asked about, cases open for review, refused by a check; `problems` says for each
    subject without a usable answer what happened. Such a subject is asked about again by the next run."""

    subjects: int = 0
    open: int = 0
    refused: int = 0
    problems: tuple[str, ...] = ()


def subjects_of(text: str) -> list[str]:
    """The subjects in a form's lines. Raises Refused for none, too many, or one that is too long."""
    found = list(dict.fromkeys(" ".join(line.split()) for line in text.replace("\x00", "").splitlines()))
    subjects = [one for one in found if one]
    if not subjects or len(subjects) > SUBJECTS:
        raise Refused(f"Write 1 to {SUBJECTS} subjects, one a line: these are {len(subjects)}.")
    if long := [one for one in subjects if len(one) > LONGEST]:
        raise Refused(f"A subject has at most {LONGEST} characters: “{long[0][:60]} …” has {len(long[0])}.")
    return subjects


def drafted_protocol(study: Study) -> Protocol:
    """The document that is worked on. Raises WrongState once it is registered, Refused without a values-card stage."""
    if study.state != Study.State.DRAFT:
        raise WrongState(
            f"'{study.slug}' is {study.state}: cases are drafted and approved before registration."
        )
    protocol = from_canonical(study.draft)
    if not any(isinstance(stage, ValuesCardStage) for stage in protocol.flow):
        raise Refused("The document has no values-card stage: a case would have no place in it.")
    return protocol


def cases_of(protocol: Protocol) -> list[CaseWords]:
    """The cases that the document has."""
    say = protocol.say
    stages = [stage for stage in protocol.flow if isinstance(stage, ValuesCardStage)]
    return [
        CaseWords(say(one.title), say(one.question), tuple(one.contexts or ()), say(one.about))
        for stage in stages
        for one in stage.cases
    ]


def draft(
    *, study: Study, subjects: Sequence[str], each: int, told: Told = lambda done, total: None
) -> Drafting:
    """Draft `each` cases on every subject; told(subjects done, all) after each.

    Never inside a transaction. Raises WrongState once registered and Refused for a number that cannot be; a subject
    whose answers do not come or cannot be used leaves nothing behind but its problem.
    """
    protocol = drafted_protocol(study)
    if not 1 <= each <= EACH:
        raise Refused(f"1 to {EACH} cases are drafted on a subject.")
    done = Drafting()
    for number, subject in enumerate(subjects, start=1):
        try:
            made = _keep(study, _drafted(study, protocol, subject, each))
            opened = sum(decision.state == State.OPEN for decision in made)
            done = replace(done, open=done.open + opened, refused=done.refused + len(made) - opened)
        except (LLMError, Unusable) as error:
            done = replace(done, problems=(*done.problems, f"{subject}: {_said(error)}"))
        done = replace(done, subjects=done.subjects + 1)
        told(number, len(subjects))
    return done


def _said(error: Exception) -> str:
    return f"no answer ({error.kind}): {error.detail}"[:300] if isinstance(error, LLMError) else str(error)


@dataclass
class _Asked:
    """The questions about one subject: their keys, and the calls that answered."""

    study: Study
    key: str

    def __call__(self, prompt: Prompt, what: str) -> Reply:
        return ask(prompt, key=f"{self.key}:{what}:{prompts.VERSION}", study=self.study.pk)


def _drafted(study: Study, protocol: Protocol, subject: str, each: int) -> list[tuple[CaseDraft, list[str]]]:
    """The cases on a subject with what speaks against each. Raises LLMError, and Unusable where nothing can be read."""
    before = CaseDraft.objects.filter(study=study, subject=subject).count()
    about = hashlib.sha256(repr((subject, each, before)).encode()).hexdigest()[:24]
    asked = _Asked(study, f"cases:{study.pk}:{about}")
    held = cases_of(protocol)
    known = [text for case in held for text in (case.title, case.question)]
    known += [
        text
        for pair in CaseDraft.objects.filter(study=study).values_list("title", "question")
        for text in pair
    ]
    prompt = prompts.draft(
        subject, each, language=protocol.languages[0], contexts=list(contexts_of(protocol)), cases=known[::2],
        seed=before + 1,
    )  # fmt: skip
    reply = asked(prompt, "draft")
    made = []
    for place, said in enumerate(prompts.read_cases(reply.data)[:each], start=1):
        case = read(said)
        problems, calls, rehearsal = problems_of(case, known=known), [reply.call_id], reply.rehearsal
        answers: dict[str, bool] = {}
        if not problems:  # the model judges nothing whose form is wrong already
            checked = asked(prompts.check(subject, case), f"check-{place}")
            answers, reason = prompts.read_check(checked.data)
            failed = [name for name, held_up in answers.items() if not held_up]
            problems = [f"Not {', '.join(failed)}: {reason}".strip(": ")] if failed else []
            calls, rehearsal = [*calls, checked.call_id], rehearsal or checked.rehearsal
        known += [case.title, case.question]
        made.append((_row(study, subject, case, answers, calls, rehearsal), problems))
    return made


def _row(
    study: Study, subject: str, case: CaseWords, answers: dict[str, bool], calls: list[str], rehearsal: bool
) -> CaseDraft:
    words = case.as_json() | {
        "title": case.title[:500],
        "about": case.about[:2000],
        "question": case.question[:4000],
    }
    words["contexts"] = [context[:500] for context in case.contexts[:20]]
    return CaseDraft(study=study, subject=subject, checks=answers, calls=calls, rehearsal=rehearsal, **words)


@transaction.atomic
def _keep(study: Study, made: list[tuple[CaseDraft, list[str]]]) -> list[CaseDraftDecision]:
    """Store the drafts of a subject with the checks' decisions, numbered after those that are there."""
    Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
    before, decisions = CaseDraft.objects.filter(study=study).count(), []
    for number, (row, problems) in enumerate(made, start=before + 1):
        row.number = number
        row.save(force_insert=True)
        state = State.REFUSED if problems else State.OPEN
        decisions.append(
            CaseDraftDecision.objects.create(
                draft=row, number=1, state=state, reason=" ".join(problems)[:2000], by=CHECK_NAME
            )
        )
    numbers = {"numbers": [row.number for row, _problems in made]}
    audit(study, CHECK_NAME, "drafted cases", {"subject": made[0][0].subject, **numbers})
    return decisions
