"""`manage.py phrasings STUDY`: draft every answer and phrasing that is missing, and wait for the model."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from llm.models import Call
from study.management.lookups import person, study_of
from study.phrasing.drafting import ask
from study.phrasing.models import Draft
from study.phrasing.prompts import PURPOSE
from study.phrasing.working import calls_of, work_off
from study.registration.errors import Refused
from study.registration.models import Study


class Command(BaseCommand):
    help = "Draft answers and phrasings for a draft study with the model, check them, and say what is to be reviewed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a draft study")
        parser.add_argument("--items", nargs="+", help="only these items (default: all)")
        parser.add_argument("--by", default="", help="user name for the log")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_of(options["study"])
        try:
            asked = ask(study=study, by=person(options["by"]), items=options["items"])
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        ended, total = calls_of(study)
        with tqdm(desc="Model calls", unit=" calls", disable=options["verbosity"] == 0) as bar:

            def told(done: int, known: int) -> None:
                bar.total, bar.n = known - ended, done - ended
                bar.refresh()

            told(ended, total)
            work_off(study, told=told)
        self.report(study, asked)

    def report(self, study: Study, asked: int) -> None:
        if not asked:
            self.stdout.write("Nothing was missing.")
        drafts = Draft.objects.filter(wording__study=study).newest()
        counts = Counter(str(state) for state in drafts.values_list("state", flat=True))
        said = ", ".join(
            f"{count} {'to be reviewed' if state == 'open' else state}" for state, count in counts.items()
        )
        self.stdout.write(f"Texts: {said or 'none'}. Review them in the panel, under Texts.")
        for draft in drafts.filter(state=Draft.State.REFUSED).select_related("wording"):
            self.stdout.write(f"  refused: {draft.wording}: {draft.reason}")
        failed = Call.objects.of_study(study.pk).filter(
            purpose__startswith=PURPOSE, state=Call.State.FAILED, repairs=None
        )
        if count := failed.count():
            first = failed.order_by("-created_at")[0]
            self.stderr.write(
                f"{count} calls failed, the last with {first.error}: {first.error_kind}. Run it again."
            )
        if Call.objects.of_study(study.pk).filter(purpose__startswith=PURPOSE, rehearsal=True).exists():
            self.stdout.write(
                "Some of it is a rehearsal: no language model was asked. See the calls' records."
            )
