#!/usr/bin/env python
"""The door to every command of Heed: `manage.py demo`, `manage.py protocol check FILE`, `manage.py analyse STUDY`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(
            f"The database does not answer: {str(error).strip().splitlines()[0]}\n"
            "Start the embedded one with `manage.py services` (or `make demo`), or name yours in DATABASE_URL."
        )


if __name__ == "__main__":
    main()
