"""Run a study's registered plan and keep what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils import timezone

from analysis.plan.columns import may_name
from analysis.plan.results import Results
from analysis.plan.runner import run
from study.analyses import blinding
from study.analyses.deviations import Evidence, deviations
from study.analyses.models import AnalysisRun
from study.analyses.report import StudyReport, render
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.tables.consort import flow
from study.tables.progress import Progress, quiet
from study.tables.tidy import Tables, tidy

Step = Callable[[str], None]
BESIDE_MODELS = 6
"""Steps of a run beside its models: tables, exclusions, measures, at most two other samples, the report."""


@dataclass(frozen=True)
class Analysed:
    """A finished run with what it was made from."""

    run: AnalysisRun
    results: Results
    tables: Tables


def analyse(
    *, study: Study, by: Any = None, step: Step = lambda text: None, progress: Progress = quiet
) -> Analysed:
    """Run the latest registered plan on the study's tables, write the report, and keep both.

    The run is confirmatory when the study is closed; before that it needs a recorded unblinding and is stamped
    exploratory. Raises Blinded, or WrongState for a draft. Model fits happen outside any transaction; a run that
    fails is kept with its reason, and the error is raised.
    """
    blinding.require_sight(study)
    registration = current(study)
    run_row = AnalysisRun.objects.create(
        study=study, registration=registration, by=by, confirmatory=study.state in blinding.OVER
    )
    try:
        return _filled(run_row, study, _told(run_row, step), progress)
    except Exception as error:
        AnalysisRun.objects.filter(pk=run_row.pk).update(
            state=AnalysisRun.State.FAILED,
            problem=f"{type(error).__name__}: {error}",
            finished_at=timezone.now(),
        )
        raise


def _told(run_row: AnalysisRun, step: Step) -> Step:
    """Writes each step to the run's row, so that a page can show it, and passes it on."""
    models = len(protocol_of(run_row.registration_id).plan.models)
    done = 0

    def tell(text: str) -> None:
        nonlocal done
        done += 1
        AnalysisRun.objects.filter(pk=run_row.pk).update(
            step=text[:200], steps_done=done, steps_total=models + BESIDE_MODELS, active_at=timezone.now()
        )
        step(text)

    return tell


def _filled(run_row: AnalysisRun, study: Study, step: Step, progress: Progress) -> Analysed:
    protocol = protocol_of(run_row.registration_id)
    step("tables")
    named = partial(may_name, protocol.plan)
    tables = tidy(study, with_responses=False, with_events=False, of_trials=named, progress=progress)
    results = run(protocol.plan, tables.as_dict(), progress=step)
    counts = flow(tables.participants, results.sample)
    registrations = list(
        study.registrations.order_by("version").select_related("registered_by", "approved_by")
    )
    found = deviations(Evidence(study, registrations, protocol, tables, counts, results))
    step("report")
    run_row.results = results.model_dump(mode="json")
    run_row.flow = counts.as_dict()
    run_row.deviations = [d.as_dict() for d in found]
    run_row.state, run_row.finished_at = AnalysisRun.State.DONE, timezone.now()
    run_row.html = render(
        StudyReport(study, registrations, protocol, results, counts, found, run_row, tables)
    )
    run_row.save()
    audit(
        study,
        name_of(run_row.by),
        "analysed",
        {"plan_sha256": results.plan_sha256, "confirmatory": run_row.confirmatory},
    )
    return Analysed(run_row, results, tables)
