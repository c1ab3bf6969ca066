"""The whole line in one command: protocol, registration, a cohort of simulated participants, analysis, report.

Every run is a rehearsal study of its own, so that what is shown was measured just now, on this machine.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management import call_command

from config.embedded.layout import kept_secret
from config.supervisor import Supervisor, bind
from study.protocol import lint, read, sha256, shipped
from study.protocol.types import Protocol
from study.registration import actions
from study.registration.known_power import known_power
from study.registration.models import Study
from study.session.links import preview_path

USER = "demo"
MAIN = "uncertainty-reliance"  # the shipped protocol that the cohort walks through
PASSWORD = settings.STATE_DIR / "demo.password"


@dataclass(frozen=True)
class Demo:
    """One run of the demonstration, under a supervisor that holds its state folder."""

    supervisor: Supervisor
    say: Callable[[str], None]
    participants: int
    processes: int
    host: str
    port: int

    def run(self) -> str:
        """Bring everything up and walk the study through; returns the text that says where to look."""
        with bind(self.host, self.port) as listener:
            port = listener.getsockname()[1]
            if port != self.port:
                self.say(f"Port {self.port} is taken; using {port}.")
            base = f"http://{self.host}:{port}"
            self.bring_up(listener)
        study = self.register_study()
        call_command("rehearse", study.slug, participants=self.participants, url=base)
        actions.close(study=study, by=demo_user(), reason="the demonstration's cohort is complete")
        self.say("The study is closed. Running the registered analysis.")
        call_command("analyse", study.slug)
        return places(base, study)

    def bring_up(self, listener: socket.socket) -> None:
        self.supervisor.start_services()
        self.say("PostgreSQL and Valkey are running.")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        self.say("Database and static files are ready.")
        self.supervisor.start_model()
        self.supervisor.start_worker()
        self.supervisor.start_web(listener, self.processes)
        self.say("Web server, worker and rehearsal model are running.")

    def register_study(self) -> Study:
        """Load every shipped protocol; check, register and open the main one."""
        user = demo_user()
        for name, path in shipped().items():
            if name != MAIN:
                draft = actions.load(path, mode=Study.Mode.REHEARSAL, owner=user)
                self.say(f"Loaded {draft.slug} as a draft.")
        protocol = read(shipped()[MAIN])
        study = actions.load(protocol, mode=Study.Mode.REHEARSAL, owner=user)
        warnings = [finding for finding in lint(protocol) if finding.level != "note"]
        registration = actions.register(study=study, by=user, power=known_power(protocol))
        actions.open_study(study=study, by=user)
        self.say(f"Registered {study.slug} ({len(warnings)} warnings), sha256 {registration.sha256[:16]}…")
        return study


def demo_user() -> AbstractBaseUser:
    """The panel's owner in the demonstration; its password is made once and kept in the state folder."""
    user, created = get_user_model().objects.get_or_create(
        username=USER, defaults={"is_staff": True, "is_superuser": True}
    )
    password = kept_secret(PASSWORD)
    if created or not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def places(base: str, study: Study) -> str:
    """What there is to see, and how to stop."""
    protocol = Protocol.model_validate(study.draft)
    wide = max(len(arm.id) for arm in protocol.arms)
    lines = [
        "",
        f"  Report          {base}/reports/{study.slug}/",
        *(f"  Preview {arm.id:<{wide}}  {base}{preview_path(study, arm.id)}" for arm in protocol.arms),
        f"  Panel           {base}/panel/   user {USER}, password {kept_secret(PASSWORD)}",
        f"  Logs            {settings.LAYOUT.logs}",
        f"  Protocol        sha256 {sha256(protocol)}",
        "",
        "  Previews are outside all counts. Ctrl-C stops everything; the data stay for the next run.",
        "",
    ]
    return "\n".join(lines)
