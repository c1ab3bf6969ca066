"""`manage.py votes STUDY`: the votes of a closed study as CSV, for `manage.py graph` and for other tools."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation.votes.table import to_csv, votes_of
from study.analyses.blinding import Blinded, require_sight
from study.registration.models import Study


class Command(BaseCommand):
    help = (
        "Writes a closed study's votes as CSV: participant, from_value, to_value, context, verdict and more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a closed study")
        parser.add_argument("--output", type=Path, help="file to write; without it the votes are printed")
        parser.add_argument(
            "--group", default="", metavar="QUESTION", help="a question whose answer becomes `group`"
        )
        parser.add_argument(
            "--mapping", type=int, help="version of the mapping of values; default: the latest"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = votes_in(options["study"], group=options["group"], version=options["mapping"])
        text = to_csv(found.votes)
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        try:
            options["output"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from error
        self.stdout.write(
            f"{len(found.votes)} votes, mapping version {found.version}: {options['output']}"
            f" ({found.merged} within one value and {found.repeated} repeated ones left out)"
        )


def votes_in(slug: str, *, group: str = "", version: int | None = None) -> Any:
    """The votes of the study of that slug. Raises CommandError with what to do."""
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        raise CommandError(f"There is no study and no file '{slug}'.")
    try:
        require_sight(study)
        return votes_of(study, group=group, version=version)
    except (Blinded, ValueError) as error:
        raise CommandError(str(error)) from error
