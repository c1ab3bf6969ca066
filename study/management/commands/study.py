"""`manage.py study list|open|pause|resume|close|archive|amend|verify`: what happens to a study."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Q

from study.assignment.schedule import ScheduleError
from study.assignment.slots import rederive
from study.management.lookups import person, study_of
from study.protocol import ProtocolError, read
from study.registration import actions
from study.registration.audit import verify_audit
from study.registration.errors import Refused
from study.registration.models import Study

MOVES = {
    "open": "start collecting",
    "pause": "let nobody new in",
    "resume": "collect again",
    "close": "end collection for good",
    "archive": "put a closed study away",
}


class Command(BaseCommand):
    help = "What happens to a study: open, pause, resume, close, archive, amend; list all, verify one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        verbs.add_parser("list", help="all studies with their counts")
        for name, help_ in MOVES.items():
            move = self.with_people(verbs.add_parser(name, help=help_))
            move.add_argument("--reason", default="", help="kept in the log")
        amend = self.with_people(verbs.add_parser("amend", help="a new version of a registered document"))
        amend.add_argument("file", type=Path, help="the changed protocol")
        amend.add_argument("--reason", required=True, help="why; it stands in the report")
        amend.add_argument(
            "--approved-by", default="", help="user name of the second person, where the protocol asks"
        )
        verify = verbs.add_parser("verify", help="check the log's chain, and the schedule against the seed")
        verify.add_argument("study")

    def with_people(self, parser: ArgumentParser) -> ArgumentParser:
        parser.add_argument("study", help="slug")
        parser.add_argument("--by", default="", help="user name of whoever does it")
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        verb: Callable[[dict[str, Any]], None] = getattr(self, options["verb"], self.move)
        try:
            verb(options)
        except (Refused, ProtocolError, ScheduleError) as refusal:
            raise CommandError(str(refusal)) from None

    def list(self, options: dict[str, Any]) -> None:
        taken = {state: Count("slots", filter=Q(slots__state=state)) for state in ("held", "done")}
        studies: Any = Study.objects.defer("draft", "source_text").annotate(**taken)
        for study in studies:
            counts = f"{study.done} done, {study.held} under way, of {study.places}"
            self.stdout.write(f"{study.slug:<36} {study.mode:<10} {study.state:<11} {counts}")
        if not studies:
            self.stdout.write("No studies yet. Load one: manage.py protocol load FILE")

    def move(self, options: dict[str, Any]) -> None:
        verb, study = options["verb"], study_of(options["study"])
        name = "open_study" if verb == "open" else verb
        getattr(actions, name)(study=study, by=person(options["by"]), reason=options["reason"])
        self.stdout.write(f"'{study.slug}' is {study.state}.")

    def amend(self, options: dict[str, Any]) -> None:
        study = study_of(options["study"])
        registration = actions.amend(
            study=study,
            protocol=read(options["file"]),
            reason=options["reason"],
            by=person(options["by"]),
            approved_by=person(options["approved_by"]),
        )
        for change in registration.difference:
            self.stdout.write(f"  {change['kind']:<8} {change['path']}")
        self.stdout.write(
            f"'{study.slug}' is now at version {registration.version}, sha256 {registration.sha256}"
        )

    def verify(self, options: dict[str, Any]) -> None:
        study = study_of(options["study"])
        problems = verify_audit(study) + rederive(study)
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"'{study.slug}': the log is whole, and the schedule is what the seed gives.")
