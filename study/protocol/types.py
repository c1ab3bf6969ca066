"""The protocol: one validated document that is registered, met by participants, and analysed.

YAML on disk, these types in memory, canonical JSON when frozen. Stage kinds are open: an app registers its own
(`study.stages.registry`), so that `study` never names `elicitation`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from analysis.plan.types import Column, Frozen, Id, Plan, Scalar

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")]
Text = Annotated[str, StringConstraints(max_length=20_000)] | dict[Language, str]
"""A text in the protocol's first language, or one text per language."""


class Contact(Frozen):
    """Who answers participants."""

    name: str
    email: str
    institution: str = ""
    ethics: str = Field(default="", description="the board and its reference number")


class Advice(Frozen):
    """What the AI says on one item. The arm changes only the phrase before `body`; `body` stays byte-identical."""

    answer: Scalar = Field(description="the AI's answer: one of the options, or a probability 0-100; `unsure` is allowed")
    lead: Text = Field(default="", description="opens the plain answer, e.g. 'Yes,'; dropped when a phrase is put before")
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
    options: dict[Id, Text] = Field(default={"yes": "Yes", "no": "No"}, description="answer id to label; order is kept")
    truth: Scalar
    advice: Advice | None = None
    sources: list[Source] = []
    correction: Text = ""
    provenance: str = Field(default="", description="where the fact comes from")
    tags: dict[Column, Scalar] = {}


class Phrasing(Frozen):
    """How sure the answer sounds. `plain` is the body with its lead. Tied to no number."""

    id: Id
    person: Literal["first", "general", "none"] = "none"
    direction: Literal["weakener", "strengthener", "plain"] = "plain"
    strength: Literal["weak", "medium", "strong"] | None = None
    placement: Literal["prefix", "suffix", "inline", "numeric"] = "prefix"
    text: Text = ""
    items: dict[Id, Text] = Field(default={}, description="item id to phrase, where one phrase does not fit all")


class Hedged(Frozen):
    """Which items of an arm carry its phrasing: `all`, or `count` of them, rotated over participants so that every item
    takes the role equally often, and balanced over `balance` (a tag, `ai_correct` or `truth`)."""

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

    kinds: likert (points, anchors), semantic (left/right ends), choice, select (all that apply), text, number, slider
    (0-100, with a number box beside it), honeypot (invisible to people).
    """

    id: Column
    kind: Literal["likert", "semantic", "choice", "select", "text", "number", "slider", "honeypot"]
    text: Text
    help: Text = ""
    anchors: list[Text] = Field(default=[], description="likert: one label a point; semantic: the two ends")
    points: int = Field(default=5, ge=2, le=11)
    options: dict[Id, Text] = {}
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


class Entry(Frozen):
    """How people arrive."""

    mode: Literal["panel", "personal", "open"] = "open"
    panel: Literal["prolific", "other"] | None = None
    completion_url: str = Field(default="", description="with {code}; where the last page sends people of a panel")


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


class Payment(Frozen):
    """What people get, and for what."""

    currency: str = "GBP"
    base: float = 0.0
    bonus: str = ""


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
    budget_usd: float = 0.0


class Assumptions(Frozen):
    """What the power simulation and the simulated cohort take to be true; by arm id. Never used in an analysis."""

    agree_right: dict[Id, float] = {}
    agree_wrong: dict[Id, float] = {}
    accuracy_alone: float = 0.55
    participant_sd: float = 0.6
    item_sd: float = 0.4
    scales: dict[Column, dict[Id, float]] = Field(default={}, description="mean score by arm")
    dropout: float = Field(default=0.05, ge=0, lt=1)
    inattentive: float = Field(default=0.03, ge=0, lt=1)
    switch: dict[Id, float] = Field(default={}, description="two-stage: chance to move to contradicting advice")
    seed: int = 404


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
    items: list[Item] = []
    scales: list[Scale] = []
    flow: list[Any] = Field(min_length=1, description="stages in order; each is validated by its kind")
    randomisation: Randomisation = Randomisation()
    sample: Sample
    session: Session = Session()
    payment: Payment = Payment()
    integrity: Integrity = Integrity()
    model: ModelSettings | None = None
    plan: Plan
    assumptions: Assumptions = Assumptions()
    exploratory: list[str] = Field(default=[], description="questions that are said to be exploratory")
    two_people: bool = Field(default=False, description="registration, amendments and unblinding need a second person")
