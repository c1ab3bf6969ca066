"""Pictures of the panel for the guide: `make screenshots` walks the browser tests with a camera and keeps the main ones.

Every page is taken at 1440 and 1024 px (and 360) into .cache/screenshots; the chosen ones go, with fewer colours and
no taller than they are useful, to docs/images/panel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TAKEN = ROOT / ".cache" / "screenshots"
KEPT = ROOT / "docs" / "images" / "panel"
CHOSEN = {
    "studies": "panel-1024",
    "overview": "panel-studies-tiny-1024",
    "form-items": "panel-studies-tiny-form-items-1440",
    "form-sample": "panel-studies-tiny-form-sample-1024",
    "preview": "panel-studies-tiny-preview-control-1440",
    "register": "panel-studies-tiny-register-1024",
    "monitor": "panel-studies-tiny-rehearsal-monitor-1440",
    "analysis": "closed-panel-studies-tiny-rehearsal-analysis-1024",
    "explore": "closed-panel-studies-tiny-rehearsal-analysis-explore-1024",
}
TALLEST, COLOURS = 1500, 48


def main() -> int:
    """Take all, keep the chosen. Returns pytest's exit code."""
    TAKEN.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "tests/study/panel/test_browser.py", *sys.argv[1:]]
    code = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "HEED_SHOTS": str(TAKEN)}, check=False
    ).returncode
    keep()
    return code


def keep() -> None:
    """The chosen pictures, small."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for name, taken in CHOSEN.items():
        with Image.open(TAKEN / f"{taken}.png") as picture:
            part = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, TALLEST)))
            small = part.quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(KEPT / f"{name}.png", optimize=True)
            print(f"docs/images/panel/{name}.png: {(KEPT / f'{name}.png').stat().st_size // 1024} kB")


if __name__ == "__main__":
    sys.exit(main())
