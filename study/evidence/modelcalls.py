"""The record of model calls, and the sheet that journals ask for of studies that used a language model.

Words said by or to a participant are left out: of their calls only the hash of the prompt, counts, times and models are
given. Prompts in which no participant had a part are given in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llm.models import Call
from study.advice.models import ProbeRound
from study.advice.prompts import VERDICT
from study.protocol.types import Protocol
from study.registration.models import Study
from study.session.chain import stamp

PLAIN = ("kind", "purpose", "template", "template_version", "prompt_hash", "model_asked", "model_answered",
         "fingerprint", "state", "tries", "finish_reason", "tokens_in", "tokens_out", "latency_ms", "first_token_ms",
         "error", "error_kind", "rehearsal", "streamed")  # fmt: skip


def rows(study: Study) -> Iterator[dict[str, Any]]:
    """One row a call, oldest first, streamed."""
    for call in Call.objects.of_study(study.pk).order_by("created_at", "id").iterator(chunk_size=500):
        row = {"id": str(call.pk)} | {name: getattr(call, name) for name in PLAIN}
        row["asked_at"] = stamp(call.created_at)
        row["finished_at"] = stamp(call.finished_at) if call.finished_at else None
        row["by_participant"] = bool(call.participant) or call.prompt == {"erased": True}
        row["fallback_shown"] = call.is_fallback and bool(call.fallback)
        row["sampling"] = call.prompt.get("sampling") if isinstance(call.prompt, dict) else None
        if call.purpose == VERDICT and isinstance(call.data, dict):
            row |= {"of": call.key.removeprefix("verdict:"), "verdict": call.data.get("verdict")}
        if not row["by_participant"]:
            row |= {"prompt": call.prompt, "text": call.text}
        yield row


def probe_rounds(study: Study) -> Iterator[dict[str, Any]]:
    """One row a round of probes, oldest first."""
    for one in ProbeRound.objects.filter(study=study):
        yield {
            "round": one.number,
            "reference": one.reference,
            "asked_at": stamp(one.asked_at),
            "concluded_at": stamp(one.concluded_at),
            "answers": one.answers,
            "distance": one.distance,
            "same_share": one.same_share,
            "changes": one.changes,
        }


def sheet(protocol: Protocol, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The fourteen points of a GUIDE-LLM sheet, filled from the records; what they cannot say is said to be missing."""
    if not calls:
        return []
    asked, answered = _counted(calls, "model_asked"), _counted(calls, "model_answered")
    failed = sum(call["state"] == "failed" for call in calls)
    times = sorted(str(call["asked_at"]) for call in calls)
    templates = sorted({f"{call['template']} version {call['template_version']}" for call in calls})
    fallbacks = sum(bool(call["fallback_shown"]) for call in calls)
    registered = protocol.model.model_dump(mode="json") if protocol.model else "none"
    points = [
        ("Model asked for", asked),
        ("Model that answered", answered or "not recorded"),
        ("Registered model and settings", str(registered)),
        ("Time of use", f"{times[0]} to {times[-1]}"),
        ("Access", "HTTP interface of a compatible service; one gateway, every request recorded"),
        ("Fingerprints of the service", _counted(calls, "fingerprint") or "none given by the service"),
        ("Parameters", _settings(calls) or "none recorded"),
        ("Prompts", f"{'; '.join(templates)}; in full in calls.jsonl where no participant had a part"),
        ("Purposes", _counted(calls, "purpose")),
        ("Calls", f"{len(calls)} calls; {_sum(calls, 'tokens_in')} tokens in, {_sum(calls, 'tokens_out')} out"),
        ("Repeated requests", f"{sum(max(0, int(call['tries']) - 1) for call in calls)} requests were sent again"),
        ("Checking of output", f"against the registered schema where there is one; {failed} calls failed for good"),
        ("What people saw when it failed", f"the registered fallback text, {fallbacks} times"),
        ("Logs", "calls.jsonl in this folder; words of participants are left out"),
    ]  # fmt: skip
    return [{"point": point, "answer": answer} for point, answer in points]


def _counted(calls: Sequence[Mapping[str, Any]], name: str) -> str:
    counts = Counter(str(call[name]) for call in calls if call[name])
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common())


def _settings(calls: Sequence[Mapping[str, Any]]) -> str:
    """Each setting that was used, with its seeds in one line."""
    seeds: dict[str, set[Any]] = {}
    for call in calls:
        if sampling := call["sampling"]:
            rest = ", ".join(f"{name} {value}" for name, value in sorted(sampling.items()) if name != "seed")
            seeds.setdefault(rest, set()).add(sampling.get("seed"))
    told = {
        rest: ", ".join(sorted((str(s) for s in found), key=lambda s: (len(s), s)))
        for rest, found in seeds.items()
    }
    return "; ".join(f"{rest}, seed {found}" for rest, found in sorted(told.items()))


def _sum(calls: Sequence[Mapping[str, Any]], name: str) -> int:
    return sum(int(call[name] or 0) for call in calls)


def as_markdown(points: Sequence[Mapping[str, str]]) -> str:
    """The sheet as a Markdown table."""
    lines = ["# Use of a language model (GUIDE-LLM)", "", "| point | answer |", "|---|---|"]
    cells = [(p["point"], p["answer"].replace("|", "\\|").replace("\n", " ")) for p in points]
    return "\n".join(lines + [f"| {point} | {answer} |" for point, answer in cells]) + "\n"
