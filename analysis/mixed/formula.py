"""Model formulas in lme4's notation, read into terms.

`agree ~ condition * ai_correct + (1 + hedged | participant) + (1 | item)` becomes a response
expression, fixed-effect terms in R's order, and random-effect terms. Nothing here looks at data.

Grammar: `+ - * : ^ ( )`, `0`/`1` for the intercept, `(… | g)`, `(… || g)`, `g` being a name, `a:b` or `a/b`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.mixed.errors import ModelError

Term = tuple[str, ...]

_TOKEN = re.compile(r"\s*(\|\||[-+*:/^()|]|\d+(?:\.\d+)?|`[^`]+`|[^\W\d][\w.]*)")


@dataclass(frozen=True)
class Sum:
    """A right-hand side: terms in R's order (main effects first), and whether there is an intercept."""

    terms: tuple[Term, ...]
    intercept: bool


@dataclass(frozen=True)
class RandomPart:
    """`(columns | group)`: `group` holds the columns whose combination names a level."""

    columns: Sum
    group: Term


@dataclass(frozen=True)
class Formula:
    """A read formula: `response` is the text left of `~`."""

    text: str
    response: str
    fixed: Sum
    random: tuple[RandomPart, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column on the right-hand side, in order of first use."""
        seen: dict[str, None] = {}
        for part in (self.fixed, *(r.columns for r in self.random)):
            seen.update(dict.fromkeys(v for term in part.terms for v in term))
        for r in self.random:
            seen.update(dict.fromkeys(r.group))
        return tuple(seen)


def parse_formula(text: str) -> Formula:
    """Read `text`; raises ModelError naming what cannot be read."""
    if not isinstance(text, str) or not text.strip():
        raise ModelError("the formula is empty: write it as 'outcome ~ condition + (1 | participant)'")
    sides = text.split("~")
    if len(sides) != 2:
        raise ModelError(f"the formula {text!r} needs exactly one '~' between outcome and predictors")
    response, right = (side.strip() for side in sides)
    if not response:
        raise ModelError(f"the formula {text!r} names no outcome left of '~'")
    if not right:
        raise ModelError(
            f"the formula {text!r} names no predictors right of '~' (write 1 for an intercept only)"
        )
    reader = _Reader(text, right)
    return reader.formula(response)


def _union(*parts: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(term for part in parts for term in part))


def _join(left: Term, right: Term) -> Term:
    return tuple(dict.fromkeys(left + right))


class _Reader:
    """Recursive descent over the words of a right-hand side.

    A side is (terms, intercept) where intercept is None as long as nobody mentioned it."""

    def __init__(self, text: str, right: str) -> None:
        self.text = text
        self.words = self._split(right)
        self.at = 0
        self.random: list[RandomPart] = []
        self.order: dict[str, int] = {}

    def _split(self, right: str) -> list[str]:
        words, at = [], 0
        while at < len(right.rstrip()):
            match = _TOKEN.match(right, at)
            if match is None:
                raise self._error(f"cannot read {right[at:].strip()[:20]!r}")
            words.append(match.group(1))
            at = match.end()
        return words

    def _error(self, what: str) -> ModelError:
        return ModelError(f"the formula {self.text!r}: {what}")

    def _peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def _next(self) -> str:
        word = self._peek()
        self.at += 1
        return word

    def _expect(self, wanted: str) -> None:
        got = self._next()
        if got != wanted:
            raise self._error(f"expected {wanted!r} but found {got!r}" if got else f"a {wanted!r} is missing")

    def formula(self, response: str) -> Formula:
        terms, intercept = self._sum(top=True)
        if self._peek():
            raise self._error(f"unexpected {self._peek()!r}")
        return Formula(self.text, response, self._ordered(terms, intercept), tuple(self.random))

    def _ordered(self, terms: tuple[Term, ...], intercept: bool | None) -> Sum:
        named = [tuple(sorted(t, key=self.order.__getitem__)) for t in terms]
        named = sorted(dict.fromkeys(named), key=len)
        return Sum(tuple(named), intercept is not False)

    def _sum(self, *, top: bool = False) -> tuple[tuple[Term, ...], bool | None]:
        """terms joined by + and -; at the top level, random parts are put aside."""
        terms: tuple[Term, ...] = ()
        intercept: bool | None = None
        sign = self._next() if self._peek() in ("+", "-") else "+"
        while True:
            if top and self._at_random():
                if sign == "-":
                    raise self._error("a random effect cannot be subtracted")
                self._random_part()
            else:
                terms, intercept = self._fold(terms, intercept, sign)
            if self._peek() not in ("+", "-"):
                return terms, intercept
            sign = self._next()

    def _fold(
        self, terms: tuple[Term, ...], intercept: bool | None, sign: str
    ) -> tuple[tuple[Term, ...], bool | None]:
        new, mentioned = self._product()
        if mentioned is not None:
            intercept = mentioned if sign == "+" else not mentioned
        if sign == "+":
            return _union(terms, new), intercept
        gone = {frozenset(t) for t in new}
        return tuple(t for t in terms if frozenset(t) not in gone), intercept

    def _product(self) -> tuple[tuple[Term, ...], bool | None]:
        left, mentioned = self._interaction()
        while self._peek() == "*":
            self._next()
            right, _ = self._interaction()
            left = _union(left, right, tuple(_join(a, b) for a in left for b in right))
        if self._peek() == "/":
            raise self._error("'/' between predictors is not read; write the terms out with ':'")
        return left, mentioned

    def _interaction(self) -> tuple[tuple[Term, ...], bool | None]:
        left, mentioned = self._power()
        while self._peek() == ":":
            self._next()
            right, _ = self._power()
            left = _union(tuple(_join(a, b) for a in left for b in right))
        return left, mentioned

    def _power(self) -> tuple[tuple[Term, ...], bool | None]:
        base, mentioned = self._atom()
        if self._peek() != "^":
            return base, mentioned
        self._next()
        degree = self._next()
        if not degree.isdigit() or int(degree) < 1:
            raise self._error("'^' needs a whole number, as in (a + b)^2")
        out = base
        for _ in range(int(degree) - 1):
            out = _union(out, tuple(_join(a, b) for a in out for b in base))
        return out, mentioned

    def _atom(self) -> tuple[tuple[Term, ...], bool | None]:
        word = self._next()
        if word == "(":
            inside = self._sum()
            if self._peek() in ("|", "||"):
                raise self._error("a random effect must stand by itself, joined by '+'")
            self._expect(")")
            return inside
        if word in ("0", "1"):
            return (), word == "1"
        if not word:
            raise self._error("it ends where a predictor is expected")
        if not (word[0].isalpha() or word[0] in "_`"):
            raise self._error(f"unexpected {word!r}")
        if self._peek() == "(":
            raise self._error(
                f"{word}(…) on the right-hand side is not read; make a column of it in the data first"
            )
        name = word.strip("`")
        self.order.setdefault(name, len(self.order))
        return ((name,),), None

    def _at_random(self) -> bool:
        if self._peek() != "(":
            return False
        depth = 0
        for word in self.words[self.at :]:
            depth += (word == "(") - (word == ")")
            if depth == 1 and word in ("|", "||"):
                return True
            if depth == 0:
                return False
        return False

    def _random_part(self) -> None:
        self._expect("(")
        terms, intercept = self._sum()
        bar = self._next()
        groups = self._groups()
        self._expect(")")
        columns = self._ordered(terms, intercept)
        if not columns.terms and not columns.intercept:
            raise self._error("a random effect '(0 | …)' has no columns")
        for group in groups:
            self.random.extend(RandomPart(c, group) for c in _uncorrelated(columns, bar == "||"))

    def _groups(self) -> list[Term]:
        group: Term = (self._name(),)
        groups: list[Term] = []
        while self._peek() in (":", "/"):
            if self._next() == "/":
                groups.append(group)
            group = (*group, self._name())
        return [*groups, group]

    def _name(self) -> str:
        word = self._next()
        if not word or not (word[0].isalpha() or word[0] in "_`"):
            raise self._error(f"expected a grouping column after '|' but found {word!r}")
        return word.strip("`")


def _uncorrelated(columns: Sum, split: bool) -> list[Sum]:
    """`(1 + x || g)` is `(1 | g) + (0 + x | g)`; a single bar stays whole."""
    if not split:
        return [columns]
    alone = [Sum((term,), intercept=False) for term in columns.terms]
    return ([Sum((), intercept=True)] if columns.intercept else []) + alone
