"""`figures/`: the report's figures as SVG files, byte for byte those inside its page, and what each one shows."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

from study.evidence.records import write_json

INSIDE = "data:image/svg+xml;base64,"


class _Drawings(HTMLParser):
    """Every drawing of a page in its order: SVG, the words that stand in for it, and its caption."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bytes, str, str]] = []
        self._open: list[tuple[bytes, str]] = []
        self._caption: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "img" and told.get("src", "").startswith(INSIDE):
            drawing = base64.b64decode(told["src"].removeprefix(INSIDE), validate=True)
            self._open.append((drawing, told.get("alt", "")))
        elif tag == "figcaption":
            self._caption = []

    def handle_data(self, data: str) -> None:
        if self._caption is not None:
            self._caption.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "figcaption":
            caption = " ".join("".join(self._caption or []).split())
            self.found += [(*drawing, caption) for drawing in self._open]
            self._open, self._caption = [], None


def drawings(html: str) -> list[tuple[bytes, str, str]]:
    """SVG, alternative text and caption of each figure of a report, in the order of the page."""
    parser = _Drawings()
    parser.feed(html)
    parser.close()
    return parser.found


def write(html: str, folder: Path) -> int:
    """Write `figure-01.svg` … and `figures.json`, which names file, caption and words; returns how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for number, (svg, words, caption) in enumerate(drawings(html), start=1):
        name = f"figure-{number:02}.svg"
        (folder / name).write_bytes(svg)
        told.append({"file": name, "caption": caption, "words": words})
    write_json(folder / "figures.json", told)
    return len(told)
