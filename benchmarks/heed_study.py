"""In a fresh database: the reference study, registered and collecting, with places enough for every run.

Prints the study's slug and the right answers of its comprehension check as `name=value`.
"""

from __future__ import annotations

import os

import django

PLACES = 2_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command  # after django.setup

    from study.protocol import read, shipped
    from study.registration import actions
    from study.registration.models import Study
    from study.stages.configs import ComprehensionStage

    call_command("migrate", verbosity=0)
    protocol = read(shipped()["uncertainty-reliance"])
    protocol = protocol.model_copy(update={"sample": protocol.sample.model_copy(update={"target": PLACES})})
    study = actions.load(protocol, mode=Study.Mode.PILOT)
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    checks = [stage for stage in protocol.flow if isinstance(stage, ComprehensionStage)]
    right = [f"{s.id}={str(s.truth).lower()}" for stage in checks for s in stage.statements]
    print(study.slug, *right)


if __name__ == "__main__":
    main()
