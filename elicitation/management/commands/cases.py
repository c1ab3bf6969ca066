"""`manage.py cases import FILE` and `manage.py cases draft STUDY`: cases from a CSV file, or drafted by the model."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation import cases


class Command(BaseCommand):
    help = (
        "Import: reads cases from a CSV file (question and, if there are, id and title; or DailyDilemmas' columns) and "
        "writes them as they stand in a protocol's values-card stage. Draft: has the model draft cases for an "
        "unregistered study, to be reviewed in the panel."
    )

    requires_system_checks = []  # import needs no database and no services

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["import", "draft"])
        parser.add_argument("name", help="import: the CSV file; draft: slug of a study")
        parser.add_argument("--ids", nargs="+", default=[], help="import: only these cases, in this order")
        parser.add_argument(
            "--limit", type=int, default=20, help="import: at most so many (a stage holds 20)"
        )
        parser.add_argument(
            "--output", type=Path, help="import: file to write; without it the cases are printed"
        )
        parser.add_argument(
            "--subject", action="append", default=[], help="draft: a sentence; may be repeated"
        )
        parser.add_argument("--each", type=int, default=2, help="draft: cases on each subject")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "draft":
            self.draft(options)
        else:
            self.read(Path(options["name"]), options)

    def read(self, file: Path, options: dict[str, Any]) -> None:
        try:
            found = cases.read(file)
            text = cases.as_yaml(_some(found, options["ids"], options["limit"]))
            if options["output"] is None:
                self.stdout.write(text, ending="")
                return
            options["output"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        except cases.CaseError as error:
            raise CommandError(f"{file}: {error}") from error
        self.stdout.write(f"{options['output']}: {text.count('- id: ')} of {len(found)} cases")

    def draft(self, options: dict[str, Any]) -> None:
        from elicitation.case_drafts.drafting import draft, subjects_of
        from study.registration.errors import Refused, WrongState
        from study.registration.models import Study

        study = Study.objects.filter(slug=options["name"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['name']}'.")
        try:
            done = draft(
                study=study, subjects=subjects_of("\n".join(options["subject"])), each=options["each"]
            )
        except (Refused, WrongState) as refusal:
            raise CommandError(str(refusal)) from refusal
        for problem in done.problems:
            self.stderr.write(problem)
        self.stdout.write(
            f"{done.subjects} subjects: {done.open} cases to review in the panel, {done.refused} refused by the check, "
            f"{len(done.problems)} subjects without a usable answer."
        )


def _some(found: list[dict[str, str]], ids: list[str], limit: int) -> list[dict[str, str]]:
    known = {case["id"]: case for case in found}
    missing = [name for name in ids if name not in known]
    if missing:
        raise CommandError(
            f"There is no case {', '.join(missing)}; the first are {', '.join(list(known)[:5])}."
        )
    return [known[name] for name in ids] if ids else found[: max(limit, 0)]
