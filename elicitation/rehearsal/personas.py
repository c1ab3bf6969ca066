"""Personas: a value each holds, how wise each value is to them, and how they answer a story. They talk with the
interviewer (`talking`), compare its card with the value they hold and mend it where it is off: the truth stays known.

All share one true order per study and set of values that stories bring together: `truth` gives strengths in logits. A
persona answers a story from a to b as the pairwise model says (`analysis.moral_graph.pairwise`): eta = strength(b) -
strength(a) + acquiescence + their own part of it, and "not sure" with a fixed weight between equals.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.moral_graph.endless import endless
from elicitation.rehearsal.talking import Talker
from elicitation.stages.card import APPROVE, PLACES
from elicitation.stages.configs import ChooseValuesStage, CompareValuesStage, LibraryValue, ValuesCardStage
from elicitation.values.cards import Card
from study.protocol.types import Protocol
from study.rehearsal.behaviour import Person, World
from study.rehearsal.forms import ShownPage

SPACING = 0.6  # logits between neighbours of the true order
ACQUIESCENCE, OWN_ACQUIESCENCE, TIE = 0.5, 0.5, -0.6
COMMENTS = 0.88  # share of votes with a reason, as in the published run
AGAIN = 0.8  # who agrees to be asked again


def truth(protocol: Protocol) -> dict[str, float]:
    """Each value's true strength in logits: a random order, that the assumptions' seed fixes, of the values which
    stories bring together. Values that no chain of stories connects are never compared: such sets have orders of their
    own.

    One order of the whole library would put the values of a story as far as eight logits apart, where everybody says
    the same whichever it is, and votes say nothing about the neighbours of either.
    """
    values = [value.id for value in library(protocol)]
    order = np.random.default_rng([protocol.assumptions.seed, 11]).permutation(len(values))
    found: dict[str, float] = {}
    for part in _connected(values, stories(protocol).values()):
        mixed = sorted(part, key=lambda value: order[values.index(value)])
        found |= {value: SPACING * place for place, value in enumerate(mixed)}
    return found


def _connected(values: Iterable[str], ends: Iterable[tuple[str, str]]) -> list[set[str]]:
    """The values in sets that chains of stories connect."""
    part = {value: {value} for value in values}
    for lower, upper in ends:
        joined = part[lower] | part[upper]
        part.update(dict.fromkeys(joined, joined))
    return list({id(one): one for one in part.values()}.values())


def library(protocol: Protocol) -> list[LibraryValue]:
    """All values of the protocol's library."""
    return [v for stage in protocol.flow if isinstance(stage, ChooseValuesStage) for v in stage.values]


def stories(protocol: Protocol) -> dict[str, tuple[str, str]]:
    """From the text of a story to the value left behind and the value found."""
    found: dict[str, tuple[str, str]] = {}
    for stage in protocol.flow:
        for one in stage.upgrades if isinstance(stage, CompareValuesStage) else ():
            found[protocol.say(one.story)] = (one.from_value, one.to_value)
            found[protocol.say(one.back)] = (one.to_value, one.from_value)
    return found


def told(protocol: Protocol) -> pd.DataFrame:
    """Every story of every case, in both directions: case, from_value, to_value."""
    cases = [case.id for s in protocol.flow if isinstance(s, ValuesCardStage) for case in s.cases]
    rows = [
        (case, *ends)
        for stage in protocol.flow
        for one in (stage.upgrades if isinstance(stage, CompareValuesStage) else ())
        for case in one.cases or cases
        for ends in ((one.from_value, one.to_value), (one.to_value, one.from_value))
    ]
    return pd.DataFrame(rows, columns=["case", "from_value", "to_value"])


def true_ranks(protocol: Protocol) -> dict[str, dict[str, float]]:
    """For each case the rank of its values in the graph of endless votes of personas; 0 without an edge."""
    found = {}
    for case, stories in told(protocol).groupby("case"):
        ranks = endless(stories, truth(protocol), acquiescence=ACQUIESCENCE, spread=OWN_ACQUIESCENCE, tie=TIE)
        found[str(case)] = {str(value): float(rank) for value, rank in ranks.items()}
    return found


class Persona(Person):
    """One simulated participant of an elicitation."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.strength = truth(world.protocol)
        self.stories = stories(world.protocol)
        self.yes = ACQUIESCENCE + OWN_ACQUIESCENCE * float(self.rng.normal())
        values = library(world.protocol)
        self.holds = values[int(self.rng.integers(len(values)))]
        say = world.protocol.say
        held = Card(say(self.holds.title), say(self.holds.description), tuple(map(say, self.holds.policies)))
        self.talker = Talker(held, [world.protocol.assumptions.seed, 17, seed])
        self.again = np.random.default_rng([world.protocol.assumptions.seed, 29, seed]).random() < AGAIN

    def looks_again(self, page: ShownPage) -> bool:
        return self.talker.looks_again(page.html)

    def answers(self, page: ShownPage) -> dict[str, list[str]]:
        found = super().answers(page)
        own = self.own_words()
        if any(control.name == "leave" for control in page.controls):
            speaks = any(control.name == "message" for control in page.controls)
            own |= self.talker.answer(page.html, may_speak=speaks)
        for control in page.controls:
            if control.name in own:
                found[control.name] = [own[control.name]]
            elif control.name == "chosen":
                found["chosen"] = self.wisest(control.values)
            elif control.name == "verdict":
                found["verdict"] = [self.verdict(*self.told(page))]
            elif control.name == "why":
                found["why"] = ["I have seen something like it."] if self.rng.random() < COMMENTS else [""]
        return found

    def own_words(self) -> dict[str, str]:
        """What this person writes on the pages of the values card: the value they hold."""
        say = self.world.protocol.say
        policies = [say(policy) for policy in self.holds.policies]
        words = dict(zip(PLACES, [*policies, *[""] * (len(PLACES) - len(policies))], strict=True))
        return words | {
            "title": say(self.holds.title),
            "description": say(self.holds.description),
            "story": "Years ago somebody came to me with something like this, and I stayed with it for a while.",
            "attention": "I noticed what I always notice: " + policies[0],
            "otherwise": "All of it.",
            "decision": APPROVE,
            "share": "yes" if self.leaning > 0 else "no",
            "again": "yes" if self.again else "no",
        }

    def wisest(self, offered: tuple[str, ...]) -> list[str]:
        """The two that seem wisest, with some noise."""
        seems = {value: self.strength.get(value, 0.0) + float(self.rng.gumbel()) for value in offered}
        return sorted(seems, key=lambda value: -seems[value])[:2]

    def told(self, page: ShownPage) -> tuple[str, str]:
        """Which way the story on the page runs. Raises LookupError for a story that the protocol does not hold."""
        shown = html.unescape(page.html)
        for text, ends in self.stories.items():
            if text in shown:
                return ends
        raise LookupError(f"no known story on {page.key}")

    def verdict(self, lower: str, upper: str) -> str:
        """One answer under the pairwise model."""
        eta = self.strength[upper] - self.strength[lower] + self.yes
        weights = np.array([math.exp(eta / 2), math.exp(-eta / 2), math.exp(TIE)])
        return str(self.rng.choice(["wiser", "not_wiser", "unsure"], p=weights / weights.sum()))
