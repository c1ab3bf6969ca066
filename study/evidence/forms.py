"""The registration as the forms that people already file, and a draft of the methods: filled from the protocol alone.

Forms are lists of (field, question, answer); what the protocol does not say is said to be unsaid, never invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from analysis.plan.types import Exclusion, Hypothesis, Model, Outcome, Rule
from analysis.plan.words import contrast_text, criterion_text
from study.analyses.models import AnalysisRun
from study.analyses.wording import number, p_value
from study.evidence.records import write_json
from study.protocol.types import Arm, Protocol
from study.registration.models import Registration, Study

UNSAID = "The protocol does not say."


@dataclass(frozen=True)
class Field:
    """One box of a form."""

    name: str
    question: str
    answer: str


@dataclass(frozen=True)
class Form:
    """A filled form."""

    name: str
    title: str
    fields: list[Field]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"form": self.name, "title": self.title, "fields": [asdict(f) for f in self.fields]}

    def markdown(self) -> str:
        """One heading a field."""
        parts = [f"## {f.question}\n\n{f.answer}" for f in self.fields]
        return f"# {self.title}\n\n" + "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """One self-contained page, ready to print."""
        boxes = "".join(
            f"<section><h2>{escape(f.question)}</h2><p>{escape(f.answer)}</p></section>" for f in self.fields
        )
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(self.title)}</title>'
            f"<style>{STYLE}</style></head><body><h1>{escape(self.title)}</h1>{boxes}</body></html>\n"
        )


STYLE = (
    "body{font:11pt/1.5 Georgia,serif;max-width:42em;margin:2em auto;padding:0 1em;color:#111}"
    "h1{font-size:1.5em}h2{font-size:1.05em;margin:1.4em 0 .2em}p{white-space:pre-line;margin:0}"
    "section{break-inside:avoid}@page{margin:20mm}"
)


def aspredicted(protocol: Protocol, existing: str) -> Form:
    """AsPredicted's nine questions and its title."""
    say = protocol.say
    fields = [
        Field("data", "1) Have any data been collected for this study already?", existing),
        Field("hypothesis", "2) What is the main question or hypothesis being tested?", hypotheses(protocol)),
        Field("dependent", "3) What are the key dependent variables, and how are they measured?", outcomes(protocol)),
        Field("conditions", "4) How many and which conditions will participants be assigned to?", conditions(protocol)),
        Field("analyses", "5) Which analyses will you conduct to examine the main question?", analyses(protocol)),
        Field("outliers", "6) How will outliers be defined, and how are observations excluded?", exclusions(protocol)),
        Field("sample", "7) How many observations will be collected, or what will determine it?", sample(protocol)),
        Field("other", "8) Anything else you would like to pre-register?", other(protocol)),
        Field("name", "Title", say(protocol.title)),
        Field("study_type", "Type of study", "Experiment" if len(protocol.arms) > 1 else "Other"),
    ]  # fmt: skip
    return Form("aspredicted", f"AsPredicted: {say(protocol.title)}", fields)


def osf(protocol: Protocol, existing: str) -> Form:
    """The fields of the OSF Preregistration."""
    say = protocol.say
    fields = [
        Field("hypotheses", "Hypotheses", hypotheses(protocol)),
        Field("study_type", "Study type", study_type(protocol)),
        Field("blinding", "Blinding", blinding(protocol)),
        Field("study_design", "Study design", design(protocol)),
        Field("randomisation", "Randomisation", randomisation(protocol)),
        Field("existing_data", "Existing data", existing),
        Field("collection_procedures", "Data collection procedures", procedures(protocol)),
        Field(
            "sample_size",
            "Sample size",
            how_many(protocol),
        ),
        Field("sample_size_rationale", "Sample size rationale", protocol.sample.rationale or UNSAID),
        Field("stopping_rule", "Stopping rule", stopping(protocol)),
        Field("manipulated_variables", "Manipulated variables", conditions(protocol)),
        Field("measured_variables", "Measured variables", outcomes(protocol) + "\n" + asked(protocol)),
        Field("indices", "Indices", indices(protocol)),
        Field("statistical_models", "Statistical models", analyses(protocol)),
        Field("transformations", "Transformations", transformations(protocol)),
        Field("inference_criteria", "Inference criteria", inference(protocol)),
        Field("data_exclusion", "Data exclusion", exclusions(protocol)),
        Field("missing_data", "Missing data", protocol.plan.missing),
        Field("exploratory_analysis", "Exploratory analysis", exploratory(protocol)),
        Field("other", "Other", other(protocol)),
    ]
    return Form("osf", f"OSF Preregistration: {say(protocol.title)}", fields)


def existing_data(study: Study | None) -> str:
    """Whether data existed when the document was registered."""
    if study is None or study.mode == Study.Mode.REAL:
        return "No. Registration prior to creation of data: the document was frozen before anybody could take part."
    return f"This registration is of a {study.mode}: its data are not those of the registered study."


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def hypotheses(protocol: Protocol) -> str:
    if protocol.plan.hypotheses:
        return _listed(_hypothesis(h) for h in protocol.plan.hypotheses)
    return "\n".join(
        ["None: everything in this study is exploratory.", _listed(protocol.exploratory)]
    ).strip()


def _hypothesis(h: Hypothesis) -> str:
    return (
        f"{h.id}: {h.sentence} (model '{h.model}', {contrast_text(h.contrast)} on the {h.contrast.scale} scale, "
        f"predicted {criterion_text(h.criterion)}, family '{h.family}')"
    )


def outcomes(protocol: Protocol) -> str:
    return _listed(_outcome(o) for o in protocol.plan.outcomes) or UNSAID


def _outcome(o: Outcome) -> str:
    unit = f", in {o.unit}" if o.unit else ""
    each = ", one number a participant" if o.per_participant else ""
    return f"{o.label}: {o.kind}, column '{o.column}' of {o.table}{unit}{each}"


def conditions(protocol: Protocol) -> str:
    listed = _listed(_arm(a, protocol) for a in protocol.arms)
    if len(protocol.arms) == 1:
        return f"One condition, which everybody meets; nothing is manipulated.\n{listed}"
    return f"{len(protocol.arms)} conditions, between participants:\n{listed}"


def _arm(arm: Arm, protocol: Protocol) -> str:
    text = (f"{arm.label} ({arm.id})" + (f": {arm.description}" if arm.description else "")).rstrip(".")
    if not protocol.items:
        return f"{text}."
    if not arm.advice:
        return f"{text}. No AI answer is shown."
    phrasing = protocol.phrasings_by_id[arm.phrasing]
    if phrasing.direction == "plain":
        return f"{text}. The AI's answer as it is."
    some = "all items" if arm.hedged.count == "all" else f"{arm.hedged.count} items a person"
    words = protocol.say(phrasing.text) or "a phrase by item"
    return f"{text}. The phrase “{words}” ({phrasing.person} person, {phrasing.direction}) on {some}."


def analyses(protocol: Protocol) -> str:
    labels = {o.id: o.label for o in protocol.plan.outcomes}
    models = _listed(_model(m, labels) for m in protocol.plan.models)
    if not models:
        return (
            "No model: outcomes are described by their means and shares with 95 % intervals."
            if labels
            else UNSAID
        )
    return f"{models}\nMultiplicity: {_multiplicity(protocol)}"


def _model(m: Model, labels: dict[str, str]) -> str:
    where = f", only where {_rules(m.subset)}" if m.subset else ""
    return f"{m.id} ({m.role}): {labels.get(m.outcome, m.outcome)} ~ {m.formula}, family {m.family}{where}"


def _multiplicity(protocol: Protocol) -> str:
    families = {h.family: protocol.plan.multiplicity.get(h.family, "holm") for h in protocol.plan.hypotheses}
    told = {"holm": "Holm's correction", "none": "no correction"}
    return (
        "; ".join(f"family '{name}', {told[method]}" for name, method in families.items()) or "no hypotheses"
    )


def _rules(rules: Sequence[Rule]) -> str:
    return " and ".join(f"{r.column} {r.op}{'' if r.value is None else f' {r.value}'}" for r in rules)


def exclusions(protocol: Protocol) -> str:
    population = "everybody who was assigned" if protocol.plan.population == "all" else "those who completed"
    rules = _listed(_exclusion(e) for e in protocol.plan.exclusions)
    if not rules:
        return f"Analysed are {population}; nobody of them is left out."
    return f"Analysed are {population}. Rules are applied to them in this order:\n{rules}"


def _exclusion(e: Exclusion) -> str:
    what = "left out" if e.action == "exclude" else "flagged; results are given with and without them"
    reason = f" {e.reason}" if e.reason else ""
    return f"{e.sentence} ({_rules(e.when)}; measured {e.measured} treatment; {what}.){reason}"


def sample(protocol: Protocol) -> str:
    return f"{how_many(protocol)} {protocol.sample.rationale}\n{stopping(protocol)}"


def how_many(protocol: Protocol) -> str:
    over = " over all conditions" if len(protocol.arms) > 1 else ""
    return f"{protocol.sample.target} completed participants{over}."


def stopping(protocol: Protocol) -> str:
    until = f" Collection ends by {protocol.sample.until} at the latest." if protocol.sample.until else ""
    return (protocol.sample.stopping or UNSAID) + until


def study_type(protocol: Protocol) -> str:
    if len(protocol.arms) > 1:
        return "Experiment: participants are randomly assigned to conditions."
    return "Other: everybody meets the same condition; nobody is assigned to one at random."


def blinding(protocol: Protocol) -> str:
    told = (
        "Participants are not told their condition or that there are others before the debrief."
        if len(protocol.arms) > 1
        else "There is one condition, and nothing about it to be blind to."
    )
    return (
        f"{told} Nobody sees outcomes before collection is closed; an early opening is possible only on the record and "
        "stands in the report."
    )


def design(protocol: Protocol) -> str:
    two = (
        "two-stage: an own answer, then the AI's answer and a final one"
        if protocol.paradigm == "two-stage"
        else "one-stage"
    )
    arms, items = len(protocol.arms), len(protocol.items)
    between = f"{arms} conditions between participants" if arms > 1 else "One condition"
    within = f"; {_counted(items, 'item')} within each; {two}" if items else ""
    summary = f"{protocol.say(protocol.summary)}\n\n" if protocol.summary else ""
    return f"{summary}{between}{within}. The flow: {', '.join(f'{s.kind} ({s.id})' for s in protocol.flow)}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def randomisation(protocol: Protocol) -> str:
    r = protocol.randomisation
    order = f" Item order: {r.item_order}." if protocol.items else ""
    if len(protocol.arms) == 1:
        return f"Nobody is assigned to a condition at random: there is one.{order}"
    weights = sum(arm.weight for arm in protocol.arms) * r.repeats
    strata = f" within strata of {', '.join(r.strata)}" if r.strata else ""
    return (
        f"Permuted blocks of {weights}{strata}, drawn at registration from a seed whose SHA-256 is published then; "
        f"assigned after the stage '{r.after}'.{order} Returned places are filled first."
    )


def procedures(protocol: Protocol) -> str:
    how = {"panel": "through a panel", "personal": "by personal invitation", "open": "by an open link"}
    pay = (
        f" Pay: {protocol.payment.base:g} {protocol.payment.currency}. {protocol.payment.bonus}"
        if protocol.payment.base
        else ""
    )
    return f"Online; people arrive {how[protocol.entry.mode]}; about {protocol.session.minutes} minutes.{pay}".strip()


def asked(protocol: Protocol) -> str:
    questions = [
        q for s in protocol.flow for q in (*getattr(s, "initial_questions", ()), *getattr(s, "questions", ()))
    ]
    return _listed(f"{protocol.say(q.text)} ({q.id}, {q.kind})" for q in questions if q.kind != "honeypot")


def indices(protocol: Protocol) -> str:
    scales = [
        f"{protocol.say(s.title)} ({s.id}): mean of {len(s.items)} items on {s.points} points, "
        f"{sum(i.reverse for i in s.items)} reverse coded; missing unless all are answered"
        for s in protocol.scales
    ]
    tables = [f"{', '.join(m.measures)} by {', '.join(m.by)}" for m in protocol.plan.measures]
    return _listed([*scales, *tables]) or "None."


def transformations(protocol: Protocol) -> str:
    logs = [f"natural logarithm of {o.label}" for o in protocol.plan.outcomes if o.transform == "log"]
    return _listed(logs) or "None."


def inference(protocol: Protocol) -> str:
    alphas = sorted({h.alpha for h in protocol.plan.hypotheses})
    if not alphas:
        return "None: nothing is tested. Intervals are 95 % and support no claim by themselves."
    levels = ", ".join(f"{a:g}" for a in alphas)
    return (
        f"α = {levels}, two-sided (equivalence: two one-sided tests). Multiplicity: {_multiplicity(protocol)}. "
        "A verdict is supported, contradicted, inconclusive or not evaluable, by a rule fixed at registration."
    )


def exploratory(protocol: Protocol) -> str:
    models = [f"model '{m.id}' on '{m.outcome}'" for m in protocol.plan.models if m.role == "exploratory"]
    return (
        _listed([*protocol.exploratory, *models])
        or "Whatever is not named in this registration is exploratory."
    )


def other(protocol: Protocol) -> str:
    told = [f"What the source leaves open, and we chose: {choice}" for choice in protocol.choices]
    if protocol.model:
        told.append(f"Language model: {protocol.model.name}, temperature {protocol.model.temperature}.")
    return _listed(
        [*told, "The registered document itself is executed: it runs the participants and the analysis."]
    )


def methods(
    study: Study, protocol: Protocol, registered: Sequence[Registration], run: AnalysisRun | None
) -> str:
    """A draft of a paper's methods and results, the numbers filled in. To be read and rewritten by its authors."""
    first = registered[0]
    parts = [
        f"# Methods (draft)\n\n“{protocol.say(protocol.title)}” was registered on {first.registered_at:%d %B %Y} "
        f"(SHA-256 {first.sha256}); {_amended(registered)}",
        f"## Design\n\n{design(protocol)}\n\n{conditions(protocol)}\n\n{randomisation(protocol)}",
        f"## Participants\n\n{sample(protocol)}" + (f"\n\n{_flow(run.flow)}" if run and run.flow else ""),
        f"## Measures\n\n{outcomes(protocol)}\n\n{indices(protocol)}",
        f"## Analysis\n\n{analyses(protocol)}\n\n{inference(protocol)}\n\n{exclusions(protocol)}",
    ]
    if run and run.results:
        parts.append(f"# Deviations from the registered plan (computed)\n\n{_deviations(run)}")
        verdicts = "\n".join(_told(h) for h in run.results["hypotheses"])
        parts.append(
            f"# Results (draft)\n\n{verdicts or 'No hypothesis was registered: all results are exploratory.'}"
        )
        versions = ", ".join(f"{name} {version}" for name, version in sorted(run.results["versions"].items()))
        parts.append(f"Computed with {versions}.")
    if study.mode != Study.Mode.REAL:
        parts.insert(0, f"**This is a {study.mode}. Nothing here is evidence about people.**")
    return "\n\n".join(parts) + "\n"


def _amended(registered: Sequence[Registration]) -> str:
    if len(registered) == 1:
        return "it was never amended."
    reasons = "; ".join(f"version {r.version}: {r.reason}" for r in registered[1:])
    times = "once" if len(registered) == 2 else f"{len(registered) - 1} times"
    return f"it was amended {times} ({reasons.rstrip('.')})."


def _deviations(run: AnalysisRun) -> str:
    """What a paper has to say: the points of the deviation report that differ from the plan."""
    found = [f"{d['point']}: {d['finding']}" for d in run.deviations if d["level"] == "deviation"]
    return _listed(found) or "None was found by the report's checks."


def _flow(flow: dict[str, Any]) -> str:
    arms = "; ".join(
        f"{a['arm']}: {a['assigned']} assigned, {a['completed']} completed, {a['analysed']} analysed"
        for a in flow["arms"]
    )
    return f"{flow['arrived']} people arrived and {flow['assigned']} were assigned ({arms})."


def _told(h: dict[str, Any]) -> str:
    e = h["estimate"]
    if e["value"] is None:
        return f"- {h['sentence']} Not evaluable: {h['reason'].rstrip('.')}."
    where = f"{number(e['value'])}, 95 % interval {number(e['low'])} to {number(e['high'])}"
    verdict = f"{h['sentence']} {h['verdict'].capitalize()}"
    return f"- {verdict}: {h['contrast']}, {where} ({h['unit']}), p {p_value(h['p_adjusted'])}."


def write(
    study: Study,
    registered: Sequence[Registration],
    protocol: Protocol,
    folder: Path,
    run: AnalysisRun | None,
) -> list[Path]:
    """Every form as JSON, Markdown and HTML, and the methods draft; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    existing, files = existing_data(study), []
    for form in (aspredicted(protocol, existing), osf(protocol, existing)):
        write_json(folder / f"{form.name}.json", form.as_dict())
        (folder / f"{form.name}.md").write_text(form.markdown(), encoding="utf-8", newline="\n")
        (folder / f"{form.name}.html").write_text(form.html(), encoding="utf-8", newline="\n")
        files += [folder / f"{form.name}.{kind}" for kind in ("json", "md", "html")]
    if registered:
        text = methods(study, protocol, registered, run)
        (folder / "methods.md").write_text(text, encoding="utf-8", newline="\n")
        files.append(folder / "methods.md")
    return files
