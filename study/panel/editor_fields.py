"""The fields of the form editor: which parts of a document people fill in, each field with its place in the text.

A field's name in the page carries ids, not numbers (`items/@moon/question`), so that a form never writes to another
entry than the one it showed, whatever was put in or taken out meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from study.protocol.splicing import values_of
from study.protocol.types import UNSURE
from study.protocol.yaml import CONTROL, Path, name, scalar

MAX_TEXT = 20_000
PARTS = {
    "about": "Title and contact",
    "arms": "Arms",
    "items": "Items",
    "scales": "Scales",
    "sample": "Sample",
    "exclusions": "Exclusions",
}
TABS = list(PARTS.items())
YES_NO = (("true", "Yes"), ("false", "No"))
OPS = ("<", "<=", ">", ">=", "==", "!=", "in", "missing")


class BadInput(ValueError):
    """What somebody typed is no value of that field."""


@dataclass(frozen=True)
class Field:
    """One input. `shown` is the value as the page shows it, always a text; `key` its name in the page."""

    path: Path
    key: str
    where: str
    label: str
    kind: str
    shown: str
    options: tuple[tuple[str, str], ...] = ()
    help: str = ""
    error: str = ""
    ident: str = ""

    def value(self, typed: str) -> Any:
        """What goes into the document. Raises BadInput."""
        typed = typed.replace("\r\n", "\n").replace("\r", "\n")
        if len(typed) > MAX_TEXT:
            raise BadInput(f"At most {MAX_TEXT:,} characters fit here.")
        if found := CONTROL.search(typed):
            raise BadInput(f"Holds the character U+{ord(found[0]):04X}, which no page can show.")
        return READ[self.kind](self, typed)


@dataclass(frozen=True)
class Group:
    """Fields of one entry, with the entries inside it. `entry`: its name if it can be removed; `adds`: a list that
    grows here, as (name of the list, what one entry is called)."""

    title: str
    fields: list[Field]
    inner: list[Group] = field(default_factory=list)
    entry: str = ""
    adds: tuple[str, str] | None = None
    item: str = ""

    def all_fields(self) -> Iterator[Field]:
        """Its fields and those of the entries inside."""
        yield from self.fields
        for group in self.inner:
            yield from group.all_fields()


def _one_of(self: Field, typed: str) -> Any:
    if typed not in dict(self.options):
        raise BadInput("Choose one of the list.")
    return {"true": True, "false": False}.get(typed, typed) if self.options == YES_NO else typed


def _number(self: Field, typed: str) -> Any:
    value = scalar(typed.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("This is not a number.")
    return value


def _scalar(self: Field, typed: str) -> Any:
    """A rule's value: one, or several with commas between; words in quotes stay words."""
    return _several(typed) if "," in typed else _plain(typed)


def _several(typed: str) -> list[Any]:
    return [_plain(part) for part in typed.split(",") if part.strip()]


def _plain(typed: str) -> Any:
    typed = typed.strip()
    if len(typed) > 1 and typed[0] == typed[-1] == '"':
        return typed[1:-1]
    return scalar(typed)


def _lines(self: Field, typed: str) -> list[str]:
    return [line.strip() for line in typed.split("\n") if line.strip()]


READ: dict[str, Callable[[Field, str], Any]] = {
    "line": lambda self, typed: typed.replace("\n", " ").strip(),
    "area": lambda self, typed: typed,
    "choice": _one_of,
    "number": _number,
    "count": lambda self, typed: "all" if typed.strip() == "all" else _number(self, typed),
    "scalar": _scalar,
    "lines": _lines,
}


def groups_of(text: str, part: str) -> list[Group]:
    """The fields of one part of a document, entry by entry."""
    return MAKERS[part](_Source(values_of(text)))


class _Source:
    """Makes fields from a document's plain values."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.languages: list[str] = data.get("languages") or ["en"]

    def get(self, path: Path, default: Any = None) -> Any:
        """The value at a path, or the default where the document says nothing."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def entries(self, path: Path) -> list[Any]:
        """A list of the document; [] where there is none."""
        found = self.get(path)
        return found if isinstance(found, list) else []

    def key(self, path: Path) -> str:
        """The path with the ids of list entries for their numbers."""
        words = []
        for depth, part in enumerate(path):
            here = self.get(path[: depth + 1])
            ident = here.get("id") if isinstance(part, int) and isinstance(here, dict) else None
            words.append(f"@{ident}" if isinstance(ident, str) else str(part))
        return "/".join(words)

    def field(
        self, path: Path, label: str, kind: str = "line", *, default: Any = "", **more: Any
    ) -> list[Field]:
        """One field; a text in several languages is one field a language."""
        value = self.get(path, default)
        if isinstance(value, dict):
            many = [
                self.field((*path, language), f"{label} ({language})", kind, **more)
                for language in self.languages
            ]
            return [one for fields in many for one in fields]
        if kind == "line" and isinstance(value, str) and "\n" in value.strip():
            kind = "area"
        key = self.key(path)
        ident = "f-" + "".join(c if c.isalnum() else "-" for c in key)
        return [Field(path, key, name(path, self.data), label, kind, _shown(value), ident=ident, **more)]

    def fields(self, *made: list[Field]) -> list[Field]:
        """Several in a row."""
        return [one for fields in made for one in fields]

    def group(self, title: str, path: Path, fields: list[Field], **more: Any) -> Group:
        """One entry of a list, which may be removed."""
        return Group(title, fields, entry=self.key(path), **more)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value)


def _about(source: _Source) -> list[Group]:
    f = source.field
    return [
        Group(
            "The study",
            source.fields(
                f(("title",), "Title"),
                f(("summary",), "Summary", "area"),
                f(("authors",), "Authors", "lines", default=[], help="One a line."),
                f(("version",), "Version of the document"),
            ),
        ),
        Group(
            "Who answers participants",
            source.fields(
                f(("contact", "name"), "Name"),
                f(("contact", "email"), "E-mail"),
                f(("contact", "institution"), "Institution"),
                f(("contact", "ethics"), "Ethics board and its reference"),
            ),
        ),
    ]


def _arms(source: _Source) -> list[Group]:
    phrasings = [str(p.get("id", "")) for p in source.entries(("phrasings",)) if isinstance(p, dict)]
    ways = tuple((p, p) for p in ["plain", *(p for p in phrasings if p != "plain")])
    groups = []
    for n, arm in _dicts(source, ("arms",)):
        at: Path = ("arms", n)
        fields = source.fields(
            source.field((*at, "label"), "Label"),
            source.field((*at, "description"), "Description", "area"),
            source.field((*at, "advice"), "Shows the AI's answer", "choice", default=True, options=YES_NO),
            source.field((*at, "phrasing"), "Phrasing", "choice", default="plain", options=ways),
            source.field(
                (*at, "hedged", "count"),
                "Items that carry the phrasing",
                "count",
                default="all",
                help="A number, or: all",
            ),
            source.field((*at, "weight"), "Weight", "number", default=1, help="Places of this arm a block."),
        )
        groups.append(source.group(f"Arm {arm.get('id', n + 1)}", at, fields))
    groups.append(Group("One more arm", [], adds=("arms", "arm")))
    for n, phrasing in _dicts(source, ("phrasings",)):
        at = ("phrasings", n)
        fields = source.fields(
            source.field((*at, "text"), "Its words"),
            source.field(
                (*at, "person"), "Person", "choice", default="none", options=_same("none", "first", "general")
            ),
            source.field(
                (*at, "placement"),
                "Placement",
                "choice",
                default="prefix",
                options=_same("prefix", "suffix", "inline", "numeric"),
            ),
        )
        groups.append(source.group(f"Phrasing {phrasing.get('id', n + 1)}", at, fields))
    return groups


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((one, one) for one in names)


def _dicts(source: _Source, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for n, entry in enumerate(source.entries(path)):
        if isinstance(entry, dict):
            yield n, entry


def _items(source: _Source) -> list[Group]:
    phrasings = list(_dicts(source, ("phrasings",)))
    groups = [_item(source, n, item, phrasings) for n, item in _dicts(source, ("items",))]
    return [*groups, Group("One more item", [], adds=("items", "item"))]


def _item(
    source: _Source, n: int, item: dict[str, Any], phrasings: Sequence[tuple[int, dict[str, Any]]]
) -> Group:
    at: Path = ("items", n)
    verdicts = _answers(item)
    kind = "choice" if verdicts else "number"
    fields = source.fields(
        source.field((*at, "question"), "Question", "area"),
        source.field((*at, "truth"), "Truth", kind, options=verdicts),
    )
    if isinstance(item.get("advice"), dict):
        answer = (*verdicts, (UNSURE, "Unsure")) if verdicts else ()
        fields += source.fields(
            source.field((*at, "advice", "answer"), "The AI's answer", kind, options=answer),
            source.field((*at, "advice", "lead"), "Opens the plain answer"),
            source.field((*at, "advice", "body"), "The AI's words", "area"),
        )
    fields += source.field((*at, "correction"), "Correction at the debrief", "area")
    fields += source.field((*at, "provenance"), "Where the fact comes from")
    for m, phrasing in phrasings:
        own = ("phrasings", m, "items", str(item.get("id", "")))
        label = f"Its own words for the phrasing {phrasing.get('id', '')}"
        fields += source.field(own, label, help="Empty: the phrasing's words.")
    return source.group(f"Item {item.get('id', n + 1)}", at, fields, item=str(item.get("id", "")))


def _answers(item: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """An item's possible answers by id; none for a probability."""
    if item.get("kind") == "probability":
        return ()
    options = item.get("options") or {"yes": "Yes", "no": "No"}
    if isinstance(options, list):
        options = {o["id"]: o.get("label", o["id"]) for o in options if isinstance(o, dict) and "id" in o}
    return tuple(
        (str(key), f"{key}: {label}" if isinstance(label, str) else str(key))
        for key, label in options.items()
    )


def _scales(source: _Source) -> list[Group]:
    groups = []
    for n, scale in _dicts(source, ("scales",)):
        at: Path = ("scales", n)
        semantic = scale.get("kind") == "semantic"
        fields = source.fields(
            source.field((*at, "title"), "Title"),
            source.field((*at, "stem"), "Stem", "area"),
            source.field((*at, "points"), "Points", "number", default=5),
            source.field((*at, "source"), "Source"),
        )
        if all(isinstance(anchor, str) for anchor in source.entries((*at, "anchors"))):
            fields += source.field((*at, "anchors"), "Anchors", "lines", default=[], help="One a line.")
        statements = [
            source.group(
                f"Statement {statement.get('id', m + 1)}",
                (*at, "items", m),
                source.fields(
                    source.field((*at, "items", m, "text"), "Left end" if semantic else "Statement"),
                    source.field((*at, "items", m, "right"), "Right end") if semantic else [],
                    source.field(
                        (*at, "items", m, "reverse"),
                        "Reverse coded",
                        "choice",
                        default=False,
                        options=YES_NO,
                    ),
                ),
            )
            for m, statement in _dicts(source, (*at, "items"))
        ]
        title = f"Scale {scale.get('id', n + 1)}"
        adds = (source.key((*at, "items")), "statement")
        groups.append(source.group(title, at, fields, inner=statements, adds=adds))
    return [*groups, Group("One more scale", [], adds=("scales", "scale"))]


def _sample(source: _Source) -> list[Group]:
    f = source.field
    return [
        Group(
            "How many, why, and when to stop",
            source.fields(
                f(("sample", "target"), "Completed participants over all arms", "number"),
                f(("sample", "rationale"), "Why as many", "area"),
                f(("sample", "stopping"), "Stopping rule, in a sentence", "area"),
                f(("sample", "until"), "Latest date of collection", help="As 2030-12-31."),
                f(("sample", "power_target"), "Power aimed at", "number", default=0.8),
            ),
        ),
        Group(
            "Time and pay",
            source.fields(
                f(("session", "minutes"), "Minutes it takes, as said at consent", "number", default=20),
                f(
                    ("session", "idle_minutes"),
                    "Minutes idle until a place is given back",
                    "number",
                    default=60,
                ),
                f(("payment", "currency"), "Currency", default="GBP"),
                f(("payment", "base"), "Base pay", "number", default=0.0),
            ),
        ),
    ]


def _exclusions(source: _Source) -> list[Group]:
    groups = []
    for n, rule in _dicts(source, ("plan", "exclusions")):
        at: Path = ("plan", "exclusions", n)
        fields = source.fields(
            source.field((*at, "sentence"), "In a sentence", "area"),
            source.field(
                (*at, "action"), "What it does", "choice", default="exclude", options=_same("exclude", "flag")
            ),
            source.field(
                (*at, "measured"),
                "Measured before or after the arm could act",
                "choice",
                options=_same("before", "after"),
            ),
            source.field((*at, "reason"), "Why a rule measured after is acceptable", "area"),
        )
        whens = [
            Group(
                f"Condition {m + 1}",
                source.fields(
                    source.field((*at, "when", m, "column"), "Column of the participants' table"),
                    source.field((*at, "when", m, "op"), "Compared by", "choice", options=_same(*OPS)),
                    _rule_value(source, (*at, "when", m, "value")),
                ),
            )
            for m, _ in _dicts(source, (*at, "when"))
        ]
        groups.append(source.group(f"Exclusion {rule.get('id', n + 1)}", at, fields, inner=whens))
    return [*groups, Group("One more exclusion", [], adds=("plan/exclusions", "exclusion"))]


def _rule_value(source: _Source, path: Path) -> list[Field]:
    value = source.get(path)
    made = source.field(path, "Value", "scalar", help="Several for 'in', with commas between.")
    said = ", ".join(map(_quoted, value)) if isinstance(value, list) else _quoted(value)
    return [replace(one, shown=said) for one in made]


def _quoted(value: Any) -> str:
    """As `_plain` reads it back."""
    if isinstance(value, str) and (scalar(value) != value or "," in value):
        return json.dumps(value, ensure_ascii=False)
    return _shown(value)


MAKERS: dict[str, Callable[[_Source], list[Group]]] = {
    "about": _about,
    "arms": _arms,
    "items": _items,
    "scales": _scales,
    "sample": _sample,
    "exclusions": _exclusions,
}

NEW: dict[str, Callable[[str], dict[str, Any]]] = {
    "arm": lambda ident: {"id": ident, "label": f"Arm {ident}"},
    "item": lambda ident: {
        "id": ident,
        "question": "A question?",
        "truth": "yes",
        "advice": {"answer": "yes", "lead": "Yes,", "body": "that is so."},
        "correction": "That is so.",
    },
    "scale": lambda ident: {
        "id": ident,
        "title": ident,
        "anchors": ["Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree"],
        "items": [{"id": f"{ident}_1", "text": "A statement."}],
    },
    "statement": lambda ident: {"id": ident, "text": "A statement."},
    "exclusion": lambda ident: {
        "id": ident,
        "sentence": "People who did not finish are left out.",
        "when": [{"column": "outcome", "op": "!=", "value": "complete"}],
        "measured": "after",
        "reason": "Unfinished sessions have no final answers.",
    },
}
"""What a new entry holds until somebody fills it in."""
