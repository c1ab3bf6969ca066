"""`manage.py export STUDY DIR`: tidy tables as CSV and Parquet with their codebook."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from study.analyses.blinding import Blinded, require_sight
from study.registration.models import Study
from study.tables.export import write
from study.tables.progress import bar, quiet
from study.tables.tidy import tidy


class Command(BaseCommand):
    help = "Write a study's tidy tables (CSV and Parquet), codebook and CONSORT counts to a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a closed study")
        parser.add_argument("folder", type=Path, help="folder to write to; made if it does not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        try:
            require_sight(study)
        except Blinded as refusal:
            raise CommandError(str(refusal)) from None
        tables = tidy(study, progress=quiet if options["verbosity"] == 0 else bar)
        for path in write(tables, options["folder"]):
            self.stdout.write(str(path))
