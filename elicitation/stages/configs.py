"""What a protocol says about an elicitation: cases, the library of values, the upgrades and their stories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from django.utils.translation import gettext_noop as _
from pydantic import Field

from analysis.plan.types import Frozen, Id
from elicitation.values.cards import POLICIES
from study.protocol.types import Protocol, Stage, Text, only_if_given

Context = Annotated[str, Field(min_length=3, max_length=200)]
Broken = tuple[tuple[str | int, ...], str, tuple[str, ...]]


class Case(Frozen):
    """A question that somebody put to an AI, deliberated on."""

    id: Id
    title: Text
    question: Text
    about: Text = Field(default="", description="what one has to know of the situation")
    contexts: list[Context] | None = only_if_given(
        "situations of choice within the case, beside those of the stories; the model proposes upgrades in them too"
    )


class LibraryValue(Frozen):
    """A value that participants may meet beside those of others."""

    id: Id
    title: Text
    description: Text
    policies: list[Text] = Field(min_length=POLICIES[0], max_length=POLICIES[1])


class UpgradeStory(Frozen):
    """A move from one value to another in a context, told in both directions in the first person."""

    id: Id
    from_value: Id
    to_value: Id
    context: Context = Field(description="begins with 'When'; names the subgraph")
    cases: list[Id] = Field(default=[], description="shown to those who chose one of these; empty: to all")
    story: Text = Field(description="from `from_value` to `to_value`")
    back: Text = Field(description="from `to_value` to `from_value`: as good a story")


class ValuesCardStage(Stage):
    """From a personal story to a values card: by a conversation with the model where `interview` is on, by a form that
    leads through the same steps where it is off or the model is away."""

    kind: Literal["values-card"] = "values-card"
    intro: Text = ""
    cases: list[Case] = Field(min_length=1, max_length=20)
    interview: bool = False
    ask_to_share: bool = Field(default=True, description="ask whether other participants may read the card")
    follow_up: Literal["ask"] | None = only_if_given(
        "ask: whoever agrees is shown, when the study is closed, what became of their card and where its value "
        "stands, and asked whether both are right"
    )

    def broken(self, protocol: Protocol) -> Iterable[Broken]:
        yield from _twice("cases", [case.id for case in self.cases])
        if sum(stage.kind == self.kind for stage in protocol.flow) > 1:
            yield (), "A flow has one values-card stage", ()

    @property
    def asks_model(self) -> bool:
        """The interviewer and the critic."""
        return self.interview


class ChooseValuesStage(Stage):
    """Values of others, drawn by the seed; the participant picks those that are wisest for the case."""

    kind: Literal["choose-values"] = "choose-values"
    intro: Text = ""
    prompt: Text = _("Which of these would it be wise to attend to in this case?")
    values: list[LibraryValue] = Field(min_length=2, max_length=500)
    shown: int = Field(default=6, ge=2, le=12)
    at_least: int = Field(default=2, ge=1)
    others: bool = Field(
        default=False,
        description="draw from participants' shared cards too, and propose upgrades between their values",
    )

    def broken(self, protocol: Protocol) -> Iterable[Broken]:
        yield from _twice("values", [value.id for value in self.values])
        yield from _after(self, protocol, "values-card")
        most = min(self.shown, len(self.values))
        if self.shown > len(self.values):
            yield (
                ("shown",),
                f"{self.shown} are shown, but the library has {len(self.values)}",
                (f"2 to {most}",),
            )
        if self.at_least > most:
            yield ("at_least",), f"Nobody can choose {self.at_least} of {most}", (f"1 to {most}",)


class CompareValuesStage(Stage):
    """Stories of people who moved from one value to another: did they become wiser?"""

    kind: Literal["compare-values"] = "compare-values"
    intro: Text = ""
    prompt: Text = _("Did this person become wiser?")
    upgrades: list[UpgradeStory] = Field(min_length=1, max_length=2000)
    count: int = Field(default=3, ge=1, le=20, description="stories a participant")
    own: float = Field(
        default=3.0, ge=1, le=100, description="how much likelier a pair with a chosen value is drawn"
    )
    public: bool = Field(
        default=False, description="the graph may be seen by everybody once the study is closed"
    )

    stories: Literal["approved"] | None = only_if_given(
        "approved: draw from the upgrades that the model proposed and a person approved; those above where none is left"
    )

    def broken(self, protocol: Protocol) -> Iterable[Broken]:
        yield from _twice("upgrades", [upgrade.id for upgrade in self.upgrades])
        yield from _after(self, protocol, "choose-values")
        yield from _after(self, protocol, "values-card")
        known = [
            value.id
            for stage in protocol.flow
            if isinstance(stage, ChooseValuesStage)
            for value in stage.values
        ]
        cases = [
            case.id for stage in protocol.flow if isinstance(stage, ValuesCardStage) for case in stage.cases
        ]
        for number, upgrade in enumerate(self.upgrades):
            yield from self._ends(("upgrades", number), upgrade, known, cases)
        for case in cases:
            enough = sum(not upgrade.cases or case in upgrade.cases for upgrade in self.upgrades)
            if enough < self.count:
                yield (
                    ("count",),
                    f"Case '{case}' has {enough} upgrades, {self.count} are to be shown",
                    (f"1 to {enough}",),
                )

    @staticmethod
    def _ends(
        path: tuple[str | int, ...], upgrade: UpgradeStory, known: list[str], cases: list[str]
    ) -> Iterator[Broken]:
        for name in ("from_value", "to_value"):
            if getattr(upgrade, name) not in known:
                yield (*path, name), f"There is no value '{getattr(upgrade, name)}'", tuple(known)
        if upgrade.from_value == upgrade.to_value:
            yield (*path, "to_value"), "An upgrade leads to another value", ()
        for number, case in enumerate(upgrade.cases):
            if case not in cases:
                yield (*path, "cases", number), f"There is no case '{case}'", tuple(cases)


def _twice(name: str, ids: list[str]) -> Iterator[Broken]:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            yield (name, number, "id"), f"'{one}' is there twice", ()


def _after(stage: Stage, protocol: Protocol, kind: str) -> Iterator[Broken]:
    """Nobody's cards before one's own, no votes before the values were met: for every arm that has the stage."""
    order = list(protocol.stages_by_id)
    before = [one for one in protocol.flow[: order.index(stage.id)] if one.kind == kind]
    arms = set(stage.arms or protocol.arms_by_id)
    if not any(arms <= set(one.arms or protocol.arms_by_id) for one in before):
        yield (), f"A '{stage.kind}' stage needs a '{kind}' stage before it in the same arms", (kind,)
