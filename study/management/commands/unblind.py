"""`manage.py unblind STUDY --reason …`: open outcomes before the study is closed, on the record."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from study.analyses.blinding import unblind
from study.registration.errors import Refused
from study.registration.models import Study


class Command(BaseCommand):
    help = "Record an unblinding: outcomes by arm may be seen before the study is closed, and the report will say so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("--reason", required=True, help="why; it stands in the report")
        parser.add_argument("--by", default="", help="user name of whoever asks")
        parser.add_argument(
            "--approved-by", default="", help="user name of the second person, where the protocol needs one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        by, second = (self.person(options[name]) for name in ("by", "approved_by"))
        try:
            unblind(study=study, reason=options["reason"], by=by, approved_by=second)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Recorded. '{study.slug}' may be analysed before it is closed.")

    def person(self, name: str) -> Any:
        if not name:
            return None
        found = get_user_model().objects.filter(username=name).first()
        if found is None:
            raise CommandError(f"There is no user '{name}'.")
        return found
