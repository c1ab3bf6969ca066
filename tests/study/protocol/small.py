"""A small clean protocol that the tests break in one place at a time."""

from __future__ import annotations

from functools import cache
from typing import Any

from study.protocol import Protocol, document, from_canonical, read

TEXT = """\
heed: 1
id: small
version: "1.0"
title: A small study
contact: {name: Ada Person, email: ada@university.test, ethics: Board 7/2026}
arms:
  - {id: control, label: Plain}
  - id: hedged
    label: Hedged
    phrasing: first
    hedged: {count: 2, balance: [ai_correct]}
phrasings:
  - id: first
    person: first
    direction: weakener
    text: I'm not sure, but I would say that
items:
  - id: one
    question: Is the first thing so?
    truth: yes
    advice: {answer: yes, lead: "Yes,", body: "the first thing is so. [1]"}
    sources: [{title: Encyclopedia, url: "https://encyclopedia.test/one"}]
    correction: It is so.
  - id: two
    question: Is the second thing so?
    truth: yes
    advice: {answer: no, lead: "No,", body: the second thing is not so.}
    correction: It is so.
  - id: three
    question: Is the third thing so?
    truth: no
    advice: {answer: yes, lead: "Yes,", body: the third thing is so.}
    correction: It is not so.
  - id: four
    question: Is the fourth thing so?
    truth: no
    advice: {answer: no, lead: "No,", body: the fourth thing is not so.}
    correction: It is not so.
scales:
  - id: trust
    title: Trust
    anchors: [Disagree, Agree]
    points: 5
    items:
      - {id: trust_1, text: I trust it.}
      - {id: trust_2, text: I would use it.}
      - {id: trust_3, text: I doubt it., reverse: true}
flow:
  - id: consent
    kind: consent
    version: "1"
    text: Please agree.
  - id: check
    kind: comprehension
    statements:
      - {id: fallible, text: The AI is always right., truth: false, explanation: It can be wrong.}
  - id: tasks
    kind: trials
    questions:
      - id: confidence
        kind: likert
        text: How sure are you?
        anchors: [Not at all, Very]
  - id: recognised
    kind: recognition
    foils:
      - {id: foil-1, text: Is the fifth thing so?}
      - {id: foil-2, text: Is the sixth thing so?}
      - {id: foil-3, text: Is the seventh thing so?}
      - {id: foil-4, text: Is the eighth thing so?}
  - id: exit
    kind: survey
    scales: [trust]
    questions:
      - {id: website, kind: honeypot, text: Leave this empty., required: false}
  - {id: debrief, kind: debrief, text: This is what it was about.}
  - {id: end, kind: completion}
sample:
  target: 40
  rationale: As many as we can pay.
  stopping: Collection ends with the 40th completed participant.
  until: "2027-01-31"
plan:
  levels: {arm: [control, hedged]}
  exclusions:
    - id: bots
      sentence: Whoever fills in the hidden field is marked.
      when: [{column: honeypots, op: ">=", value: 1}]
      measured: after
      action: flag
  outcomes:
    - {id: agree, label: Agreement, column: agree, kind: binary}
    - {id: trust, label: Trust, table: participants, column: trust, kind: continuous}
  models:
    - id: by-arm
      outcome: agree
      formula: arm + (1 | participant) + (1 | item)
      family: binomial
      role: primary
    - {id: trust-by-arm, outcome: trust, formula: arm, family: gaussian, role: exploratory}
  hypotheses:
    - id: h1
      sentence: A hedge lowers agreement.
      model: by-arm
      contrast: {factor: arm, level: hedged, reference: control}
      criterion: {op: "<"}
assumptions:
  agree_right: {control: 0.9, hedged: 0.9}
""".replace("thing so?}", 'thing so?"}').replace("text: Is the", 'text: "Is the')


@cache
def small() -> Protocol:
    """The clean protocol."""
    return read(TEXT)


def edited(old: str, new: str) -> str:
    """The text with one passage replaced; the passage must be there once, so that a test says what it means."""
    if TEXT.count(old) != 1:
        raise ValueError(f"{old!r} stands {TEXT.count(old)} times in the small protocol")
    return TEXT.replace(old, new)


def with_parts(**parts: Any) -> Protocol:
    """The clean protocol with top-level parts replaced, validated again."""
    return from_canonical(document(small()) | parts)
