"""What a protocol's assumptions say of a model: the arms and items its rows rest on, and the mean of each cell.

The power simulation and the linter both ask here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.plan.types import Model, Outcome, Rule
from study.protocol.types import Arm, Item, Protocol

Means = Mapping[tuple[str, str], float]


class NotAssumed(Exception):
    """Why the assumptions say nothing of a model."""


def met(protocol: Protocol, model: Model, outcome: Outcome) -> tuple[list[Arm], list[Item]]:
    """Arms (reference first) and items of a model's rows, as far as its subset rests on them."""
    order = protocol.plan.levels.get("arm", [])
    arms = sorted(protocol.arms, key=lambda arm: order.index(arm.id) if arm.id in order else len(order))
    items = list(protocol.items) if outcome.table == "trials" else []
    for rule in model.subset:
        if rule.column == "arm":
            arms = [arm for arm in arms if holds(rule, arm.id)]
        elif items and all(rule.column in attributes(protocol, item) for item in items):
            items = [item for item in items if holds(rule, attributes(protocol, item)[rule.column])]
        elif not is_disagreement(rule):
            raise NotAssumed(
                f"The model keeps rows by '{rule.column}', which the assumptions say nothing of."
            )
    if "ai_correct" in model.formula or outcome.column == "agree":
        items = [item for item in items if protocol.ai_correct(item) is not None]
    return arms, items


def attributes(protocol: Protocol, item: Item) -> dict[str, Any]:
    advice = item.advice.answer if item.advice else None
    return {"ai_correct": protocol.ai_correct(item), "truth": item.truth, "advice": advice, **item.tags}


def is_disagreement(rule: Rule) -> bool:
    """Trials whose own first answer was not the AI's: the ones where people can switch."""
    return (rule.column, rule.op, rule.value) == ("initial_agree", "==", False)


def holds(rule: Rule, value: Any) -> bool:
    if rule.op in ("==", "!="):
        return (value == rule.value) is (rule.op == "==")
    if rule.op == "in" and isinstance(rule.value, list):
        return value in rule.value
    raise NotAssumed(f"The model's rule on '{rule.column}' ({rule.op}) cannot be simulated.")


def means_of(protocol: Protocol, model: Model, outcome: Outcome, arms: list[Arm], items: list[Item]) -> Means:
    """Assumed mean outcome by arm and item ('' for one row a participant). Raises NotAssumed."""
    assumed = protocol.assumptions
    if outcome.table == "participants" and outcome.column in assumed.scales:
        return {
            (arm, ""): mean
            for arm, mean in assumed.scales[outcome.column].items()
            if arm in {a.id for a in arms}
        }
    if outcome.table != "trials" or outcome.column not in ("agree", "correct") or outcome.kind != "binary":
        raise NotAssumed(f"The assumptions say nothing of '{outcome.column}'.")
    switching = any(is_disagreement(rule) for rule in model.subset)
    pairs = ((arm, item) for arm in arms for item in items)
    known = (
        ((arm.id, item.id), _mean(protocol, outcome.column, arm, item, switching)) for arm, item in pairs
    )
    return {key: mean for key, mean in known if mean is not None}


def _mean(protocol: Protocol, column: str, arm: Arm, item: Item, switching: bool) -> float | None:
    """Assumed probability of agreeing with the AI (or of answering rightly) in one arm on one item."""
    assumed, right = protocol.assumptions, protocol.ai_correct(item)
    if not arm.advice or right is None:
        return assumed.accuracy_alone if column == "correct" else None
    if switching:
        return assumed.switch.get(arm.id)
    agrees = _agreement(protocol, assumed.agree_right if right else assumed.agree_wrong, arm)
    return agrees if agrees is None or column == "agree" or right else 1 - agrees


def _agreement(protocol: Protocol, assumed: Mapping[str, float], arm: Arm) -> float | None:
    """Mean agreement over an arm's trials: as assumed where they carry its phrasing, as in the plain arm elsewhere."""
    phrased = assumed.get(arm.id)
    if phrased is None or arm.hedged.count == "all" or arm.phrasing == "plain":
        return phrased
    plain = next((a.id for a in protocol.arms if a.advice and a.phrasing == "plain"), arm.id)
    share = arm.hedged.count / max(len(protocol.hedgeable), 1)
    return share * phrased + (1 - share) * assumed.get(plain, phrased)


def per_person(protocol: Protocol, model: Model, items: int) -> int:
    """Trials of a person that the model keeps: all, or those where the first answer is not the AI's."""
    if not any(is_disagreement(rule) for rule in model.subset):
        return items
    alone = protocol.assumptions.accuracy_alone
    shares = [1 - alone if protocol.ai_correct(item) else alone for item in protocol.items]
    return max(1, round(items * sum(shares) / len(shares)))
