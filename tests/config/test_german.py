"""German for what participants read: every marked text has it, and no text of theirs is unmarked. Needs no gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.base import Lexer, TokenType
from django.utils.translation import templatize

from tests.german import catalogue

ROOT = Path(settings.BASE_DIR)
ROOMS = ("config", "elicitation", "llm", "study", "templates")
MARKS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
LITERAL = r"""(?:u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"\b(?:_|gettext|ngettext)\(\s*({LITERAL})(?:\s*,\s*({LITERAL}))?", re.DOTALL)
PLACE = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
PARTICIPANTS = (
    "templates/*.html", "templates/study/*.html", "templates/study/stages/*.html", "llm/templates/llm/*.html",
    *(f"elicitation/templates/elicitation/{room}/*.*" for room in ("stages", "explorer", "followup")),
)  # fmt: skip
NO_WORDS = {"Heed", "UTC"}
SAID = {"alt", "aria-label", "aria-description", "placeholder", "title"}

Text = tuple[str, ...]  # a text; with its plural where it has one


def in_python(source: str) -> Iterator[Text]:
    """The texts that a module marks, by whatever name it imports the functions."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in MARKS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            wanted = node.args[: 2 if names[node.func.id].startswith("ngettext") else 1]
            texts = tuple(arg.value for arg in wanted if isinstance(arg, ast.Constant))
            if texts:
                yield texts


def in_template(source: str) -> Iterator[Text]:
    """The texts that a template marks, by the same reading as Django's collector."""
    for found in CALL.finditer(templatize(source)):
        yield tuple(ast.literal_eval(text) for text in found.groups() if text)


def marked() -> dict[Text, str]:
    """Every marked text and a file that it stands in."""
    found: dict[Text, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".html", ".txt", ".svg"):
                read = in_python if path.suffix == ".py" else in_template
                found |= dict.fromkeys(read(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))
    return found


@pytest.fixture(scope="module")
def german() -> dict[Any, str]:
    """The compiled catalogue."""
    return catalogue()


def missing(texts: dict[Text, str], german: dict[Any, str]) -> list[str]:
    """The texts without German, or with German that leaves out or invents a value, and where they stand."""
    wrong = []
    for text, place in texts.items():
        keys = [text[0]] if len(text) == 1 else [(text[0], number) for number in range(2)]
        for key, original in zip(keys, text, strict=True):
            said = german.get(key, "")
            values = set(PLACE.findall(original))
            if not said or set(PLACE.findall(said)) not in (values, values | set(PLACE.findall(text[-1]))):
                wrong.append(f"{place}: {text[0]!r} → {said!r}")
    return wrong


def test_every_marked_text_has_german_with_the_same_values_in_it(german: dict[Any, str]) -> None:
    texts = marked()
    places = set(texts.values())
    assert {"study/stages/trials.py", "templates/study/end.html", "elicitation/stages/card.py"} <= places
    assert missing(texts, german) == []


def test_a_text_without_german_is_found(german: dict[Any, str]) -> None:
    module = "from django.utils.translation import gettext_lazy as say\nA = say('Nobody said ' 'this.')\nB = say(A)"
    page = "{% load i18n %}{% translate 'Nor 5 % of this' %}{% blocktranslate count n=n %}{{ n }} so{% plural %}{{ n }} sos{% endblocktranslate %}"
    python, template = list(in_python(module)), list(in_template(page))
    assert python == [("Nobody said this.",)]
    assert template == [("Nor 5 %% of this",), ("%(n)s so", "%(n)s sos")]
    assert len(missing(dict.fromkeys(python + template, "x"), german)) == 4
    assert missing({("Continue",): "x"}, {"Continue": "Weiter, %(name)s"}) == [
        "x: 'Continue' → 'Weiter, %(name)s'"
    ]


class Words(HTMLParser):
    """Words that stand in a page as they are, in its text and in what is read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style")
        for name, value in attrs:
            if name in SAID:
                self.handle_data(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found += [word for word in re.findall(r"[^\W\d_]{2,}", data) if word not in NO_WORDS]


def unmarked(source: str) -> list[str]:
    """Words of a template that no translation is asked for."""
    kept, inside = [], False
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            inside = (inside or token.contents.startswith("blocktrans")) and not token.contents.startswith(
                "endblocktrans"
            )
        elif token.token_type == TokenType.TEXT and not inside:
            kept.append(token.contents)
    words = Words()
    words.feed("".join(kept))
    words.close()
    return words.found


def test_no_page_of_participants_has_words_that_are_not_marked() -> None:
    pages = [path for pattern in PARTICIPANTS for path in ROOT.glob(pattern) if path.stem != "panel"]
    assert len(pages) > 30
    found = {str(path.relative_to(ROOT)): unmarked(path.read_text(encoding="utf-8")) for path in pages}
    assert {name: words for name, words in found.items() if words} == {}


def test_unmarked_words_are_found_in_text_and_in_labels() -> None:
    page = "<p aria-label='Cards'>{% translate 'Yes' %} {{ name }} votes {% if a %}<b>no</b>{% endif %}{% blocktranslate %}so{% endblocktranslate %}</p>"
    assert unmarked(page) == ["Cards", "votes", "no"]
