"""Every finding of the linter is triggered by breaking a clean protocol in one place, with the line where it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from study.protocol import lint, read, read_document
from study.protocol.lint import CODES
from tests.study.protocol.small import TEXT, edited, small

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "linter.md"


class Slip(NamedTuple):
    """A code, what is edited to bring it about, and where it is reported."""

    code: str
    old: str
    new: str
    where: str
    message: str = ""


STOPPING = "  stopping: Collection ends with the 40th completed participant.\n"
FORMULA = "formula: arm + (1 | participant) + (1 | item)"
HONEYPOT = "- {id: website, kind: honeypot, text: Leave this empty., required: false}"
CONTRAST = "contrast: {factor: arm, level: hedged, reference: control}"
MODELS = "    - {id: trust-by-arm, outcome: trust, formula: arm, family: gaussian, role: exploratory}"

SLIPS = [
    Slip("no-stopping-rule", STOPPING, "", "sample.stopping"),
    Slip("until-not-a-date", '"2027-01-31"', "next spring", "sample.until", "'next spring' is no date"),
    Slip("no-rationale", "  rationale: As many as we can pay.\n", "", "sample.rationale", "why 40"),
    Slip("target-not-blocks", "target: 40", "target: 41", "sample.target", "blocks of 4; 40 or 44 would"),
    Slip("arm-never-assigned", "", "", "sample.target", "need 21 together"),
    Slip("contact-placeholder", "ada@university.test", "ada@example.org", "contact.email"),
    Slip("no-ethics", ", ethics: Board 7/2026", "", "contact.ethics"),
    Slip("panel-without-link", "plan:\n", "entry: {mode: panel}\nplan:\n", "entry.completion_url"),
    Slip("no-payment", "plan:\n", "entry: {mode: panel}\nplan:\n", "payment.base"),
    Slip("one-arm", "", "", "arms"),
    Slip(
        "arms-identical",
        "    phrasing: first\n    hedged: {count: 2, balance: [ai_correct]}\n",
        "",
        "arms[hedged]",
    ),
    Slip(
        "unbalanced-items",
        'answer: no, lead: "No,", body: the second',
        'answer: yes, lead: "No,", body: the second',
        "items",
        "truth 'yes' and AI right: 2, truth 'yes' and AI wrong: 0",
    ),
    Slip("advice-one-sided", "", "", "items", "right on every item"),
    Slip(
        "item-without-advice",
        '    advice: {answer: no, lead: "No,", body: the second thing is not so.}\n',
        "",
        "items[two]",
    ),
    Slip("item-twice", "Is the second thing so?", "is the FIRST  thing so?", "items[two].question", "'one'"),
    Slip(
        "item-never-shown",
        "    kind: trials\n",
        "    kind: trials\n    items: [one, two, three]\n",
        "items[four]",
    ),
    Slip("hedge-never-shown", "count: 2", "count: 0", "arms[hedged].hedged"),
    Slip(
        "hedge-never-shown",
        "person: first",
        "person: first\n    placement: inline",
        "arms[hedged].phrasing",
        "{phrase}",
    ),
    Slip(
        "hedged-unevenly",
        "count: 2",
        "count: 3",
        "arms[hedged].hedged.count",
        "3 hedged items do not divide over 2 cells",
    ),
    Slip("phrasing-unused", "phrasing: first\n", "phrasing: plain\n", "phrasings[first]"),
    Slip(
        "hedge-with-number",
        "I'm not sure, but I would say that",
        "I'm not sure, about 60% sure, that",
        "phrasings[first].text",
    ),
    Slip(
        "sentence-start",
        'lead: "No,", body: the second',
        "body: the second",
        "items[two].advice.lead",
        "the second thing",
    ),
    Slip("source-number", "so. [1]", "so. [1, 2]", "items[one].advice.body", "[2]"),
    Slip(
        "wrong-answer-without-correction",
        "    correction: It is so.\n  - id: three",
        "  - id: three",
        "items[two]",
    ),
    Slip(
        "wrong-answer-without-debrief",
        "  - {id: debrief, kind: debrief, text: This is what it was about.}\n",
        "",
        "arms[control]",
    ),
    Slip(
        "wrong-answer-without-debrief",
        "kind: debrief, text",
        "kind: debrief, arms: [control], text",
        "arms[hedged]",
    ),
    Slip(
        "no-consent",
        'kind: consent\n    version: "1"\n    text: Please agree.',
        "kind: instructions\n    pages: [A]",
        "flow",
    ),
    Slip(
        "consent-not-first",
        "flow:\n",
        "flow:\n  - {id: hello, kind: instructions, pages: [Hello]}\n",
        "flow[consent]",
    ),
    Slip("no-completion", "  - {id: end, kind: completion}\n", "", "flow"),
    Slip(
        "completion-not-last",
        "kind: completion}\n",
        "kind: completion}\n  - {id: z, kind: feedback}\n",
        "flow[end]",
    ),
    Slip("no-trials", "", "", "flow"),
    Slip("trials-without-items", "", "", "flow[tasks]"),
    Slip(
        "assigned-too-late",
        "plan:\n",
        "randomisation: {after: tasks}\nplan:\n",
        "flow[tasks]",
        "only assigned after 'tasks'",
    ),
    Slip(
        "comprehension-unexplained",
        "explanation: It can be wrong.",
        'explanation: " "',
        "flow[check].statements[fallible].explanation",
    ),
    Slip("scale-without-anchors", "    anchors: [Disagree, Agree]\n", "    anchors: []\n", "scales[trust]"),
    Slip(
        "scale-without-anchors",
        "        anchors: [Not at all, Very]\n",
        "",
        "flow[tasks].questions[confidence]",
    ),
    Slip(
        "scale-without-anchors",
        "    anchors: [Disagree, Agree]\n    points: 5\n",
        "    kind: semantic\n    anchors: []\n",
        "scales[trust]",
        "both ends",
    ),
    Slip("scale-never-shown", "    scales: [trust]\n", "", "scales[trust]"),
    Slip("scale-not-reversed", ", reverse: true", "", "scales[trust]"),
    Slip(
        "column-twice",
        "  - {id: debrief,",
        "  - {id: more, kind: survey, scales: [trust]}\n  - {id: debrief,",
        "flow[more].scales[1]",
    ),
    Slip(
        "column-reserved",
        "- id: confidence\n",
        "- id: seconds\n",
        "flow[tasks].questions[seconds].id",
        "trials table",
    ),
    Slip("column-reserved", "id: website", "id: arm", "flow[exit].questions[arm].id", "participants table"),
    Slip(
        "foil-is-item", "Is the sixth thing so?", "Is the second thing so?", "flow[recognised].foils[foil-2]"
    ),
    Slip(
        "foils-uneven",
        '      - {id: foil-4, text: "Is the eighth thing so?"}\n',
        "",
        "flow[recognised].foils",
        "Foils: 3; items: 4",
    ),
    Slip(
        "model-unnamed",
        "  - id: exit\n",
        "  - id: card\n    kind: values-card\n    interview: true\n"
        "    cases: [{id: one, title: One, question: What now?}]\n  - id: exit\n",
        "flow[card]",
        "none is registered",
    ),
    Slip("text-missing", "title: A small study", "title: {en: A}\nlanguages: [en, de]", "title", "'de'"),
    Slip("text-in-one-language", "title: A small study", "title: A\nlanguages: [en, de]", "title"),
    Slip("no-hypothesis", "", "", "plan"),
    Slip(
        "hypothesis-without-analysis",
        "model: by-arm",
        "model: by-arms",
        "plan.hypotheses[h1].model",
        "Did you mean 'by-arm'?",
    ),
    Slip(
        "analysis-without-hypothesis",
        "role: exploratory",
        "role: secondary",
        "plan.models[trust-by-arm].role",
    ),
    Slip(
        "model-without-outcome",
        "outcome: agree\n",
        "outcome: agrees\n",
        "plan.models[by-arm].outcome",
        "Did you mean 'agree'?",
    ),
    Slip(
        "model-without-outcome",
        "  hypotheses:\n",
        "  summaries: [{outcome: nothing}]\n  hypotheses:\n",
        "plan.summaries[1].outcome",
    ),
    Slip(
        "outcome-unused",
        "    - {id: trust, label",
        "    - {id: right, label: Right, column: correct, kind: binary}\n    - {id: trust, label",
        "plan.outcomes[right]",
    ),
    Slip("plan-id-twice", MODELS, MODELS + "\n" + MODELS, "plan.models[trust-by-arm].id"),
    Slip("formula-unreadable", FORMULA, "formula: arm + (1 | participant", "plan.models[by-arm].formula"),
    Slip(
        "unknown-column",
        "column: agree, kind",
        "column: agreed, kind",
        "plan.outcomes[agree].column",
        "Did you mean 'agree'?",
    ),
    Slip("unknown-column", FORMULA, FORMULA + " + mood", "plan.models[by-arm].formula", "'mood'"),
    Slip("unknown-column", "column: honeypots", "column: honeypot", "plan.exclusions[bots].when[1].column"),
    Slip(
        "unknown-column",
        "  hypotheses:\n",
        "  measures: [{by: [arms]}]\n  hypotheses:\n",
        "plan.measures[1].by[1]",
    ),
    Slip(
        "unknown-column",
        "  hypotheses:\n",
        "  rank_tests: [{id: u, outcome: trust, factor: group, level: a, reference: b}]\n  hypotheses:\n",
        "plan.rank_tests[u]",
    ),
    Slip(
        "unknown-level",
        CONTRAST,
        CONTRAST.replace("level: hedged", "level: unsure"),
        "plan.hypotheses[h1].contrast.factor",
        "one of control, hedged",
    ),
    Slip(
        "unknown-level",
        "levels: {arm: [control, hedged]}",
        "levels: {arm: [control, hegded]}",
        "plan.levels.arm[2]",
    ),
    Slip(
        "unknown-level",
        "      family: binomial\n",
        '      family: binomial\n      subset: [{column: ai_correct, op: "==", value: yes}]\n',
        "plan.models[by-arm].subset[1].value",
        "true, false",
    ),
    Slip(
        "factor-not-in-model",
        CONTRAST,
        CONTRAST.replace("}", ", at: {ai_correct: false}}"),
        "plan.hypotheses[h1].contrast.at.ai_correct",
    ),
    Slip(
        "contrast-with-itself",
        CONTRAST,
        CONTRAST.replace("reference: control", "reference: hedged"),
        "plan.hypotheses[h1].contrast.factor",
    ),
    Slip(
        "outcome-does-not-fit",
        "family: binomial",
        "family: ordinal",
        "plan.models[by-arm].family",
        "a binary outcome",
    ),
    Slip(
        "no-random-effects",
        FORMULA,
        "formula: arm + (1 | participant)",
        "plan.models[by-arm].formula",
        "No random effect of item.",
    ),
    Slip("few-items", "", "", "plan.hypotheses[h1].contrast", "about 2 degrees of freedom"),
    Slip("item-effect-by-z", "", "", "plan.hypotheses[h1].contrast", "with 4 items its p is too small"),
    Slip("slope-left-out", "", "", "plan.models[by-arm].formula", "Consider (1 + arm | item)"),
    Slip(
        "more-slopes-than-trials",
        FORMULA,
        "formula: arm + (1 + item + ai_correct | participant) + (1 | item)",
        "plan.models[by-arm].formula",
        "5 random effects of each participant, who gives 4 answers",
    ),
    Slip(
        "few-events",
        "  agree_right: {control: 0.9, hedged: 0.9}\n",
        "  agree_right: {control: 0.99, hedged: 0.99}\n  agree_wrong: {control: 0.97, hedged: 0.97}\n",
        "plan.models[by-arm].formula",
        "About 3 of the rarer answer are expected for 2 parameters",
    ),
    Slip("family-undeclared", "", "", "plan.hypotheses[h1].family", "2 hypotheses and no correction"),
    Slip(
        "two-stage-measure",
        "  hypotheses:\n",
        "  measures: [{measures: [rair]}]\n  hypotheses:\n",
        "plan.measures[1].measures[1]",
    ),
    Slip("two-stage-measure", FORMULA, FORMULA + " + initial_confidence", "plan.models[by-arm].formula"),
    Slip(
        "not-a-probability",
        "  hypotheses:\n",
        "  measures: [{measures: [brier], probability: confidence}]\n  hypotheses:\n",
        "plan.measures[1].probability",
        "'confidence' is no slider from 0 to 100",
    ),
    Slip(
        "not-a-probability",
        "  hypotheses:\n",
        "  measures: [{measures: [accuracy, ece]}]\n  hypotheses:\n",
        "plan.measures[1].measures",
        "'ece' needs probabilities",
    ),
    Slip("measure-without-advice", "", "", "plan.measures[1].measures[1]"),
    Slip("exclusion-after-treatment", "action: flag", "action: exclude", "plan.exclusions[bots]"),
    Slip(
        "exclusion-explained",
        "action: flag",
        "action: exclude\n      reason: Bots are no people.",
        "plan.exclusions[bots]",
    ),
    Slip(
        "exclusion-measured-late",
        "measured: after",
        "measured: before",
        "plan.exclusions[bots].measured",
        "'honeypots'",
    ),
    Slip("assumption-unknown", "control: 0.9,", "contrl: 0.9,", "assumptions.agree_right.contrl"),
    Slip("power-never-simulated", "", "", "plan"),
    Slip("live-without-prompt", "", "", "model.prompt"),
    Slip("live-not-pinned", "", "", "model.temperature"),
    Slip("live-without-seed", "", "", "model.seed"),
    Slip("live-without-fallback", "", "", "live.fallback"),
    Slip("live-verdict-unknown", "", "", "live.verdict", "'agree' is missing"),
    Slip("live-opening-phrased", "", "", "live.verdict", "phrases 'first' itself"),
    Slip("live-without-probes", "", "", "live"),
    Slip("probes-without-live", "", "", "probes"),
]


def _replaced(*pairs: tuple[str, str]) -> str:
    text = TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def _between(start: str, end: str, new: str) -> str:
    """The text with everything from `start` up to `end` replaced."""
    return TEXT[: TEXT.index(start)] + new + TEXT[TEXT.index(end) :]


BETWEEN_ITEMS = _replaced(
    (FORMULA, "formula: arm * ai_correct + (1 | participant) + (1 | item)"),
    (CONTRAST, CONTRAST.replace("}", ", within: {factor: ai_correct, level: false, reference: true}}")),
)

SPECIAL = {
    "arm-never-assigned": _replaced(
        ("label: Plain}", "label: Plain, weight: 20}"), ("target: 40", "target: 20")
    ),
    "one-arm": _between("  - id: hedged\n", "phrasings:", "").replace("[control, hedged]", "[control]"),
    "advice-one-sided": _replaced(
        ('answer: no, lead: "No,", body: the second', 'answer: yes, lead: "No,", body: the second'),
        ('answer: yes, lead: "Yes,", body: the third', 'answer: no, lead: "Yes,", body: the third'),
    ),
    "no-trials": _between("  - id: tasks\n", "  - id: recognised\n", ""),
    "trials-without-items": _between("items:\n  - id: one", "scales:\n", "").replace(
        "hedged: {count: 2, balance: [ai_correct]}", "hedged: {count: all}"
    ),
    "no-hypothesis": _between("  hypotheses:\n", "assumptions:\n", "").replace(
        "role: primary", "role: exploratory"
    ),
    "few-items": BETWEEN_ITEMS,
    "slope-left-out": BETWEEN_ITEMS,
    "item-effect-by-z": _replaced(
        (FORMULA, "formula: ai_correct + (1 + ai_correct | participant) + (1 | item)"),
        (CONTRAST, "contrast: {factor: ai_correct, level: true, reference: false}"),
    ),
    "family-undeclared": _replaced(
        (
            '      criterion: {op: "<"}\n',
            '      criterion: {op: "<"}\n      family: two\n    - id: h2\n      sentence: Again.\n      model: by-arm\n'
            f'      {CONTRAST}\n      criterion: {{op: "<"}}\n      family: two\n',
        ),
    ),
    "measure-without-advice": re.sub(r"    advice: \{.*\}\n", "", TEXT)
    .replace("hedged: {count: 2, balance: [ai_correct]}", "hedged: {count: all}")
    .replace("  hypotheses:\n", "  measures: [{measures: [agreement]}]\n  hypotheses:\n"),
}


MODEL = "model: {name: some-model, temperature: 0.0, seed: 1, prompt: Answer briefly.}\n"
PROBES = "probes: {every_hours: 6, questions: [{id: plain, prompt: What is two and two}]}\n"
ASKED = "live: {seconds: 20, fallback: Nothing can be shown.}\n"
LIVE = re.sub(r"    advice: \{.*\}\n", "", TEXT).replace(
    "hedged: {count: 2, balance: [ai_correct]}", "hedged: {count: all}"
)
LIVE = LIVE.replace("plan:\n", MODEL + ASKED + PROBES + "plan:\n", 1)
SPECIAL |= {
    "live-without-prompt": LIVE.replace("prompt: Answer briefly.", 'prompt: ""'),
    "live-not-pinned": LIVE.replace(" temperature: 0.0,", ""),
    "live-without-seed": LIVE.replace(" seed: 1,", ""),
    "live-without-fallback": LIVE.replace("Nothing can be shown.", '" "'),
    "live-verdict-unknown": LIVE.replace("{seconds: 20,", "{verdict: none, seconds: 20,"),
    "live-opening-phrased": LIVE.replace(
        "{seconds: 20,", "{instructions: {first: Sound unsure.}, seconds: 20,"
    ),
    "live-without-probes": LIVE.replace(PROBES, ""),
    "probes-without-live": TEXT.replace("plan:\n", MODEL + PROBES + "plan:\n", 1),
}


def test_a_clean_protocol_gets_no_finding() -> None:
    assert lint(small()) == []


def test_a_clean_protocol_with_live_answers_gets_no_finding() -> None:
    assert lint(read(LIVE)) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    correction: It is not so.\n", "", "wrong-answer-without-correction"),
        (
            "  - {id: debrief, kind: debrief, text: This is what it was about.}\n",
            "",
            "wrong-answer-without-debrief",
        ),
    ],
)
def test_a_live_answer_may_be_wrong_so_it_is_corrected_and_debriefed(old: str, new: str, code: str) -> None:
    assert code in {finding.code for finding in lint(read(LIVE.replace(old, new)))}


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{n} {slip.code}" for n, slip in enumerate(SLIPS)])
def test_a_slip_is_found_where_it_is(slip: Slip) -> None:
    text = edited(slip.old, slip.new) if slip.old else SPECIAL.get(slip.code, TEXT)
    document = read_document(text)
    found = lint(document.protocol, places=document.places, powered=slip.code != "power-never-simulated")
    fitting = [f for f in found if (f.code, f.where) == (slip.code, slip.where)]
    assert fitting, "\n".join(map(str, found))
    assert slip.message in fitting[0].message
    assert fitting[0].level == CODES[slip.code].level
    assert fitting[0].line is not None or slip.where.startswith(("payment", "entry"))
    assert slip.code in str(fitting[0])


def test_every_code_has_its_slip() -> None:
    assert {slip.code for slip in SLIPS} == set(CODES)


def test_every_code_is_documented_with_its_level_and_nothing_else_is() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    documented = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        level = {"E": "error", "W": "warning", "N": "note"}[section[0]]
        documented |= dict.fromkeys(re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.MULTILINE), level)
    assert documented == {code: kind.level for code, kind in CODES.items()}


def test_errors_come_first_and_levels_are_words() -> None:
    text = _replaced((STOPPING, ""), ("target: 40", "target: 41"), (", reverse: true", ""))
    assert [f.level for f in lint(read(text))] == ["error", "warning", "note"]


def test_a_protocol_that_was_not_read_from_text_is_judged_without_lines() -> None:
    assert [f.line for f in lint(read(edited(STOPPING, "")))] == [None]


def test_a_finding_reads_as_one_line() -> None:
    document = read_document(edited("target: 40", "target: 41"))
    (finding,) = lint(document.protocol, places=document.places)
    assert str(finding) == (
        f"warning: line {finding.line}: sample.target: 41 participants fill no whole number of blocks of 4;"
        " 40 or 44 would. [target-not-blocks]"
    )


def test_what_no_hypothesis_tests_may_rest_on_few_items_and_leave_out_slopes() -> None:
    adjusted = edited(FORMULA, "formula: arm + ai_correct + (1 | participant) + (1 | item)")
    assert lint(read(adjusted)) == []


def test_slopes_that_are_in_the_model_are_not_missed() -> None:
    formula = "formula: arm * ai_correct + (1 + ai_correct | participant) + (1 + arm | item)"
    text = BETWEEN_ITEMS.replace("formula: arm * ai_correct + (1 | participant) + (1 | item)", formula)
    assert [f.code for f in lint(read(text))] == ["few-items"]


def test_a_slider_from_0_to_100_is_a_probability() -> None:
    text = edited(
        "        kind: likert\n        text: How sure are you?\n        anchors: [Not at all, Very]\n",
        "        kind: slider\n        text: How likely is it?\n        minimum: 0\n        maximum: 100\n",
    ).replace(
        "  hypotheses:\n", "  measures: [{measures: [brier], probability: confidence}]\n  hypotheses:\n"
    )
    assert lint(read(text)) == []
