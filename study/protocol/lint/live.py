"""Live and replayed answers: pinned, limited, corrected, and watched for change."""

from __future__ import annotations

from collections.abc import Iterator

from study.protocol.advice import Live
from study.protocol.lint.said import Said
from study.protocol.types import ModelSettings, Protocol

ABOUT_THE_ANSWER = ("agree", "ai_correct", "advice", "initial_agree")


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on answers that are no part of the items, on probes, and on a model that nobody names."""
    live = protocol.live
    if live is not None and protocol.model is not None:
        yield from _pinned(protocol.model)
        yield from _verdict(live, protocol)
        if not protocol.say(live.fallback).strip():
            yield Said("live-without-fallback", ("live", "fallback"), "The fallback is empty.")
        if protocol.probes is None:
            yield Said("live-without-probes", ("live",), "No probes show whether the model stays the same.")
    if protocol.varies:
        yield from _corrections(protocol)
    if protocol.model is None:
        yield from _unnamed(protocol)
    if protocol.probes is not None and live is None:
        yield Said(
            "probes-without-live", ("probes",), "Nobody is shown an answer of the model that is probed."
        )


def _unnamed(protocol: Protocol) -> Iterator[Said]:
    """Stages that ask a model which nobody registered."""
    for number, stage in enumerate(protocol.flow):
        if stage.asks_model:
            message = "It asks a language model and none is registered: add `model: {name: …}`."
            yield Said("model-unnamed", ("flow", number), message)


def _pinned(model: ModelSettings) -> Iterator[Said]:
    """Everything that decides about an answer is registered: the prompt and the settings."""
    if not model.prompt.strip():
        yield Said("live-without-prompt", ("model", "prompt"), "The model has no prompt.")
    if model.temperature is None:
        yield Said("live-not-pinned", ("model", "temperature"), "The temperature is left to the service.")
    if model.seed is None:
        yield Said("live-without-seed", ("model", "seed"), "The request carries no seed.")


def _verdict(live: Live, protocol: Protocol) -> Iterator[Said]:
    plan = protocol.plan
    used = {outcome.column for outcome in plan.outcomes}
    used |= {word for model in plan.models for word in ABOUT_THE_ANSWER if word in model.formula}
    wanted = sorted(used & set(ABOUT_THE_ANSWER))
    path = ("live", "verdict")
    if live.verdict == "none" and wanted:
        yield Said(
            "live-verdict-unknown", path, f"'{wanted[0]}' is missing in every trial without a verdict."
        )
    numbers = any(item.kind == "probability" for item in protocol.items)
    if live.verdict != "none" and numbers:
        yield Said("live-verdict-unknown", path, "Of items that are answered by a number no verdict is read.")
    told = [arm.phrasing for arm in protocol.arms if arm.advice and arm.phrasing in live.instructions]
    if live.verdict == "opening" and told:
        message = f"The model phrases '{told[0]}' itself, so its answers may not open with an option."
        yield Said("live-opening-phrased", path, message)


def _corrections(protocol: Protocol) -> Iterator[Said]:
    """Any of these answers may be wrong, so each item has its correction."""
    if not any(arm.advice for arm in protocol.arms):
        return
    for number, item in enumerate(protocol.items):
        if not protocol.say(item.correction).strip():
            message = "The AI may be wrong here and no correction says what is true."
            yield Said("wrong-answer-without-correction", ("items", number), message)
