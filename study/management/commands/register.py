"""`manage.py register STUDY`: check the draft, simulate its power, freeze it and draw the schedule."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from study.management.lookups import person, study_of
from study.protocol import from_canonical, lint
from study.registration import actions
from study.registration.errors import Refused
from study.registration.models import Registration, Study
from study.registration.power import CURVE, simulate


class Command(BaseCommand):
    help = (
        "Register a draft study: lint it, simulate its power, freeze it, commit to a seed, draw the schedule."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a draft; load one with manage.py protocol load FILE")
        parser.add_argument("--seed", help="64 hexadecimal digits (default: drawn by the operating system)")
        parser.add_argument(
            "--power-runs", type=int, default=200, help="simulated studies per model, from 20; 0: none"
        )
        parser.add_argument(
            "--power-curve",
            action="store_true",
            help="simulate samples of half to one and a half times the target as well (five times as long)",
        )
        parser.add_argument("--by", default="", help="user name of whoever registers")
        parser.add_argument(
            "--approved-by", default="", help="user name of the second person, where the protocol asks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_of(options["study"])
        by, second = person(options["by"]), person(options["approved_by"])
        try:
            if 0 < options["power_runs"] < 20:
                raise Refused("At least 20 simulated studies say something about power; 0 leaves it out.")
            actions.refuse_unless_registrable(study, by=by, approved_by=second, seed=options["seed"])
            shares = CURVE if options["power_curve"] else ()
            power = self.power(study, options["power_runs"], shares, quiet=options["verbosity"] == 0)
            registration = actions.register(
                study=study, by=by, seed=options["seed"], approved_by=second, power=power
            )
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.tell(study, registration)

    def power(
        self, study: Study, runs: int, shares: tuple[float, ...], *, quiet: bool
    ) -> dict[str, Any] | None:
        """The plan's simulated power with a progress bar; None for 0 runs or a plan without hypotheses."""
        protocol = from_canonical(study.draft)
        if runs <= 0 or not protocol.plan.hypotheses:
            return None
        with tqdm(unit=" simulated studies", desc="Power", disable=quiet) as bar:
            return simulate(
                protocol, runs=runs, progress=lambda done, total: shown(bar, done, total), shares=shares
            )

    def tell(self, study: Study, registration: Registration) -> None:
        protocol = from_canonical(study.draft)
        for finding in lint(protocol, powered=registration.power is not None):
            self.stdout.write(str(finding))
        for line in power_lines(registration.power, protocol.sample.power_target):
            self.stdout.write(line)
        self.stdout.write(f"Registered '{study.slug}' ({study.mode}) with {study.places} places.")
        self.stdout.write(f"  sha256           {registration.sha256}")
        self.stdout.write(f"  seed commitment  {registration.seed_commitment}")
        self.stdout.write(f"Publish both, then open the study: manage.py study open {study.slug}")


def shown(bar: "tqdm[Any]", done: int, total: int) -> None:
    """Move the bar to `done` of `total`."""
    bar.total, bar.n = total, done
    bar.refresh()


def power_lines(power: dict[str, Any] | None, target: float) -> list[str]:
    """One line a hypothesis: its simulated power, with the Monte Carlo interval, and whether it meets the target."""
    if not power:
        return []
    lines = [f"Power over {power['runs']} simulated studies of {power['participants']} participants:"]
    for name, found in power["hypotheses"].items():
        enough = "" if found["power"] >= target else f"  below the target of {target:.2f}"
        lines.append(f"  {name:<20} {found['power']:.2f} [{found['low']:.2f}, {found['high']:.2f}]{enough}")
    lines += [f"  {name:<20} not simulated: {reason}" for name, reason in power["left_out"].items()]
    return lines + [f"  {note}" for note in power["notes"]]
