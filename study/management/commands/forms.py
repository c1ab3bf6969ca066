"""`manage.py forms STUDY [DIR]`: the registration as AsPredicted and OSF forms, and a draft of the methods."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from study.analyses.blinding import OVER
from study.analyses.models import AnalysisRun
from study.evidence import forms
from study.management.lookups import study_of
from study.session.walks import protocol_of_study


class Command(BaseCommand):
    help = (
        "Fill the forms of AsPredicted and OSF from the protocol (JSON, Markdown, HTML), from the draft on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a study")
        parser.add_argument(
            "folder", nargs="?", type=Path, default=Path("forms"), help="where to (default: forms)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_of(options["study"])
        registered = list(study.registrations.order_by("version"))
        runs = AnalysisRun.objects.filter(study=study, state=AnalysisRun.State.DONE, confirmatory=True)
        run = runs.order_by("-started_at", "-id").first() if study.state in OVER else None
        for path in forms.write(study, registered, protocol_of_study(study), options["folder"], run):
            self.stdout.write(str(path))
