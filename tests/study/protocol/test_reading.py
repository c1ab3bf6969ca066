"""Every way to get a protocol wrong is answered with its line, its field, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from study.protocol import Problem, ProtocolError, read
from study.protocol.yaml import MAX_BYTES, MAX_DEPTH, scalar
from tests.study.protocol.small import TEXT, edited, small


class Bad(NamedTuple):
    """A passage replaced by another; the problem expected on the line that holds `at` (default: the new passage)."""

    old: str
    new: str
    where: str
    message: str
    allowed: str = ""
    at: str = ""


BAD = [
    # fields
    Bad("sample:\n  target", "sampel:\n  target", "sampel", "Did you mean 'sample'?", "languages", "sampel:"),
    Bad(
        "sample:\n  target",
        "sampel:\n  target",
        "sample",
        "'sample' is missing",
        "needed here are heed",
        "heed: 1",
    ),
    Bad("heed: 1", "heed: 2", "heed", "the number 2", "1"),
    Bad("heed: 1", 'heed: "1"', "heed", "the text '1'", "1"),
    Bad('version: "1.0"', "version: 1.0", "version", "the number 1.0", "a text (put it in quotes)"),
    Bad("title: A small study", "title: 2026", "title", "the number 2026", "in quotes if it is a number"),
    Bad("title: A small study", "title: [A, B]", "title", "a list", "one text per language"),
    Bad("title: A small study", "title:", "title", "nothing", "one text per language", "title:\n"),
    Bad("title: A small study", "title: {EN: A}", "title.EN", "the text 'EN'", "a language code such as en"),
    Bad("title: A small study", "title: {de: Eine}", "title", "missing in 'en'"),
    Bad("title: A small study", "title: {en: A, de: B}", "title.de", "'de' is none of the languages", "en"),
    Bad("id: small", "id: Small Study", "id", "the text 'Small Study'", "lower-case letters"),
    Bad("id: small", "id: 7", "id", "the number 7", "a text"),
    Bad(
        "name: Ada Person, ",
        "",
        "contact.name",
        "'name' is missing",
        "needed here are name, email",
        "contact:",
    ),
    Bad(
        "ethics: Board",
        "ethisc: Board",
        "contact.ethisc",
        "Did you mean 'ethics'?",
        "name, email, institution, ethics",
    ),
    Bad(
        "title: A small study",
        "title: A\nparadigm: two stage",
        "paradigm",
        "'two stage'",
        "did you mean 'two-stage'?",
        "two s",
    ),
    Bad(
        "title: A small study",
        "title: A\nlanguages: []",
        "languages",
        "at least one language",
        "",
        "languages",
    ),
    Bad(
        "title: A small study",
        "title: A\nlanguages: [en, en]",
        "languages[2]",
        "'en' is used twice",
        "",
        "languages",
    ),
    Bad(
        "title: A small study",
        "title: A\nlanguages: [english]",
        "languages[1]",
        "'english'",
        "en, de",
        "languages",
    ),
    Bad(
        "title: A small study",
        "title: A\ntwo_people: yes",
        "two_people",
        "the text 'yes'",
        "true or false",
        "two_p",
    ),
    Bad(
        "title: A small study",
        "title: A\nentry: {mode: anybody}",
        "entry.mode",
        "'anybody'",
        "panel, personal, open",
        "entry",
    ),
    Bad(
        "title: A small study",
        "title: A\nentry: {completion_url: 'javascript:x'}",
        "entry.completion_url",
        "no web address",
        "https://",
        "entry",
    ),
    # arms and phrasings
    Bad("phrasing: first", "phrasing: frist", "arms[hedged].phrasing", "no phrasing 'frist'", "plain, first"),
    Bad(
        "count: 2", "count: 5", "arms[hedged].hedged.count", "only 4 have a definite AI answer", "0 to 4, all"
    ),
    Bad("count: 2", "count: half", "arms[hedged].hedged.count", "the text 'half'", "a whole number or all"),
    Bad("count: 2", "count: 2.5", "arms[hedged].hedged.count", "the number 2.5", "a whole number or all"),
    Bad(
        "balance: [ai_correct]",
        "balance: [ai_right]",
        "arms[hedged].hedged.balance[1]",
        "no tag 'ai_right'",
        "ai_correct, truth",
    ),
    Bad(
        "id: control, label",
        "id: hedged, label",
        "arms[hedged].id",
        "'hedged' is used twice",
        "",
        "- id: hedged\n    label",
    ),
    Bad("label: Plain", "label: Plain, weight: 0", "arms[control].weight", "the number 0", "at least 1"),
    Bad(
        "label: Plain",
        "label: Plain, advice: maybe",
        "arms[control].advice",
        "the text 'maybe'",
        "true or false",
    ),
    Bad(
        "direction: weakener",
        "direction: weaker",
        "phrasings[first].direction",
        "'weaker'",
        "did you mean 'weakener'?",
    ),
    Bad(
        "    text: I'm not sure, but I would say that",
        "    placement: prefix",
        "phrasings[first].text",
        "needs its words",
        "",
        "- id: first",
    ),
    Bad(
        "person: first",
        "person: first\n    items: {ten: Hm}",
        "phrasings[first].items.ten",
        "no item 'ten'",
        "one, two",
        "ten",
    ),
    Bad(
        "person: first",
        "person: first\n    placement: numeric",
        "items[one].advice.probability",
        "the item has none",
        "",
        'advice: {answer: yes, lead: "Yes,", body: "the first',
    ),
    # items
    Bad(
        "so?\n    truth: yes\n    advice: {answer: yes",
        "so?\n    truth: true\n    advice: {answer: yes",
        "items[one].truth",
        "'true' is none of the item's options",
        "yes, no",
        "truth: true",
    ),
    Bad(
        'answer: no, lead: "No,", body: the second',
        'answer: perhaps, lead: "No,", body: the second',
        "items[two].advice.answer",
        "'perhaps' is none",
        "yes, no",
    ),
    Bad(
        "  - id: two",
        "  - id: one",
        "items[one].id",
        "'one' is used twice",
        "",
        "  - id: one\n    question: Is the second",
    ),
    Bad("  - id: two", "  - ident: two", "items[2].ident", "Did you mean 'id'?", "question"),
    Bad(
        "  - id: two",
        "  - ident: two",
        "items[2].id",
        "'id' is missing",
        "needed here are id, question, truth",
    ),
    Bad(
        "  - id: two",
        "  - id: two\n    kind: choice\n    options: {a: A}",
        "items[two].options",
        "at least 2 options",
        "",
        "options",
    ),
    Bad(
        "  - id: two",
        "  - id: two\n    options: {yes: Y, no: N, other: O}",
        "items[two].options",
        "2 options, this one 3",
        "",
        "options",
    ),
    Bad(
        "  - id: two",
        "  - id: two\n    options: {yes: 1, no: N}",
        "items[two].options.yes",
        "the number 1",
        "a text",
        "options",
    ),
    Bad(
        "  - id: two",
        "  - id: two\n    kind: probability",
        "items[two].truth",
        "needs a number",
        "0 (surely false)",
        "truth: yes\n    advice: {answer: no",
    ),
    Bad(
        "https://encyclopedia.test/one",
        "javascript:alert(1)",
        "items[one].sources[1].url",
        "no web address",
        "https://",
    ),
    Bad(
        "correction: It is so.\n  - id: two",
        "correction: 12\n  - id: two",
        "items[one].correction",
        "the number 12",
        "a text",
        "correction: 12",
    ),
    # scales and stages
    Bad(
        "anchors: [Disagree, Agree]",
        "anchors: [No, So, Yes]",
        "scales[trust].anchors",
        "3 anchors for 5 points",
        "5, one a point, 2, for the ends",
    ),
    Bad("points: 5", "points: 12", "scales[trust].points", "the number 12", "at most 11"),
    Bad(
        "id: trust_2,",
        "id: trust_1,",
        "scales[trust].items[trust_1].id",
        "'trust_1' is used twice",
        "",
        "I would use it",
    ),
    Bad("scales: [trust]", "scales: [trusted]", "flow[exit].scales[1]", "no scale 'trusted'", "trust"),
    Bad(
        "kind: trials",
        "kind: trails",
        "flow[tasks].kind",
        "no stage kind 'trails'. Did you mean 'trials'?",
        "consent",
    ),
    Bad(
        "  - id: tasks\n    kind: trials\n",
        "  - id: tasks\n",
        "flow[tasks]",
        "'kind' is missing",
        "consent, debrief",
        "- id: tasks",
    ),
    Bad(
        "{id: end, kind: completion}",
        "{id: end, kind: [completion]}",
        "flow[end].kind",
        "no stage kind",
        "completion",
    ),
    Bad("{id: end, kind: completion}", "end", "flow[7]", "the text 'end'", "mapping of fields", "  - end\n"),
    Bad(
        "{id: end, kind: completion}",
        "{id: end, kind: completion, arms: [contrl]}",
        "flow[end].arms[1]",
        "no arm 'contrl'",
        "control, hedged",
    ),
    Bad(
        "        kind: likert\n",
        "        kind: lickert\n",
        "flow[tasks].questions[confidence].kind",
        "'lickert'",
        "did you mean 'likert'?",
        "lickert",
    ),
    Bad(
        "        anchors: [Not at all, Very]",
        "        anchors: [a, b, c]",
        "flow[tasks].questions[confidence].anchors",
        "3 anchors for 5 points",
        "2, for the ends",
    ),
    Bad("kind: honeypot", "kind: choice", "flow[exit].questions[website].options", "needs options"),
    Bad(
        "text: Please agree.",
        "tekst: Please agree.",
        "flow[consent].tekst",
        "Did you mean 'text'?",
        "version",
    ),
    Bad(
        "truth: false, explanation",
        "truth: perhaps, explanation",
        "flow[check].statements[fallible].truth",
        "'perhaps'",
        "true or false",
    ),
    Bad(
        "sample:\n  target",
        "randomisation: {after: welcome}\nsample:\n  target",
        "randomisation.after",
        "no stage 'welcome'",
        "consent, check",
        "after",
    ),
    Bad(
        "sample:\n  target",
        "randomisation: {strata: [age]}\nsample:\n  target",
        "randomisation.strata[1]",
        "'age' is no choice question",
        "",
        "strata",
    ),
    # sample and plan
    Bad("target: 40", "target: forty", "sample.target", "the text 'forty'", "a whole number"),
    Bad("target: 40", "target: 1", "sample.target", "the number 1", "at least 2"),
    Bad(
        "target: 40",
        "target: 99999999999999999999",
        "sample.target",
        "too large to be kept exactly",
        "in quotes",
    ),
    Bad(
        "table: participants",
        "table: people",
        "plan.outcomes[trust].table",
        "'people'",
        "trials, participants",
    ),
    Bad('op: ">="', 'op: "=>"', "plan.exclusions[bots].when[1].op", "'=>'", "<, <="),
    Bad(
        'op: ">=", value: 1',
        "op: in, value: 1",
        "plan.exclusions[bots].when[1]",
        "'in' needs a list of values",
    ),
    Bad(
        'criterion: {op: "<"}', 'criterion: {op: "=="}', "plan.hypotheses[h1].criterion", "needs a tolerance"
    ),
    Bad(
        "family: binomial",
        "family: binominal",
        "plan.models[by-arm].family",
        "'binominal'",
        "did you mean 'binomial'?",
    ),
    Bad("level: hedged, ", "", "plan.hypotheses[h1].contrast.level", "'level' is missing", "", "contrast:"),
    # YAML itself
    Bad("title: A small study", "title: A small: study", "", "quotes"),
    Bad(
        "title: A small study",
        "title: 'A small study",
        "",
        "that every quote is closed",
        "",
        "text: I'm not sure",
    ),
    Bad(
        "  agree_right: {control: 0.9, hedged: 0.9}",
        "  agree_right: '{control: 0.9, hedged: 0.9}",
        "",
        "A quote is opened",
    ),
    Bad("  - id: two", "\t- id: two", "", "Indent with spaces, not tabs", "", "\t- id"),
    Bad("  - id: two", "   - id: two", "", "not valid YAML", "", "   - id: two"),
    Bad(
        "title: A small study",
        "title: A small study\ntitle: Another",
        "title",
        "'title' was already given on line 4",
        "each field once",
        "title: Another",
    ),
    Bad(
        "{id: end, kind: completion}",
        "{id: end, kind: completion, id: end}",
        "flow[7].id",
        "already given",
        "each field once",
    ),
    Bad("title: A small study", "title: &t A small study", "", "The anchor &t is not allowed", "", "title"),
    Bad("text: Please agree.", "text: *t", "", "The alias *t is not allowed", "", "*t"),
    Bad(
        "title: A small study",
        "title: !!python/object/apply:os.system [echo]",
        "",
        "The tag",
        "plain text",
        "title",
    ),
    Bad("title: A small study", "title: !!binary aGk=", "", "The tag", "plain text", "title"),
    Bad("title: A small study", "<<: {title: A}", "", "Merging with << is not allowed", "", "<<"),
    Bad("title: A small study", "[a, b]: c", "", "cannot name a field", "", "[a, b]"),
    Bad("title: A small study", 'title: "A\\0B"', "title", "U+0000", "", "title"),
    Bad("title: A small study", 'title: "A\\uD800"', "title", "U+D800", "", "title"),
    Bad("title: A small study", "title: A\x07B", "", "U+0007", "", "title"),
    Bad(
        "assumptions:", "---\nassumptions:", "", "A second document begins here", "one document a file", "---"
    ),
]


def line_of(text: str, passage: str) -> int:
    """The line (from 1) on which a passage begins."""
    return text[: text.index(passage)].count("\n") + 1


def problems(text: str) -> list[Problem]:
    """What reading says of a text that is no protocol."""
    with pytest.raises(ProtocolError) as caught:
        read(text)
    return caught.value.problems


def test_there_are_more_than_fifty_bad_protocols() -> None:
    assert len(BAD) > 70


@pytest.mark.parametrize("bad", BAD, ids=[f"{b.where or 'yaml'}: {b.message[:30]}" for b in BAD])
def test_a_bad_protocol_is_answered_with_line_field_and_what_is_allowed(bad: Bad) -> None:
    text = edited(bad.old, bad.new)
    line = line_of(text, bad.at or bad.new)
    found = problems(text)
    fitting = [
        p for p in found if p.where == bad.where and bad.message in p.message and bad.allowed in p.allowed
    ]
    assert fitting, "\n".join(map(str, found))
    assert fitting[0].line == line, f"expected line {line}: {fitting[0]}"
    assert fitting[0].column >= 1


def test_the_clean_protocol_reads_and_yes_and_no_are_words() -> None:
    assert [item.truth for item in small().items] == ["yes", "yes", "no", "no"]


def test_every_problem_is_named_at_once_in_the_order_of_lines() -> None:
    text = (
        TEXT.replace("heed: 1", "heed: 3")
        .replace("target: 40", "target: x")
        .replace("kind: likert", "kind: lik")
    )
    found = problems(text)
    assert [p.where for p in found] == ["heed", "flow[tasks].questions[confidence].kind", "sample.target"]
    assert [p.line for p in found] == sorted(p.line for p in found)


def test_a_problem_reads_as_one_sentence_with_its_place() -> None:
    (problem,) = problems(edited("kind: trials", "kind: trails"))
    assert str(problem).startswith(
        f"line {problem.line}, column 11: flow[tasks].kind: There is no stage kind 'trails'."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("just words", "a mapping of fields"),
        ("- a\n- list\n", "a mapping of fields"),
        ("42", "a mapping of fields"),
        ("null", "empty"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(text: str, message: str) -> None:
    assert message in problems(text)[0].message


def test_a_file_of_endless_depth_is_refused_at_once() -> None:
    assert f"more than {MAX_DEPTH} levels" in problems("a: " + "[" * 100_000)[0].message


def test_a_file_of_endless_length_is_refused_before_it_is_parsed() -> None:
    assert "larger than" in problems("a: " + "x" * (MAX_BYTES + 1))[0].message


def test_a_file_of_endlessly_many_values_is_refused() -> None:
    assert "more than 50,000 values" in problems("a: [" + "1," * 60_000 + "1]")[0].message


def test_the_billion_laughs_do_not_laugh() -> None:
    text = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert "&a is not allowed" in problems(text)[0].message


def test_a_folder_a_missing_file_and_a_binary_file_are_refused_in_words(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00h")
    for path, words in [
        (tmp_path, "cannot be read"),
        (tmp_path / "no.yaml", "cannot be read"),
        (binary, "not UTF-8"),
    ]:
        with pytest.raises(ProtocolError, match=words):
            read(path)


def test_a_text_is_never_taken_for_a_path(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert read(path) == small()
    with pytest.raises(ProtocolError, match="a mapping of fields"):
        read(str(path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("true", True), ("False", False), ("null", None), ("~", None),
        ("12", 12), ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0), ("012", "012"), ("0x1f", "0x1f"), ("1_000", "1_000"),
        ("2026-11-22", "2026-11-22"), ("12:30", "12:30"), (".inf", ".inf"), (".nan", ".nan"),
    ],
)  # fmt: skip
def test_plain_words_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)
