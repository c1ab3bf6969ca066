"""`manage.py people list|reset-two-factor NAME`: who works in the panel."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from study.accounts import secondfactor, sessions
from study.management.lookups import person


class Command(BaseCommand):
    help = "People of the panel: list them, or take away a second factor that somebody lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        verbs.add_parser("list", help="everybody, and whether they have a second factor")
        reset = verbs.add_parser(
            "reset-two-factor", help="take the second factor away and sign out everywhere"
        )
        reset.add_argument("name", help="user name")
        reset.add_argument("--by", default="", help="user name of whoever does it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "list":
            for user in get_user_model().objects.select_related("second_factor").order_by("username"):
                held = getattr(user, "second_factor", None)
                self.stdout.write(
                    f"{user.get_username()}\t{'two-factor' if held and held.confirmed_at else '-'}"
                )
            return
        user = person(options["name"])
        if user is None:
            raise CommandError("Give a user name.")
        with transaction.atomic():
            if not secondfactor.remove(user, by=person(options["by"])):
                raise CommandError(f"{options['name']} has no second factor.")
            sessions.sign_out_everywhere(user, by=person(options["by"]))
        self.stdout.write(f"{options['name']} signs in with the password alone and is signed out everywhere.")
