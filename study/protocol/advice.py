"""Answers of the AI that are no part of the items: asked for live, or recorded before and replayed; and the questions
that show whether the model that answers is still the same.

A protocol without these parts is frozen without them.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, Self

import rfc8785
from pydantic import Field, model_validator

from analysis.plan.types import Frozen, Id, Scalar
from study.protocol.texts import Text, Words

MOST_RECORDED = 20_000


class Live(Frozen):
    """The item's question is asked under the protocol's `model` (name, settings, prompt) when the trial opens.

    The prompt holds the model's prompt, the instruction of the arm's phrasing (if it has one), the question and the
    labels of its options; never the arm, the truth or a correction. A phrasing without an instruction is put before
    or after the model's words as it stands. What is shown when no answer came in time is `fallback`.
    """

    seconds: float = Field(
        ge=1, le=300, description="how long a participant waits before the fallback is shown"
    )
    fallback: Text
    instructions: dict[Id, Words] = Field(
        default={}, description="phrasing id to what the model is told, where the model itself is to phrase"
    )
    verdict: Literal["opening", "extracted", "none"] = Field(
        default="opening",
        description="which option an answer gives: the one it opens with, the one that the model is asked for "
        "afterwards (as JSON), or not determined",
    )


class Recorded(Frozen):
    """One recorded answer as it was shown, phrase included, and which option it gave (missing: not determined)."""

    item: Id
    phrasing: Id = "plain"
    language: str = ""
    text: Words = Field(min_length=1)
    verdict: Scalar | None = None


class Replay(Frozen):
    """Recorded answers shown again. The place in the schedule decides which one, where there are several."""

    source: str = Field(
        min_length=1, description="the study or bundle they were recorded in, and its registration"
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the recording's bytes")
    answers: list[Recorded] = Field(min_length=1, max_length=MOST_RECORDED)

    @model_validator(mode="after")
    def _is_the_recording(self) -> Self:
        found = hashlib.sha256(recording(self.answers)).hexdigest()
        if found != self.sha256:
            raise ValueError(f"the recorded answers have the hash {found}, not the one that is named")
        return self


def recording(answers: Sequence[Recorded]) -> bytes:
    """The bytes of a recording: one answer a line, each as canonical JSON (RFC 8785)."""
    return b"".join(rfc8785.dumps(answer.model_dump(mode="json")) + b"\n" for answer in answers)


class Probe(Frozen):
    """One question with a fixed wording. With `labels`, what counts is the label that the answer opens with; without,
    how far its words are from those of the first round."""

    id: Id
    prompt: Words = Field(min_length=1)
    labels: list[str] = Field(default=[], max_length=50)


class Probes(Frozen):
    """Questions asked of the study's model every so many hours while it collects. The first round is the reference."""

    every_hours: float = Field(ge=0.25, le=24 * 14)
    repeats: int = Field(default=1, ge=1, le=20, description="how often each is asked in a round")
    most_distance: float = Field(
        default=0.15,
        ge=0,
        le=2,
        description="largest cosine distance to the reference that is no change, for probes without labels",
    )
    least_same: float = Field(
        default=1.0, ge=0, le=1, description="smallest share of labels like the reference's that is no change"
    )
    questions: list[Probe] = Field(min_length=1, max_length=50)
