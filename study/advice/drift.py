"""How far a round of probes is from the reference round. Pure: answers and vectors in, findings out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.distances import cosine_distance
from study.protocol.advice import Probe, Probes

Answer = Mapping[str, Any]
Vectors = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Drift:
    """distance: the largest over probes without labels, 0 to 2; same_share: over all labelled answers, 0 to 1; None
    where there is nothing to compare. changes: a sentence for each thing beyond the tolerance."""

    distance: float | None
    same_share: float | None
    changes: list[str]


def compare(probes: Probes, reference: Sequence[Answer], now: Sequence[Answer], vectors: Vectors) -> Drift:
    """The round `now` against `reference`. vectors: text to its embedding, for every text of a probe without labels."""
    changes = [*_named("model", reference, now), *_named("fingerprint", reference, now)]
    distances = _distances(probes, reference, now, vectors)
    for probe, distance in distances.items():
        if distance > probes.most_distance:
            changes.append(
                f"Answers to '{probe}' are {distance:.3f} from the first ones; at most {probes.most_distance:g} is"
                " registered as no change."
            )
    share = _same_share(probes, reference, now)
    if share is not None and share < probes.least_same:
        changes.append(
            f"{100 * share:.0f} % of the labels are the first ones; at least {100 * probes.least_same:.0f} % is"
            " registered as no change."
        )
    return Drift(max(distances.values(), default=None), share, changes)


def _named(name: str, reference: Sequence[Answer], now: Sequence[Answer]) -> list[str]:
    """A sentence if the set of models (or fingerprints) that answered is not the reference's."""
    before, after = (sorted({a[name] for a in some if not a["error"]}) for some in (reference, now))
    if not after or before == after:
        return []
    return [f"The {name} was {_listed(before)} and is {_listed(after)}."]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" if name else "not given" for name in names)


def _answers(probe: Probe, some: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in some if answer["probe"] == probe.id and not answer["error"]]


def _distances(
    probes: Probes, reference: Sequence[Answer], now: Sequence[Answer], vectors: Vectors
) -> dict[str, float]:
    """By probe without labels the distance between the mean vectors of its answers, then and now."""
    found = {}
    for probe in probes.questions:
        before, after = (
            [vectors[a["text"]] for a in _answers(probe, some) if a["text"] in vectors]
            for some in (reference, now)
        )
        if not probe.labels and before and after:
            found[probe.id] = cosine_distance(_middle(before), _middle(after))
    return found


def _middle(vectors: Sequence[Sequence[float]]) -> list[float]:
    return [sum(numbers) / len(vectors) for numbers in zip(*vectors, strict=True)]


def _same_share(probes: Probes, reference: Sequence[Answer], now: Sequence[Answer]) -> float | None:
    """Share of labelled answers that have the label most often given to the probe in the reference."""
    same: list[bool] = []
    for probe in probes.questions:
        before = Counter(answer["label"] for answer in _answers(probe, reference))
        if probe.labels and before:
            usual = before.most_common(1)[0][0]
            same += [answer["label"] == usual for answer in _answers(probe, now)]
    return sum(same) / len(same) if same else None
