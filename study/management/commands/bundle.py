"""`manage.py bundle STUDY [DIR]`: a closed study as a folder and a zip; `manage.py bundle --check PATH` checks one."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from study.evidence import bundle, checking
from study.management.lookups import person, study_of
from study.registration.errors import Refused
from study.tables.progress import bar, quiet


class Command(BaseCommand):
    help = (
        "Write a closed study's bundle: registration, seed, schedule, log, data, report, notebooks, verifier."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", nargs="?", default="", help="slug of a closed study")
        parser.add_argument("folder", nargs="?", type=Path, help="where to (default: bundles/STUDY)")
        parser.add_argument(
            "--no-notebooks", action="store_true", help="leave the notebooks unexecuted (quicker)"
        )
        parser.add_argument(
            "--check",
            type=Path,
            metavar="PATH",
            help="check a bundle (folder or zip) instead: the verifier, and the outside validators installed here",
        )
        parser.add_argument("--by", default="", help="user name that the log's entries carry")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self.check_bundle(options["check"])
            return
        study = study_of(options["study"])
        loud = options["verbosity"] > 0
        try:
            made = bundle.write(
                study=study,
                folder=options["folder"] or bundle.default_folder(study),
                by=person(options["by"]),
                execute=not options["no_notebooks"],
                progress=bar if loud else quiet,
                step=self.stdout.write if loud else lambda text: None,
            )
        except (Refused, FileExistsError) as refusal:
            raise CommandError(str(refusal)) from None
        self.tell(made)

    def check_bundle(self, path: Path) -> None:
        """One line a program, and what each names. Raises CommandError when anything is named."""
        wrong = 0
        try:
            for one in checking.checks(path):
                wrong += len(one.problems)
                word = "ok   " if one.passed else "FAIL " if one.problems else "-    "
                said = one.missing or (f"{len(one.problems)} problems" if one.problems else "nothing found")
                self.stdout.write(f"{word} {one.program}: {said}")
                for problem in one.problems[: checking.SHOWN]:
                    self.stdout.write(f"      {problem}")
                for note in one.notes:
                    self.stdout.write(f"      note: {note}")
        except FileNotFoundError as error:
            raise CommandError(str(error)) from None
        if wrong:
            raise CommandError(f"{path}: {wrong} problems.")

    def tell(self, made: bundle.Bundle) -> None:
        self.stdout.write(f"{made.folder} and {made.archive.name}: {made.files} files.")
        self.stdout.write(f"Manifest  sha256 {made.manifest_sha256}")
        self.stdout.write(f"Log's last link  {made.head}\nPublish these two where you cannot change them.")
        if made.small_cells:
            self.stdout.write(
                f"Warning: fewer than five people gave these answers: {'; '.join(made.small_cells)}"
            )
        if made.free_texts:
            self.stdout.write(f"Warning: read the free texts before publishing: {', '.join(made.free_texts)}")
        self.stdout.write(f"Check it: manage.py bundle --check {made.folder}")
        self.stdout.write(f"Anybody:  python {made.folder}/verify.py {made.folder}")
