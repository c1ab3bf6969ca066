"""How a simulated person answers, given only what is on the screen and the protocol's stated assumptions.

Agreement with advice is Bernoulli with a logit that has a person's and an item's normal effect; the probability in
`assumptions.agree_right[arm]` (`agree_wrong`) holds on average over people and items where the advice carries that
arm's phrasing. Scale means shift by arm as assumed. The person never learns arm, truth or key from the server: the arm
is recognised by the phrase on the screen, as a reader would notice it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from study.advice.prompts import labels, opening
from study.protocol.stimulus import stimulus
from study.protocol.types import Item, Protocol, Question, Scale
from study.rehearsal.forms import Control, ShownPage
from study.stages.configs import ComprehensionStage
from study.stages.trials import INITIAL

LOGISTIC_VARIANCE = (
    16 * math.sqrt(3) / (15 * math.pi)
)  # logistic-normal attenuation, Zeger, Liang & Albert 1988


@dataclass(frozen=True)
class World:
    """What all simulated people share: the protocol and how easy each item is to believe."""

    protocol: Protocol
    item_effects: dict[str, float]

    @classmethod
    def of(cls, protocol: Protocol) -> World:
        """Item effects are normal with the assumed standard deviation, from the assumptions' seed, centred within
        right and wrong answers, so that the assumed probabilities hold for this set of items."""
        rng = np.random.default_rng([protocol.assumptions.seed, 1])
        effects = {item.id: float(rng.normal(0, protocol.assumptions.item_sd)) for item in protocol.items}
        for right in (True, False, None):
            group = [item.id for item in protocol.items if protocol.ai_correct(item) is right]
            middle = float(np.mean([effects[item] for item in group])) if group else 0.0
            effects |= {item: effects[item] - middle for item in group}
        return cls(protocol, effects)

    @cached_property
    def phrased(self) -> dict[tuple[str, str], str]:
        """(item, text shown) to the arm whose phrasing it carries; plain texts are the first plain arm's."""
        texts: dict[tuple[str, str], str] = {}
        for hedged in (True, False):
            for arm in self.protocol.arms:
                for item in self.protocol.items if arm.advice else ():
                    if item.advice is not None:
                        shown = stimulus(self.protocol, item, arm, hedged=hedged, language=self.language)
                        texts.setdefault((item.id, shown.text), arm.id)
        return texts

    def arm_of(self, item: Item, text: str) -> str:
        """The arm whose wording this is; where words are live or replayed, the one whose phrase they carry."""
        if not self.protocol.varies:
            return self.phrased.get((item.id, text), "")
        return next((arm for phrase, arm in self.phrases if phrase and phrase in text), self.phrases[-1][1])

    @cached_property
    def phrases(self) -> list[tuple[str, str]]:
        """Phrase and arm of every arm with advice; plain ones come last."""
        arms = [arm for arm in self.protocol.arms if arm.advice]
        said = [
            self.protocol.say(self.protocol.phrasings_by_id[a.phrasing].text, self.language) for a in arms
        ]
        return sorted(zip(said, (arm.id for arm in arms), strict=True), key=lambda pair: not pair[0])

    def advised(self, item: Item, text: str) -> str | None:
        """The answer that the words on the screen give; None without any."""
        if not text:
            return None
        if item.advice is not None:
            return str(item.advice.answer)
        for phrase, _arm in self.phrases:
            text = text.removeprefix(phrase)
        return opening(text, labels(self.protocol, item, self.language)) if self.protocol.varies else None

    def is_right(self, item: Item, text: str) -> bool | None:
        """Is the answer on the screen right?"""
        if item.advice is not None:
            return self.protocol.ai_correct(item)
        advised = self.advised(item, text)
        return None if advised is None else advised == str(item.truth)

    @property
    def language(self) -> str:
        return self.protocol.languages[0]

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Every question of the flow by id."""
        found: dict[str, Question] = {}
        for stage in self.protocol.flow:
            for group in ("questions", "initial_questions"):
                found |= {q.id: q for q in getattr(stage, group, [])}
        return found

    @cached_property
    def scale_of(self) -> dict[str, tuple[Scale, bool]]:
        """Scale and reverse coding of every scale item."""
        return {item.id: (scale, item.reverse) for scale in self.protocol.scales for item in scale.items}

    @cached_property
    def statements(self) -> dict[str, bool]:
        """Truth of every comprehension statement."""
        stages = [stage for stage in self.protocol.flow if isinstance(stage, ComprehensionStage)]
        return {statement.id: statement.truth for stage in stages for statement in stage.statements}


class Person:
    """One simulated participant. `seed` and the world fix everything they do."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = np.random.default_rng([world.protocol.assumptions.seed, 2, seed])
        assumed = world.protocol.assumptions
        self.leaning = float(self.rng.normal(0, assumed.participant_sd))
        self.inattentive = bool(self.rng.random() < assumed.inattentive)
        self.mood = float(self.rng.normal(0, 0.7))
        self.arm = ""
        self.first: dict[str, Any] = {}

    def looks_again(self, page: ShownPage) -> bool:
        """Does this person load the page again before answering, to see whether something was added?"""
        return False

    def answers(self, page: ShownPage) -> dict[str, list[str]]:
        """What this person fills in on a page."""
        _stage, _, rest = page.key.partition(".")
        item_id, _, part = rest.rpartition(".")
        item = self.world.protocol.items_by_id.get(item_id)
        if item is not None:
            self.notice_arm(item, page)
        return {
            control.name: self.fill(control, page, item, part)
            for control in page.controls
            if control.kind != "submit" or control.name
        }

    def notice_arm(self, item: Item, page: ShownPage) -> None:
        """Remember whose phrasing was read; a hedged answer outweighs a plain one."""
        seen = self.world.arm_of(item, page.advice) if page.advice else ""
        phrasing = self.world.protocol.arms_by_id[seen].phrasing if seen else "plain"
        if seen and (phrasing != "plain" or not self.arm):
            self.arm = seen

    def fill(self, control: Control, page: ShownPage, item: Item | None, part: str) -> list[str]:
        """One control's values."""
        if item is not None and control.name == "answer":
            return [self.item_answer(item, page, part)]
        if control.name == "agreed":
            return ["yes"]
        if control.name in self.world.statements and not self.inattentive:
            right = self.world.statements[control.name]
            knows = self.rng.random() < 0.93 or page.hidden.get("attempt") != "1"
            return ["true" if right is bool(knows) else "false"]
        if control.values and set(control.values) == {"answered", "not_answered"}:
            return [self.recognise(control.name)]
        if control.kind == "checkbox":
            chosen = [value for value in control.values if self.rng.random() < 0.35]
            return chosen or [str(self.rng.choice(control.values))]
        if control.kind in ("radio", "submit"):  # a button with a name is a choice among buttons
            return [self.rate(control)]
        if control.kind == "number":
            return [self.number(control)]
        return [self.words(control)]

    def item_answer(self, item: Item, page: ShownPage, part: str) -> str:
        """Yes/no, an option or a probability; with advice, agreement as assumed; in two steps, a possible switch."""
        alone = self.first.get(item.id)
        advised = self.world.advised(item, page.advice) if part != INITIAL else None
        if advised is None:
            answer = alone or self.alone(item)
            self.first[item.id] = answer
            return answer
        if advised not in self.options(item):  # the AI is unsure: people stay with what they thought
            return alone or self.alone(item)
        agrees = (
            self.chance(self.agreement(item, page))
            if alone is None
            else self.follows(alone, advised, page, item)
        )
        if agrees:
            return advised
        return alone if alone and alone != advised else self.other(item, advised)

    def agreement(self, item: Item, page: ShownPage) -> float:
        """Log odds of giving the AI's answer, for this person and item."""
        assumed = self.world.protocol.assumptions
        right = self.world.is_right(item, page.advice)
        table = assumed.agree_right if right else assumed.agree_wrong
        mean = table.get(self.world.arm_of(item, page.advice), 0.7)
        spread = math.sqrt(1 + LOGISTIC_VARIANCE**2 * (assumed.participant_sd**2 + assumed.item_sd**2))
        return math.log(mean / (1 - mean)) * spread + self.leaning + self.world.item_effects[item.id]

    def follows(self, alone: str, advised: str, page: ShownPage, item: Item) -> bool:
        """After an own answer: whoever agreed mostly stays; whoever did not may switch, as assumed."""
        if alone == advised:
            return bool(self.rng.random() < 0.96)
        switch = self.world.protocol.assumptions.switch.get(self.world.arm_of(item, page.advice), 0.35)
        return self.chance(math.log(switch / (1 - switch)) + self.leaning)

    def alone(self, item: Item) -> str:
        """An answer without advice: right as often as assumed."""
        if item.kind == "probability":
            truth = float(item.truth)
            return str(int(np.clip(self.rng.normal(50 + (truth - 50) * 0.3, 18), 0, 100)))
        knows = self.chance(
            math.log(
                self.world.protocol.assumptions.accuracy_alone
                / (1 - self.world.protocol.assumptions.accuracy_alone)
            )
            + 0.5 * self.world.item_effects[item.id]
        )
        return str(item.truth) if knows else self.other(item, str(item.truth))

    def options(self, item: Item) -> list[str]:
        return list(item.options) if item.kind != "probability" else [str(n) for n in range(101)]

    def other(self, item: Item, than: str) -> str:
        """Any option but one."""
        return str(self.rng.choice([option for option in self.options(item) if option != than]))

    def recognise(self, name: str) -> str:
        asked = name in self.world.protocol.items_by_id
        return (
            "answered"
            if asked is bool(self.rng.random() < (0.6 if self.inattentive else 0.94))
            else "not_answered"
        )

    def rate(self, control: Control) -> str:
        """A rating around the assumed mean of its scale and arm; other choices at random."""
        if not all(value.isdigit() for value in control.values):
            return str(self.rng.choice(control.values))
        points = len(control.values)
        scale, reverse = self.world.scale_of.get(control.name, (None, False))
        middle = (points + 1) / 2
        mean = (
            self.world.protocol.assumptions.scales.get(scale.id, {}).get(self.arm, middle)
            if scale
            else middle
        )
        value = int(
            np.clip(round(float(self.rng.normal(mean + self.mood * points / 7, points / 6))), 1, points)
        )
        return str(points + 1 - value if reverse else value)

    def number(self, control: Control) -> str:
        question = self.world.questions.get(control.name)
        low = question.minimum if question and question.minimum is not None else 0
        high = question.maximum if question and question.maximum is not None else 100
        return str(int(np.clip(self.rng.normal((low + high) / 2, (high - low) / 6), low, high)))

    def words(self, control: Control) -> str:
        return (
            ""
            if self.rng.random() < 0.3 and control.kind == "text" and self._optional(control)
            else "It was fine."
        )

    def _optional(self, control: Control) -> bool:
        question = self.world.questions.get(control.name)
        return question is not None and not question.required

    def chance(self, log_odds: float) -> bool:
        return bool(self.rng.random() < 1 / (1 + math.exp(-log_odds)))
