"""Pictures of the panel for the guide: `make screenshots` walks the browser tests with a camera.

Every page is taken at 1440, 1024 and 360 px into .cache/screenshots. The first two go, with fewer colours and no taller
than they are useful, to docs/images/panel, and docs/reference/panel.md shows them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TAKEN = ROOT / ".cache" / "screenshots"
KEPT = ROOT / "docs" / "images" / "panel"
GALLERY = ROOT / "docs" / "reference" / "panel.md"
WALKS = [
    "tests/study/panel/test_browser.py",
    "tests/study/panel/test_account_browser.py",
    "tests/study/panel/test_confidence.py",
    "tests/study/phrasing/test_desk.py",
    "tests/elicitation/test_review.py",
    "tests/elicitation/case_drafts/test_desk.py",
    "tests/elicitation/test_follow_up.py",
    "tests/elicitation/merges/test_desk.py",
]
WIDTHS = (1440, 1024)
TALLEST, COLOURS = 1300, 24


@dataclass(frozen=True)
class Page:
    """A page: the name of its address, what it is for, the state it is shown in, and its part."""

    address: str
    about: str
    shot: str = ""
    part: str = ""

    @property
    def name(self) -> str:
        """What its pictures are called, as `looked_at` calls them."""
        return "-".join(filter(None, [self.address.split(":")[1], self.part, self.shot]))

    def file(self, width: int) -> str:
        """The picture of one width in docs/images/panel."""
        return f"{self.name}-{width}.png"


PAGES = [
    Page("panel:login", "Signing in"),
    Page("panel:code", "The second factor"),
    Page("panel:invitation", "An invitation, opened"),
    Page("panel:studies", "All studies"),
    Page("panel:new", "A new study"),
    Page("panel:study", "A study: draft"),
    Page("panel:study", "A study under way", "running"),
    Page("panel:study", "A closed study", "closed"),
    Page("panel:protocol", "The protocol, with the linter's findings beside its lines"),
    Page("panel:edit", "Editing the protocol as text"),
    *(
        Page("panel:form", f"Editing by form: {part}", part=part)
        for part in ("about", "arms", "items", "scales", "sample", "exclusions")
    ),
    Page("panel:versions", "Versions of the document"),
    Page("panel:preview", "Walking an arm in preview"),
    Page("panel:instrument", "The whole instrument, for print"),
    Page("panel:confidence", "How sure the model is of the study's own questions"),
    Page("panel:register", "Registering"),
    Page("panel:move", "A question before what cannot be undone"),
    Page("panel:phrasings", "Texts drafted by a model"),
    Page("panel:phrasings-put", "Putting texts into the protocol"),
    Page("panel:wording", "One text with its drafts"),
    Page("panel:call", "What was said to the model, and what it said"),
    Page("review:cases", "Cases that the model drafted"),
    Page("review:upgrades", "Upgrades that the model proposed"),
    Page("review:merges", "Pairs of cards that may be one value"),
    Page("review:by-hand", "Merging values by hand"),
    Page("review:decisions", "Decisions about values"),
    Page("review:curve", "What the number of values and the ranks owe to the distance"),
    Page("review:follow-up", "What people say when they are asked again"),
    Page("panel:monitor", "The monitor"),
    Page("panel:participants", "Participants"),
    Page("panel:participant", "One participant's timeline"),
    Page("panel:withdraw", "Withdrawing somebody"),
    Page("panel:payment", "Payment"),
    Page("panel:bonuses", "Bonuses"),
    Page("panel:analysis", "The analysis before closing"),
    Page("panel:analysis", "The analysis after closing", "closed"),
    Page("panel:explore", "Exploring, stamped as such", "closed"),
    Page("panel:bundles", "A bundle to download", "ready"),
    Page("panel:bundles", "A bundle being made", "waiting"),
    Page("panel:people", "Roles"),
    Page("panel:invitations", "Invitations"),
    Page("panel:log", "The log"),
    Page("panel:account", "One's account"),
    Page("panel:password", "A new password"),
    Page("panel:two-factor", "Setting up a second factor"),
]
NO_PAGE = {
    *(
        f"panel:{name}"
        for name in ("logout", "turn-off", "recovery", "sign-out-everywhere", "restore", "rehearse")
    ),
    *(f"panel:{name}" for name in ("check", "check-form", "power", "cancel-power", "phrasings-progress")),
    *(
        f"panel:{name}"
        for name in ("confidence-figure", "power-figure", "explore-figure", "phrasings-ask", "copy")
    ),
    *(f"panel:{name}" for name in ("tell", "bonus-list", "bonus-batch", "run", "tables", "unblind")),
    *(f"panel:{name}" for name in ("make-bundle", "download-bundle", "change-invitation")),
    *(f"review:{name}" for name in ("propose", "decide", "split", "decide-merge", "search-merges")),
    *(
        f"review:{name}"
        for name in (
            "accept-merges",
            "curve-figure",
            "merges-progress",
            "upgrades-progress",
            "cases-progress",
            "draft-cases",
            "decide-case",
            "follow-up-links",
        )
    ),
}


def main() -> int:
    """Take all, keep the chosen. Returns pytest's exit code."""
    TAKEN.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", *WALKS, *sys.argv[1:]]
    code = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "HEED_SHOTS": str(TAKEN)}, check=False
    ).returncode
    keep()
    return code


def keep() -> None:
    """The pictures, small, and the page that shows them. Raises FileNotFoundError for a page that was not taken."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in KEPT.glob("*.png"):
        old.unlink()
    size = 0
    for page in PAGES:
        for width in WIDTHS:
            with Image.open(TAKEN / page.file(width)) as picture:
                part = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, TALLEST)))
                small = part.quantize(COLOURS, dither=Image.Dither.NONE)
                small.save(KEPT / page.file(width), optimize=True)
                size += (KEPT / page.file(width)).stat().st_size
    GALLERY.write_text(gallery())
    print(f"{len(PAGES)} pages at {WIDTHS[0]} and {WIDTHS[1]} px, {size // 1024} kB")


def gallery() -> str:
    """docs/reference/panel.md."""
    lines = [
        "# The panel, page by page",
        "",
        "Made by `make screenshots` from the browser tests. Every page at",
    ]
    lines[-1] += " 1440 px; the same at 1024 px behind each link."
    for page in PAGES:
        wide, narrow = (f"../images/panel/{page.file(width)}" for width in WIDTHS)
        lines += ["", f"## {page.about}", "", f"![{page.about}]({wide})", "", f"[at 1024 px]({narrow})"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
