"""`manage.py study VERB …`: load, list, show, open, pause, resume, close, archive, amend, verify."""

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
    help = "Everything that happens to a study, from its document to the archive."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        self.add_load(verbs.add_parser("load", help="a draft from a protocol file"))
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

    def add_load(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--mode", choices=Study.Mode.values, default=Study.Mode.REAL)
        parser.add_argument("--slug", help="in links (default: the protocol's id)")
        parser.add_argument("--by", default="", help="user name of the owner")

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

    def load(self, options: dict[str, Any]) -> None:
        owner = person(options["by"])
        study = actions.load(options["file"], mode=options["mode"], owner=owner, slug=options["slug"])
        self.stdout.write(
            f"Loaded '{study.slug}' ({study.mode}). Register it: manage.py register {study.slug}"
        )

    def list(self, options: dict[str, Any]) -> None:
        taken = {state: Count("slots", filter=Q(slots__state=state)) for state in ("held", "done")}
        studies = Study.objects.defer("draft", "source_text").annotate(**taken)
        for study in studies:
            counts = f"{study.done} done, {study.held} under way, of {study.places}"
            self.stdout.write(f"{study.slug:<36} {study.mode:<10} {study.state:<11} {counts}")
        if not studies:
            self.stdout.write("No studies yet. Load one: manage.py study load FILE")

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
