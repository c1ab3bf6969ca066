"""`manage.py values merge|split|list STUDY`: which cards of a study are one value."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation.models import MappingDecision, mapping_of
from elicitation.values import merging
from llm.errors import LLMError
from study.registration.models import Study


class Command(BaseCommand):
    help = "Merges cards that say the same (asks the model once a candidate pair), splits them again, lists decisions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["merge", "split", "list"])
        parser.add_argument("study", help="slug")
        parser.add_argument(
            "--threshold", type=float, default=merging.THRESHOLD, help="merge: cosine distance, 0 to 2"
        )
        parser.add_argument("--cards", nargs="+", default=[], help="split: codes of the cards to take out")
        parser.add_argument("--reason", default="", help="split: why")
        parser.add_argument("--by", default="command", help="who decides")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        try:
            getattr(self, options["action"])(study, options)
        except (LLMError, ValueError) as error:
            raise CommandError(str(error)) from error

    def merge(self, study: Study, options: dict[str, Any]) -> None:
        done = merging.merge(study=study, by=options["by"], threshold=options["threshold"])
        self.stdout.write(
            f"{done.cards} values before, {done.values} after; {done.candidates} candidate pairs, "
            f"{done.checks} checks, {done.undecided} without an answer; {done.decisions} decisions added."
        )

    def split(self, study: Study, options: dict[str, Any]) -> None:
        made = merging.split(study=study, cards=options["cards"], reason=options["reason"], by=options["by"])
        self.stdout.write(f"Decision {made.number}: {', '.join(made.cards)} taken out.")

    def list(self, study: Study, options: dict[str, Any]) -> None:
        for one in MappingDecision.objects.filter(study=study):
            self.stdout.write(f"{one.number}  {one.kind}  {', '.join(one.cards)}  {one.reason}  ({one.by})")
        self.stdout.write(f"version {mapping_of(study.pk).version}")
