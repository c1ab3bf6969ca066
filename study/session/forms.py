"""A page's questions as one Django form: what is accepted, and what the template shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from study.protocol.types import Question
from study.stages.base import Stem, Walk


@dataclass(frozen=True)
class Choice:
    """One option as shown."""

    value: str
    label: str
    checked: bool


@dataclass(frozen=True)
class Asked:
    """One question as shown: texts in the participant's language, what is filled in, what is wrong."""

    name: str
    kind: str
    text: str
    help: str
    required: bool
    choices: tuple[Choice, ...]
    ends: tuple[str, ...]
    value: str
    error: str
    minimum: float | None
    maximum: float | None
    max_length: int
    language: str
    stem: Stem | None = None

    def html(self) -> SafeString:
        """The question as HTML. Without anybody's words in it, it is the same for everyone and kept."""
        return _kept_html(self) if not (self.value or self.error) else _html(self)


def _html(asked: Asked) -> SafeString:
    return render_to_string("study/question.html", {"q": asked})


_kept_html = lru_cache(maxsize=4096)(_html)


class SeveralField(forms.MultipleChoiceField):
    """All that apply, each once however often it was sent: two ticks of one option are no two answers."""

    def clean(self, value: Any) -> list[str]:
        return list(dict.fromkeys(super().clean(value)))


class PageForm(forms.Form):
    """The form of one page. `cleaned_data` is the payload that is stored."""

    use_required_attribute = False

    def __init__(self, questions: Sequence[Question], walk: Walk, data: Any = None, keep: Any = None) -> None:
        super().__init__(data=data)
        self.questions, self.walk, self.keep = questions, walk, keep or {}
        if self.is_bound:  # a page that is only shown needs the questions, not what checks their answers
            self.fields = {question.id: field_of(question, walk) for question in questions}

    def excuse(self, names: frozenset[str]) -> None:
        """These need no answer after all."""
        for name in names & set(self.fields):
            self.fields[name].required = False

    def say(self, text: Any) -> str:
        return self.walk.protocol.say(text, self.walk.language)

    def asked(self, stems: Mapping[str, Stem] | None = None) -> list[Asked]:
        """The questions in order, ready for the template."""
        return [self._asked(question, (stems or {}).get(question.id)) for question in self.questions]

    def _asked(self, question: Question, stem: Stem | None) -> Asked:
        chosen = self._filled_in(question)
        return Asked(
            name=question.id,
            kind=question.kind,
            text=self.say(question.text),
            help=self.say(question.help),
            required=question.required,
            choices=tuple(
                Choice(value, label, value in chosen) for value, label in choices_of(question, self.walk)
            ),
            ends=tuple(self.say(end) for end in question.anchors) if question.kind == "semantic" else (),
            value=chosen[0] if chosen else "",
            error=" ".join(str(problem) for problem in self.errors.get(question.id, []))
            if self.is_bound
            else "",
            minimum=question.minimum,
            maximum=question.maximum,
            max_length=question.max_length,
            language=self.walk.language,
            stem=stem,
        )

    def _filled_in(self, question: Question) -> list[str]:
        if self.is_bound:
            return list(cast(QueryDict, self.data).getlist(question.id))
        kept = self.keep.get(question.id)
        return [] if kept is None else [str(kept)]


def field_of(question: Question, walk: Walk) -> forms.Field:
    """The Django field that accepts a question's answer."""
    match question.kind:
        case "likert" | "semantic":
            return forms.TypedChoiceField(
                choices=choices_of(question, walk), coerce=int, empty_value=None, **_messages(question)
            )
        case "choice":
            return forms.ChoiceField(choices=choices_of(question, walk), **_messages(question))
        case "select":
            return SeveralField(choices=choices_of(question, walk), **_messages(question))
        case "number" | "slider":
            low, high = limits(question)
            return forms.FloatField(min_value=low, max_value=high, **_messages(question))
        case "honeypot":
            return forms.CharField(required=False, max_length=200)
        case _:
            return forms.CharField(max_length=question.max_length, **_messages(question))


def choices_of(question: Question, walk: Walk) -> list[tuple[str, str]]:
    """Values and labels of a closed question; empty for open ones. Ratings are '1' to `points`."""
    say, language = walk.protocol.say, walk.language
    if question.kind == "likert":
        anchors = [say(anchor, language) for anchor in question.anchors]
        labels = anchors if len(anchors) == question.points else rating_labels(anchors, question.points)
        return [(str(n), label) for n, label in enumerate(labels, start=1)]
    if question.kind == "semantic":
        return [(str(n), str(n)) for n in range(1, question.points + 1)]
    return [(value, say(label, language)) for value, label in question.options.items()]


def rating_labels(anchors: Sequence[str], points: int) -> list[str]:
    """Numbers, with the two anchors at the ends where a scale names only its ends."""
    labels = [str(n) for n in range(1, points + 1)]
    if len(anchors) == 2:
        labels[0], labels[-1] = f"1 {anchors[0]}", f"{points} {anchors[1]}"
    return labels


def limits(question: Question) -> tuple[float | None, float | None]:
    """Smallest and largest number accepted; a slider without limits goes from 0 to 100."""
    if question.kind == "slider":
        low = 0.0 if question.minimum is None else question.minimum
        return low, (100.0 if question.maximum is None else question.maximum)
    return question.minimum, question.maximum


def _messages(question: Question) -> dict[str, Any]:
    """Whether an answer is needed, and what is said when it is missing or is not one of the options."""
    wrong = _("Please choose one of the options shown.")
    return {
        "required": question.required,
        "error_messages": {"required": _("Please answer this question."), "invalid_choice": wrong},
    }
