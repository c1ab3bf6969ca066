"""Before the tests: is there a chromium to drive? As root it is installed by apt; otherwise it is said to be missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The browser of this machine, or of HEED_CHROMIUM."""
    return os.environ.get("HEED_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    if chromium():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("No chromium here: installing Debian's for the browser tests …", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "-qy", "--no-install-recommends", "chromium"], check=False, **quiet
        )
    if not chromium():
        print(
            "\n*** No chromium: the BROWSER TESTS WILL NOT RUN. Install the package `chromium`. ***\n",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
