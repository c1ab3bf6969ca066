"""The sample, the panel, and who answers participants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from study.protocol.lint.said import Said
from study.protocol.types import Protocol

_PLACEHOLDER = re.compile(r"@example\.|^your |\bfill in\b|\btodo\b|\bxxx", re.IGNORECASE)


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on sample, entry and contact."""
    yield from _sample(protocol)
    yield from _blocks(protocol)
    yield from _contact(protocol)
    yield from _panel(protocol)


def _sample(protocol: Protocol) -> Iterator[Said]:
    sample = protocol.sample
    if not sample.stopping.strip():
        yield Said(
            "no-stopping-rule",
            ("sample", "stopping"),
            "There is no stopping rule: say in a sentence when collection ends.",
        )
    if not sample.rationale.strip():
        yield Said("no-rationale", ("sample", "rationale"), f"Nothing says why {sample.target} participants.")
    if sample.until:
        try:
            date.fromisoformat(sample.until)
        except ValueError:
            message = f"'{sample.until}' is no date; write it as year-month-day, such as 2027-06-30."
            yield Said("until-not-a-date", ("sample", "until"), message)


def _blocks(protocol: Protocol) -> Iterator[Said]:
    target, weights = protocol.sample.target, sum(arm.weight for arm in protocol.arms)
    block = weights * protocol.randomisation.repeats
    if target < weights:
        message = f"{target} participants cannot fill the arms, which need {weights} together."
        yield Said("arm-never-assigned", ("sample", "target"), message)
    elif target % block:
        below = target - target % block
        nearest = f"{below} or {below + block}" if below else f"{block}"
        message = f"{target} participants fill no whole number of blocks of {block}; {nearest} would."
        yield Said("target-not-blocks", ("sample", "target"), message)


def _contact(protocol: Protocol) -> Iterator[Said]:
    for field in ("name", "email", "institution", "ethics"):
        value = getattr(protocol.contact, field)
        if _PLACEHOLDER.search(value):
            yield Said("contact-placeholder", ("contact", field), f"'{value}' is a placeholder.")
    if not protocol.contact.ethics.strip():
        yield Said("no-ethics", ("contact", "ethics"), "No ethics board is named.")


def _panel(protocol: Protocol) -> Iterator[Said]:
    entry = protocol.entry
    if entry.mode != "panel":
        return
    if "{code}" not in entry.completion_url:
        message = "The link back to the panel is missing or has no {code} in it."
        yield Said("panel-without-link", ("entry", "completion_url"), message)
    if not protocol.payment.base:
        yield Said("no-payment", ("payment", "base"), "People of the panel are paid nothing.")
