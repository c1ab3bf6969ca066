"""The protocol: one validated document that is registered, met by participants, and analysed.

YAML on disk, these types in memory, canonical JSON when frozen. Stage kinds are open: an app registers its
own (`study.stages.registry`), so that `study` never names `elicitation`. What one field says of another (an
arm's phrasing, an item's truth among its options) is checked in `study.protocol.references` whenever a
document is read.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext_noop as _
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializeAsAny,
    WithJsonSchema,
    model_validator,
)

from analysis.plan.types import Column, Frozen, Id, Plan, Scalar
from study.protocol.advice import Live, Probes, Replay
from study.protocol.texts import Language as Language
from study.protocol.texts import Text as Text
from study.protocol.texts import Words as Words

UNSURE = "unsure"
"""The verdict of an AI that does not decide; allowed as `advice.answer` on every kind of item."""


def _options_in_order(value: object) -> object:
    """Options as written (a mapping) or as frozen (a list of id and label, since canonical JSON sorts mappings)."""
    if isinstance(value, list) and all(isinstance(v, dict) and set(v) == {"id", "label"} for v in value):
        return {option["id"]: option["label"] for option in value}
    return value


def _options_as_list(options: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": key, "label": label} for key, label in options.items()]


Options = Annotated[
    dict[Id, Text],
    Field(max_length=50),
    BeforeValidator(_options_in_order),
    PlainSerializer(_options_as_list),
]
"""Answer id to label, in the order shown. Frozen as a list, because canonical JSON sorts the keys of mappings."""


def only_if_given(description: str) -> Any:
    """A field that is left out of the document where it is not set, so that documents without it keep their hash."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


def _stage(value: object) -> object:
    from study.protocol.flow import validated

    return validated(value)


class Contact(Frozen):
    """Who answers participants."""

    name: str
    email: str
    institution: str = ""
    ethics: str = Field(default="", description="the board and its reference number")


class Advice(Frozen):
    """What the AI says on one item. The arm changes only the phrase before `body`; `body` stays byte-identical."""

    answer: Scalar = Field(
        description="the AI's answer: one of the options, or a probability 0-100; `unsure` is allowed"
    )
    lead: Text = Field(
        default="", description="opens the plain answer, e.g. 'Yes,'; dropped when a phrase is put before"
    )
    body: Text
    probability: float | None = Field(default=None, ge=0, le=100)


class Source(Frozen):
    """A numbered link under the AI's answer; opens in a new tab and is logged."""

    title: Text
    url: str


class Item(Frozen):
    """One question with its truth, the AI's answer, and the correction shown at debrief."""

    id: Id
    question: Text
    kind: Literal["binary", "choice", "probability"] = "binary"
    options: Options = Field(
        default={"yes": _("Yes"), "no": _("No")}, description="answer id to label; order is kept"
    )
    truth: Scalar = Field(description="the option that is right; for probability items a number 0-100")
    advice: Advice | None = None
    sources: list[Source] = []
    correction: Text = ""
    provenance: str = Field(default="", description="where the fact comes from")
    tags: dict[Column, Scalar] = {}


class Step(Frozen):
    """The phrase for answers whose probability is at least `least` percent, and below the next step's."""

    least: float = Field(ge=0, le=100)
    text: Text


class Phrasing(Frozen):
    """How sure the answer sounds. `plain` is the body with its lead. Tied to no number, unless a table says so
    (`by_probability`): then an answer sounds as sure as the AI is."""

    id: Id
    person: Literal["first", "general", "none"] = "none"
    direction: Literal["weakener", "strengthener", "plain"] = "plain"
    strength: Literal["weak", "medium", "strong"] | None = None
    placement: Literal["prefix", "suffix", "inline", "numeric"] = "prefix"
    text: Text = ""
    items: dict[Id, Text] = Field(
        default={}, description="item id to phrase, where one phrase does not fit all"
    )
    answers: dict[Id, Text] | None = only_if_given(
        "item id to the whole answer, where it is rewritten: shown instead of lead, phrase and body"
    )
    drafted: Literal["first-person", "general", "strengthened", "numeric", "verbal"] | None = only_if_given(
        "which kind of drafted texts it takes; only approved ones can be registered"
    )
    by_probability: list[Step] | None = only_if_given(
        "the phrase by `advice.probability`: that of the highest step it reaches"
    )

    def phrase_of(self, item: Item) -> Text:
        """The item's own phrase, the one of its step, or the one for all items."""
        if item.id in self.items:
            return self.items[item.id]
        sure = item.advice.probability if item.advice else None
        reached = [step for step in self.by_probability or () if sure is not None and step.least <= sure]
        return max(reached, key=lambda step: step.least).text if reached else self.text


class Hedged(Frozen):
    """Which items of an arm carry its phrasing: `all`, or `count` of them, rotated over participants so that
    every item takes the role equally often, and balanced over `balance` (a tag, `ai_correct` or `truth`)."""

    count: int | Literal["all"] = "all"
    balance: list[Column] = ["ai_correct"]


class Arm(Frozen):
    """A condition. Without `advice` no AI answer is shown."""

    id: Id
    label: str
    description: str = ""
    advice: bool = True
    phrasing: Id = "plain"
    hedged: Hedged = Hedged()
    weight: int = Field(default=1, ge=1, le=20)


class Question(Frozen):
    """One thing asked on a page; its id is its column.

    kinds: likert (points, anchors), semantic (left/right ends), choice, select (all that apply), text,
    number, slider (0-100, with a number box beside it), honeypot (invisible to people, so never required).
    """

    id: Column
    kind: Literal["likert", "semantic", "choice", "select", "text", "number", "slider", "honeypot"]
    text: Text
    help: Text = ""
    anchors: list[Text] = Field(default=[], description="likert: one label a point; semantic: the two ends")
    points: int = Field(default=5, ge=2, le=11)
    options: Options = {}
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = Field(default=2000, ge=1, le=20_000)
    required: bool = True
    arms: list[Id] = Field(default=[], description="asked only in these arms; empty: in all")


class ScaleItem(Frozen):
    """One statement of a scale. For a semantic differential `text` is the left end and `right` the right end."""

    id: Column
    text: Text
    right: Text = ""
    reverse: bool = False


class Scale(Frozen):
    """Several statements, one score: the mean of its items after reverse coding."""

    id: Column
    title: Text
    kind: Literal["likert", "semantic"] = "likert"
    stem: Text = ""
    anchors: list[Text]
    points: int = Field(default=5, ge=2, le=11)
    items: list[ScaleItem] = Field(min_length=1)
    arms: list[Id] = []
    source: str = ""


class Stage(Frozen):
    """A step of the flow. Subclasses (one a kind) live in `study.stages` and in other apps."""

    id: Id
    kind: str
    title: Text = ""
    arms: list[Id] = Field(default=[], description="only in these arms; empty: in all")

    def broken(self, protocol: "Protocol") -> Iterable[tuple[tuple[str | int, ...], str, tuple[str, ...]]]:
        """What this stage says of other parts of the protocol and does not hold: path in the stage, why, allowed."""
        return ()

    @property
    def asks_model(self) -> bool:
        """Does it put questions of its own to a language model?"""
        return False


class Entry(Frozen):
    """How people arrive."""

    mode: Literal["panel", "personal", "open"] = "open"
    panel: Literal["prolific", "other"] | None = None
    completion_url: str = Field(
        default="", description="with {code}; where the last page sends people of a panel"
    )


class Randomisation(Frozen):
    """Permuted blocks over arms (each block holds every arm `weight` times `repeats`), within strata if any."""

    after: Id = Field(default="consent", description="the stage after which a slot is claimed")
    repeats: int = Field(default=2, ge=1, le=10)
    strata: list[Column] = Field(default=[], description="choice questions asked before `after` ends")
    item_order: Literal["random", "fixed"] = "random"


class Sample(Frozen):
    """How many, why, and when to stop."""

    target: int = Field(ge=2, le=1_000_000, description="completed participants over all arms")
    rationale: str = ""
    stopping: str = Field(default="", description="the rule in a sentence")
    until: str = Field(default="", description="latest date of collection, ISO 8601")
    power_target: float = Field(default=0.8, gt=0, lt=1)


class Session(Frozen):
    """Time limits. A session idle for `idle_minutes` gives its slot back; the person may still go on."""

    idle_minutes: int = Field(default=60, ge=1, le=10_080)
    minutes: int = Field(default=20, description="how long it takes, as said at consent")


class BonusRule(Frozen):
    """What is paid on top, by count. The sentence that people read is `payment.bonus`."""

    per: Literal["correct"] = Field(description="right final answers are counted")
    amount: float = Field(gt=0, le=100, description="for each, in the payment's currency")
    cap: float | None = Field(default=None, gt=0, le=1000, description="at most so much a person")


class Payment(Frozen):
    """What people get, and for what."""

    currency: str = "GBP"
    base: float = 0.0
    bonus: str = ""
    bonus_rule: BonusRule | None = only_if_given("how a bonus is computed once the study is closed")


class Integrity(Frozen):
    """Thresholds that flag a participant (never reject)."""

    min_seconds_per_trial: float = 2.0
    max_hidden_seconds: float = 600.0
    max_pastes: int = 0
    honeypot: bool = True


class ModelSettings(Frozen):
    """The language model a study may ask, pinned."""

    name: str
    temperature: float | None = None
    max_tokens: int = 800
    seed: int | None = None
    prompt: str = ""
    budget_usd: float = Field(
        default=0.0,
        ge=0,
        description="what the study's model calls may cost in USD; then they are refused. 0: no limit",
    )


class Assumptions(Frozen):
    """What the power simulation and the simulated cohort take to be true; by arm id. Never used in an analysis."""

    agree_right: dict[Id, float] = Field(
        default={},
        description="mean agreement with right advice, on trials that carry the arm's phrasing",
    )
    agree_wrong: dict[Id, float] = {}
    accuracy_alone: float = 0.55
    participant_sd: float = 0.6
    item_sd: float = 0.4
    scales: dict[Column, dict[Id, float]] = Field(default={}, description="mean score by arm")
    dropout: float = Field(default=0.05, ge=0, lt=1)
    inattentive: float = Field(default=0.03, ge=0, lt=1)
    switch: dict[Id, float] = Field(
        default={}, description="two-stage: chance to move to contradicting advice"
    )
    seed: int = 404


PLAIN = Phrasing(id="plain")
FlowStage = Annotated[
    SerializeAsAny[Stage],
    BeforeValidator(_stage),
    WithJsonSchema({"type": "object", "description": "a stage of one of the known kinds"}),
]


class Protocol(Frozen):
    """The whole document."""

    heed: Literal[1] = Field(description="version of the protocol format")
    id: Id
    version: str
    title: Text
    summary: Text = ""
    authors: list[str] = []
    licence: str = "CC-BY-4.0"
    choices: list[str] = Field(default=[], description="what the source leaves unknown and we chose")
    languages: list[Language] = ["en"]
    contact: Contact
    paradigm: Literal["one-stage", "two-stage"] = "one-stage"
    entry: Entry = Entry()
    arms: list[Arm] = Field(min_length=1)
    phrasings: list[Phrasing] = []
    items: list[Item] = Field(default=[], max_length=2000)
    scales: list[Scale] = []
    flow: list[FlowStage] = Field(min_length=1, description="stages in order; each is validated by its kind")
    randomisation: Randomisation = Randomisation()
    sample: Sample
    session: Session = Session()
    payment: Payment = Payment()
    integrity: Integrity = Integrity()
    model: ModelSettings | None = None
    live: Live | None = only_if_given("the AI's answers are asked for while the participant waits")
    replay: Replay | None = only_if_given("the AI's answers are recorded ones of an earlier study")
    probes: Probes | None = only_if_given("questions asked again and again, to notice a model that changes")
    plan: Plan
    assumptions: Assumptions = Assumptions()
    exploratory: list[str] = Field(default=[], description="questions that are said to be exploratory")
    two_people: bool = Field(
        default=False, description="registration, amendments and unblinding need a second person"
    )
    approvals: Literal[1, 2] | None = only_if_given(
        "how many people approve a drafted text before it can be used"
    )

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        from study.protocol.references import require

        require(self)
        return self

    @cached_property
    def items_by_id(self) -> dict[str, Item]:
        """Items by id, in the document's order."""
        return {item.id: item for item in self.items}

    @cached_property
    def arms_by_id(self) -> dict[str, Arm]:
        """Arms by id, in the document's order."""
        return {arm.id: arm for arm in self.arms}

    @cached_property
    def phrasings_by_id(self) -> dict[str, Phrasing]:
        """Phrasings by id. `plain` is always there: the answer as it is."""
        return {"plain": PLAIN} | {phrasing.id: phrasing for phrasing in self.phrasings}

    @cached_property
    def scales_by_id(self) -> dict[str, Scale]:
        """Scales by id."""
        return {scale.id: scale for scale in self.scales}

    @cached_property
    def stages_by_id(self) -> dict[str, Stage]:
        """Stages by id, in the order of the flow."""
        return {stage.id: stage for stage in self.flow}

    @property
    def varies(self) -> bool:
        """Are the AI's words no part of the items, but asked for live or replayed? Then every item of an arm carries
        the arm's phrasing, and whether an answer is right is known a trial at a time."""
        return self.live is not None or self.replay is not None

    @cached_property
    def hedgeable(self) -> tuple[str, ...]:
        """Ids of the items that can carry a phrasing: those whose AI answer is a definite one."""
        return tuple(item.id for item in self.items if item.advice and item.advice.answer != UNSURE)

    def say(self, text: str | Mapping[str, str], language: str = "") -> str:
        """The text in that language; else in the protocol's first language; else in any it has ('' if none)."""
        if isinstance(text, str):
            return text
        for wanted in (language, self.languages[0]):
            if wanted in text:
                return text[wanted]
        return next(iter(text.values()), "")

    def ai_correct(self, item: Item) -> bool | None:
        """Whether the AI's answer to the item is right; None without an answer or where the AI is unsure.

        A probability (0-100) is right when it lies on the truth's side of 50; on 50 it says nothing (None).
        """
        if item.advice is None or item.advice.answer == UNSURE:
            return None
        if item.kind != "probability":
            return item.advice.answer == item.truth
        said, truth = float(item.advice.answer), float(item.truth)
        return None if 50.0 in (said, truth) else (said > 50) == (truth > 50)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy without the look-up tables, which an update would leave stale. An update is not validated."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(copied.__dict__) - set(type(self).model_fields):
            del copied.__dict__[name]
        return copied
