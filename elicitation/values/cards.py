"""A values card: what it consists of, and what a card that came from a model or a person is checked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

TITLE_WORDS = (2, 6)
POLICIES = (3, 7)
LONGEST_TITLE = 80  # characters
LONGEST_TEXT = 400
CAPITALS = re.compile(r"^[^\W\d_]{2,}(?:['’-][^\W\d_]+)*\b")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "description": {"type": "string"},
        "policies": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title", "description", "policies"],
    "additionalProperties": False,
}


class CardError(ValueError):
    """What came is no card at all; the message says which part is missing or of the wrong kind."""


@dataclass(frozen=True, slots=True)
class Card:
    """A way of living someone cares about: a short title, one sentence, and what they attend to."""

    title: str
    description: str
    policies: tuple[str, ...]

    def text(self) -> str:
        """The card as one text, for embeddings: the policies say what it means, the title only names it."""
        return "\n".join([self.title, self.description, *self.policies])

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "description": self.description, "policies": list(self.policies)}


def read(data: object) -> Card:
    """A card from JSON, with spaces tidied. Raises CardError; `problems` says whether it is a good one."""
    if not isinstance(data, Mapping):
        raise CardError(f"a card is an object, not {type(data).__name__}")
    policies = data.get("policies")
    if not isinstance(policies, list | tuple) or not all(isinstance(policy, str) for policy in policies):
        raise CardError("'policies' is no list of texts")
    tidy = [_tidy(policy) for policy in policies]
    return Card(_text(data, "title"), _text(data, "description"), tuple(policy for policy in tidy if policy))


def _text(data: Mapping[Any, Any], name: str) -> str:
    found = data.get(name)
    if not isinstance(found, str):
        raise CardError(f"'{name}' is missing or no text")
    return _tidy(found)


def _tidy(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def problems(card: Card) -> list[str]:
    """What is wrong with the form of a card, in words for the person who wrote it; empty when nothing is.

    >>> problems(Card("Honest Calm", "Saying it gently.", ("MOMENTS to wait", "WORDS that fit", "SIGNS of hurt")))
    []
    """
    found = _lengths(card)
    fewest, most = TITLE_WORDS
    if not fewest <= len(card.title.split()) <= most:
        found.append(_("A title has %(fewest)s to %(most)s words.") % {"fewest": fewest, "most": most})
    if not card.description:
        found.append(_("A sentence should say what the value is."))
    fewest, most = POLICIES
    if not fewest <= len(card.policies) <= most:
        text = _("A card has %(fewest)s to %(most)s things to attend to; this one has %(number)s.")
        found.append(text % {"fewest": fewest, "most": most, "number": len(card.policies)})
    if len({policy.casefold() for policy in card.policies}) < len(card.policies):
        found.append(_("One thing to attend to is there twice."))
    for policy in card.policies:
        if not _policy(policy):
            text = _(
                "“%(policy)s” should begin with what is attended to, in capitals, and say which of it matters."
            )
            found.append(text % {"policy": policy[:60]})
    return found


def _lengths(card: Card) -> list[str]:
    found = []
    if len(card.title) > LONGEST_TITLE:
        found.append(_("A title has at most %(most)s characters.") % {"most": LONGEST_TITLE})
    if any(len(text) > LONGEST_TEXT for text in (card.description, *card.policies)):
        text = _("The description and each thing to attend to have at most %(most)s characters.")
        found.append(text % {"most": LONGEST_TEXT})
    return found


def _policy(policy: str) -> bool:
    """Whether a policy is a word in capitals with something after it."""
    noun = CAPITALS.match(policy)
    return bool(noun and noun[0] == noun[0].upper() and len(policy.split()) > 1)
