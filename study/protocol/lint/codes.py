"""What the linter can say: every code with its level, and why it matters. docs/reference/linter.md lists the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Code:
    """A kind of finding. Errors stop a registration; warnings and notes are shown and recorded."""

    level: Level
    why: str


CODES: dict[str, Code] = {
    # sample and people
    "no-stopping-rule": Code(
        "error",
        "Without a rule for stopping, collection can be stopped when the result pleases.",
    ),
    "until-not-a-date": Code(
        "error",
        "The last day of collection must be a date (2027-06-30) to be compared with the real one.",
    ),
    "no-rationale": Code("warning", "A reader should learn why this number of participants."),
    "target-not-blocks": Code(
        "warning",
        "A sample that fills no whole number of blocks leaves the arms unequal.",
    ),
    "arm-never-assigned": Code("error", "With so few places some arm gets nobody."),
    "power-never-simulated": Code(
        "warning",
        "Nobody knows yet whether this sample can show what the hypotheses say.",
    ),
    "contact-placeholder": Code("warning", "Participants must reach a real person."),
    "no-ethics": Code("warning", "Participants and reviewers look for the board that approved the study."),
    "panel-without-link": Code("error", "People of a panel are paid by the link back with their code."),
    "no-payment": Code("note", "A panel study without pay: is that meant?"),
    # arms, items and phrasings
    "one-arm": Code("warning", "Nothing can be compared with a single arm."),
    "arms-identical": Code("warning", "Two arms that differ in nothing cannot differ in effect."),
    "unbalanced-items": Code(
        "warning",
        "Where truth and the AI's rightness go together, relying on the AI and answering one way look "
        "alike.",
    ),
    "advice-one-sided": Code(
        "warning",
        "With an AI that is always right (or always wrong) over- or underreliance is undefined.",
    ),
    "item-without-advice": Code("warning", "In the arms with an AI this item shows none."),
    "item-twice": Code("warning", "The same question twice is one question with two answers."),
    "item-never-shown": Code("warning", "An item that no stage shows collects nothing."),
    "hedge-never-shown": Code("error", "An arm whose phrasing no item carries is the arm without it."),
    "hedged-unevenly": Code(
        "warning",
        "Hedged roles that do not divide evenly over the cells tie hedging to them.",
    ),
    "phrasing-unused": Code("warning", "A phrasing that no arm uses is left over or forgotten."),
    "hedge-with-number": Code(
        "error",
        "'I'm not sure' and 'it is not clear' have no agreed number; giving one changes what is studied.",
    ),
    "sentence-start": Code("note", "Shown plainly, the answer opens with a small letter: give it a lead."),
    "source-number": Code("warning", "The answer points to a numbered link that the item does not have."),
    "wrong-answer-without-correction": Code("error", "Whoever saw a wrong answer must learn what is true."),
    "wrong-answer-without-debrief": Code(
        "error",
        "Whoever saw a wrong answer must be offered the debrief, in every arm.",
    ),
    # live and replayed answers
    "model-unnamed": Code(
        "warning",
        "Whichever model answers is told as a deviation, for nobody registered which one it would be.",
    ),
    "live-without-prompt": Code("error", "What the model is told decides what people read: it is registered."),
    "live-not-pinned": Code("error", "A setting that the service chooses may change between two participants."),
    "live-without-seed": Code("note", "Without a seed the same question may be answered in other words."),
    "live-without-fallback": Code("error", "When no answer comes in time people must read something."),
    "live-verdict-unknown": Code(
        "warning",
        "Where it is not determined what an answer says, agreement and rightness are missing.",
    ),
    "live-opening-phrased": Code(
        "warning",
        "An answer that opens with a phrase has no verdict in its opening: ask for it ('extracted').",
    ),
    "live-without-probes": Code(
        "warning",
        "A service may change its model during collection; probes would show it.",
    ),
    "probes-without-live": Code("note", "Probes of a model whose answers nobody reads: is that meant?"),
    # the flow
    "no-consent": Code("error", "Nobody takes part without having agreed."),
    "consent-not-first": Code("error", "Nothing is asked or recorded before consent."),
    "no-completion": Code("error", "Without a last page nobody gets a code."),
    "completion-not-last": Code("error", "What comes after the code is lost."),
    "no-trials": Code("error", "There are items and no stage that shows them."),
    "trials-without-items": Code("error", "There is nothing to show."),
    "assigned-too-late": Code("error", "A stage needs the arm before a place in the schedule is claimed."),
    "comprehension-unexplained": Code("error", "A wrong answer is explained before it is asked again."),
    "scale-without-anchors": Code("error", "Points without words mean something else to everybody."),
    "scale-never-shown": Code("warning", "A scale that no stage shows collects nothing."),
    "scale-not-reversed": Code(
        "note",
        "Without a reverse-coded statement agreeing with everything looks like an attitude.",
    ),
    "column-twice": Code("error", "Two questions write the same column."),
    "column-reserved": Code("error", "The tables already have a column of this name."),
    "foil-is-item": Code("error", "A foil that was asked is no foil."),
    "foils-uneven": Code(
        "note",
        "With as many foils as items, saying yes to everything scores no better than chance.",
    ),
    # texts
    "text-missing": Code("warning", "People of this language read the first language here."),
    "text-in-one-language": Code(
        "note",
        "Given once, these texts are shown alike to people of every language.",
    ),
    # the plan
    "no-hypothesis": Code("warning", "A registration without hypotheses confirms nothing."),
    "hypothesis-without-analysis": Code("error", "A hypothesis needs the model that tests it."),
    "analysis-without-hypothesis": Code(
        "error",
        "A model that tests no hypothesis is exploratory: say so in its role.",
    ),
    "model-without-outcome": Code("error", "The model's outcome is not declared."),
    "outcome-unused": Code("warning", "A declared outcome that nothing analyses is forgotten or held back."),
    "plan-id-twice": Code("error", "Two parts of the plan have the same name."),
    "formula-unreadable": Code("error", "The formula cannot be read."),
    "unknown-column": Code("error", "The tables have no such column."),
    "unknown-level": Code("error", "The factor has no such value."),
    "factor-not-in-model": Code("error", "A contrast needs its factor in the model."),
    "contrast-with-itself": Code("error", "A level compared with itself differs by nothing."),
    "outcome-does-not-fit": Code("error", "The model's family is not made for this kind of outcome."),
    "no-random-effects": Code(
        "warning",
        "Answers of one person, and answers to one item, are not independent.",
    ),
    "few-items": Code(
        "warning",
        "A difference between kinds of items is tested with about as many degrees of freedom as there are items, "
        "less one a parameter.",
    ),
    "item-effect-by-z": Code(
        "warning",
        "A z test takes the items as endlessly many: with few of them its p is too small.",
    ),
    "slope-left-out": Code(
        "warning",
        "An effect that differs between people (or between items) and is taken as the same for all is found too often.",
    ),
    "more-slopes-than-trials": Code(
        "warning",
        "A participant's random effects cannot outnumber their answers.",
    ),
    "few-events": Code(
        "warning",
        "With fewer than ten of the rarer answer a parameter, estimates are too extreme and may separate.",
    ),
    "family-undeclared": Code("warning", "Several hypotheses of a family need a declared correction."),
    "two-stage-measure": Code("error", "This needs an answer before the advice; a one-stage flow has none."),
    "not-a-probability": Code(
        "error",
        "Calibration is of stated probabilities; a rating on a few points is none.",
    ),
    "measure-without-advice": Code("error", "Reliance cannot be measured where no arm shows advice."),
    "exclusion-after-treatment": Code(
        "error",
        "Leaving people out by something the arm could change breaks the comparison of arms.",
    ),
    "exclusion-explained": Code(
        "note",
        "This exclusion uses something measured after treatment; its reason is registered with it.",
    ),
    "exclusion-measured-late": Code(
        "error",
        "The rule says 'before', but its column is measured after the arm is assigned.",
    ),
    "assumption-unknown": Code("warning", "The simulation would ignore this."),
}  # fmt: skip
