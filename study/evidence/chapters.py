"""Numbers of another app in a bundle: told in a results file, and found again by the notebooks from its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.evidence.records import write_json
from study.registration.models import Study


@dataclass(frozen=True)
class Chapter:
    """results: the numbers of a study as JSON, or None at a study that has none; they stand in `results/NAME.json`.

    confirmatory, explore: cells of the two notebooks, as (markdown or code, source). They see what the notebooks' first
    cells define; the former must raise where a number is not found again.
    """

    name: str
    results: Callable[[Study], dict[str, Any] | None]
    confirmatory: Sequence[tuple[str, str]]
    explore: Sequence[tuple[str, str]]

    def file(self, bundle: Path) -> Path:
        return bundle / "results" / f"{self.name}.json"


_CHAPTERS: dict[str, Chapter] = {}


def add(chapter: Chapter) -> None:
    """Make a chapter known; to be called when an app is ready."""
    _CHAPTERS[chapter.name] = chapter


def write(study: Study, bundle: Path) -> None:
    """The numbers of every chapter that the study has."""
    for chapter in _CHAPTERS.values():
        found = chapter.results(study)
        if found is not None:
            write_json(chapter.file(bundle), found)


def of(bundle: Path) -> Iterator[Chapter]:
    """Chapters whose numbers a bundle holds."""
    yield from (chapter for chapter in _CHAPTERS.values() if chapter.file(bundle).exists())
