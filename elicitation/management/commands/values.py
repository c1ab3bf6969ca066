"""`manage.py values merge|accept|reject|undo|split|list STUDY`: which cards of a study are one value."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation.models import MappingDecision, mapping_of
from elicitation.values import deciding, finding
from elicitation.values.models import MergeProposal, MergeState
from llm.errors import LLMError
from study.registration.errors import Refused
from study.registration.models import Study

DECISIONS = {"accept": MergeState.ACCEPTED, "reject": MergeState.REJECTED, "undo": MergeState.OPEN}


class Command(BaseCommand):
    help = "Has the model look for cards that say the same, one question a pair; records people's decisions about them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["merge", "split", "list", *DECISIONS])
        parser.add_argument("study", help="slug")
        parser.add_argument(
            "--threshold", type=float, default=finding.THRESHOLD, help="merge: cosine distance, 0 to 2"
        )
        parser.add_argument(
            "--accept",
            action="store_true",
            help="merge: accept everything the judge calls the same; without it a person decides",
        )
        parser.add_argument(
            "--cards",
            nargs="+",
            default=[],
            help="merge: make the values of these cards one by hand; split: take out",
        )
        parser.add_argument("--number", type=int, default=0, help="accept, reject, undo: the pair's number")
        parser.add_argument("--reason", default="", help="why")
        parser.add_argument("--by", default="command", help="who decides")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        action = options["action"]
        try:
            if action in DECISIONS:
                self.decide(study, DECISIONS[action], options)
            else:
                getattr(self, action)(study, options)
        except (LLMError, Refused, ValueError) as error:
            raise CommandError(str(error)) from error

    def merge(self, study: Study, options: dict[str, Any]) -> None:
        by = options["by"]
        if options["cards"]:
            made = deciding.join(study=study, cards=options["cards"], by=by, reason=options["reason"])
            self.stdout.write(f"Merged by hand, as pair {', '.join(str(number) for number in made)}.")
            return
        done = finding.find(study=study, by=by, threshold=options["threshold"])
        self.stdout.write(
            f"{done.values} values, {done.after} if all is accepted; {done.candidates} candidate pairs, {done.checks} "
            f"checks, {done.undecided} without an answer; {done.proposed} proposed, {done.apart} kept apart."
        )
        if options["accept"]:
            accepted, left = deciding.accept_all(study=study, by=by)
            self.stdout.write(f"{accepted} accepted, {len(mapping_of(study.pk).members())} values.")
            for number, why in left.items():
                self.stdout.write(f"Pair {number} was left: {why}")
        elif done.open:
            self.stdout.write(f"{done.open} to review in the panel, or by `values accept --number N`.")

    def decide(self, study: Study, state: MergeState, options: dict[str, Any]) -> None:
        made = deciding.decide(
            study=study, number=options["number"], state=state, by=options["by"], reason=options["reason"]
        )
        self.stdout.write(f"Pair {options['number']} is {MergeState(made.state).label}.")

    def split(self, study: Study, options: dict[str, Any]) -> None:
        made = deciding.split(study=study, cards=options["cards"], reason=options["reason"], by=options["by"])
        self.stdout.write(f"Decision {made.number}: {', '.join(made.cards)} taken out.")

    def list(self, study: Study, options: dict[str, Any]) -> None:
        for pair in MergeProposal.objects.filter(study=study).with_state().order_by("number"):
            far = "" if pair.distance is None else f"  {pair.distance:.3f}"
            why = f"  {pair.reason}" if pair.reason else ""
            self.stdout.write(f"pair {pair.number}  {pair.state}  {pair.first} = {pair.second}{far}{why}")
        for one in MappingDecision.objects.filter(study=study):
            self.stdout.write(f"{one.number}  {one.kind}  {', '.join(one.cards)}  {one.reason}  ({one.by})")
        self.stdout.write(f"version {mapping_of(study.pk).version}")
