"""A protocol on one screen, for people who check what they are about to register."""

from __future__ import annotations

from collections.abc import Iterator

from study.protocol.canonical import sha256
from study.protocol.types import Protocol


def summary(protocol: Protocol) -> str:
    """The main facts, one a line, ending with the hash."""
    return "\n".join(_lines(protocol))


def _lines(protocol: Protocol) -> Iterator[str]:
    plan, sample = protocol.plan, protocol.sample
    rights = [protocol.ai_correct(item) for item in protocol.items]
    yield f"{protocol.id} {protocol.version}: {protocol.say(protocol.title)}"
    yield f"  paradigm    {protocol.paradigm}, in {', '.join(protocol.languages)}"
    yield f"  arms        {', '.join(protocol.arms_by_id)}"
    yield (
        f"  items       {len(protocol.items)} (AI right {rights.count(True)}, wrong {rights.count(False)},"
        f" no verdict {rights.count(None)})"
    )
    yield f"  flow        {' → '.join(protocol.stages_by_id)}"
    yield f"  sample      {sample.target}: {sample.stopping or 'no stopping rule'}"
    yield f"  plan        {len(plan.models)} models, {len(plan.hypotheses)} hypotheses"
    for hypothesis in plan.hypotheses:
        yield f"    {hypothesis.id:<8} {hypothesis.sentence}"
    yield f"  sha256      {sha256(protocol)}"
