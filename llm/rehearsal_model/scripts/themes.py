"""What rehearsal interviews can be about: themes, their words, and a values card for each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """One way of living. `clues` are word stems; `policies` are what someone with this value attends to."""

    title: str
    description: str
    clues: tuple[str, ...]
    policies: tuple[str, ...]

    def score(self, text: str) -> int:
        """How many words of `text` begin with one of the clues."""
        return sum(word.startswith(self.clues) for word in re.findall(r"[a-z]+", text.lower()))

    def card(self) -> dict[str, object]:
        return {"title": self.title, "description": self.description, "policies": list(self.policies)}


THEMES = (
    Theme(
        "Speaking Plainly",
        "Telling people what is true in a form that they can use.",
        ("honest", "truth", "frank", "candid", "lie", "lying", "straight"),
        (
            "MOMENTS when a softer version would leave someone with the wrong picture",
            "WORDS that say the hard part without adding to it",
            "SIGNS that the person has understood and can act on it",
        ),
    ),
    Theme(
        "Patient Presence",
        "Staying with someone in trouble without hurrying them towards a solution.",
        ("listen", "patien", "present", "comfort", "sit", "silence", "alongside"),
        (
            "PAUSES in which a person finds the next thing to say",
            "FEELINGS that ask to be heard before anything is fixed",
            "CHANGES in someone's breathing and pace when they feel less alone",
        ),
    ),
    Theme(
        "Room to Choose",
        "Making it possible for people to decide about their own lives.",
        ("autonom", "choice", "choose", "freedom", "decide", "independ", "own way"),
        (
            "DECISIONS that belong to the other person although I could make them faster",
            "OPTIONS they have not yet seen",
            "PRESSURES that would make their yes mean less",
        ),
    ),
    Theme(
        "Shelter for the Weak",
        "Standing between those who could be hurt and what could hurt them.",
        ("protect", "safe", "danger", "vulnerab", "harm", "shield", "guard"),
        (
            "PEOPLE who would carry the cost if this goes wrong",
            "WARNINGS that are easy to explain away",
            "PLACES where a small precaution now spares someone later",
        ),
    ),
    Theme(
        "Even-Handed Sharing",
        "Giving everybody the part that is rightly theirs.",
        ("fair", "equal", "share", "justice", "rights", "impartial"),
        (
            "VOICES that count less only because they are quieter",
            "RULES I would accept if I did not know my own place",
            "SHARES that have grown crooked without anyone deciding it",
        ),
    ),
    Theme(
        "Growing Through Trying",
        "Letting someone find out by doing, with a hand near enough to catch them.",
        ("learn", "grow", "practi", "mistake", "try", "skill", "school", "homework"),
        (
            "ATTEMPTS that are a little beyond what the person can do",
            "MISTAKES that teach more than the right answer would",
            "MOMENTS when help would take the learning away",
        ),
    ),
    Theme(
        "Keeping Faith",
        "Living by what one holds sacred, also when it costs something.",
        ("faith", "god", "pray", "church", "belief", "sacred", "spirit"),
        (
            "PROMISES that I made before something greater than myself",
            "PRACTICES that bring me back when I have drifted",
            "CHOICES in which comfort and conviction part ways",
        ),
    ),
    Theme(
        "Loyal Kinship",
        "Being someone whom family and friends can count on.",
        ("family", "loyal", "friend", "mother", "father", "sister", "brother", "parent", "daughter", "son"),
        (
            "NEEDS that someone close would never ask me to meet",
            "TIES that outlast a quarrel",
            "DAYS on which turning up matters more than knowing what to do",
        ),
    ),
    Theme(
        "Curious Questioning",
        "Wanting to understand how another person came to see things as they do.",
        ("curio", "question", "wonder", "understand", "explor", "perspective"),
        (
            "QUESTIONS whose answers would surprise me",
            "EXPERIENCES behind an opinion that I find strange",
            "GAPS in my own picture that the other person could fill",
        ),
    ),
    Theme(
        "Calm Courage",
        "Doing what is needed while being afraid.",
        ("courag", "brave", "fear", "afraid", "stand up", "risk", "stood"),
        (
            "FEARS that point to what matters here",
            "STEPS small enough to take today",
            "PEOPLE who breathe easier when one person stays calm",
        ),
    ),
    Theme(
        "Community Repair",
        "Mending what holds people together after it was damaged.",
        ("communit", "repair", "neighbo", "together", "forgiv", "reconcil", "peace"),
        (
            "HURTS that nobody has yet named aloud",
            "GESTURES that both sides could accept without losing face",
            "COMMON tasks in which trust comes back by itself",
        ),
    ),
    Theme(
        "Steady Duty",
        "Doing what one has taken on, whether or not anybody watches.",
        ("duty", "respons", "law", "order", "oblig", "commit", "promise"),
        (
            "TASKS that others rely on without knowing it",
            "SHORTCUTS that would shift the burden to someone else",
            "WORK that is finished only when the last part is done",
        ),
    ),
)


def theme_of(text: str) -> Theme:
    """The theme most spoken of in `text`; the first of equals; a stable choice by length where none is."""
    scores = [theme.score(text) for theme in THEMES]
    return THEMES[scores.index(max(scores))] if any(scores) else THEMES[len(text) % len(THEMES)]
