"""The interviewer: asks for what the person attended to, tests it, and offers a values card in the person's words.

Nothing but the conversation is known here. What somebody attends to is found where they say that they look for it,
notice it or listen for it; what they let go of is left out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm.rehearsal_model.request import Answer, Request, content_of
from llm.rehearsal_model.scripts import script
from llm.rehearsal_model.scripts.themes import theme_of

QUESTIONS = (
    "Thank you for taking part. Can you tell me about a time when you, or someone you look up to, had to"
    " deal with"
    " something like this? What happened?",
    "When that happened, what did you notice or look for that helped you choose well?",
    "You mention {topic}. What do you pay attention to in such a moment, as concretely as you can?",
    "If there were another way to the same result, would you still want to attend to that? Why?",
    "In two to six words, what would you call this way of acting?",
    "And in one sentence, what do you care about there?",
)
MORE = (
    "Is there anything else that you look for in such a moment?",
    "How could someone else tell that this was present, or that it was missing?",
    "What would be lost if you attended to none of it?",
)
LEFT_OUT = "Is there anything left in it that you would attend to only as a means to something else?"
ENOUGH, FEWEST, MOST = 6, 3, 7  # answers of the person before a card is offered; things on a card
SPOKEN_OF = 3  # words of one theme from which a card is made of it where too few things were named
LONGEST = 200  # characters of one thing
COMMON = frozenset(
    ("about", "would", "there", "because", "really", "should", "something", "things", "people")
)
ATTENDING = re.compile(
    r"\b(?:(?:look|looked|looking|listen|listened|watch|watched) (?:out )?for|notice|noticed|"
    r"(?:attend|attended|attending|pay attention|paid attention) to)[:,]? +(.+)",
    re.IGNORECASE,
)
LETTING_GO = re.compile(r"\b(?:let go of|leave out|do without) +(.+)", re.IGNORECASE)
NAMED = re.compile(r"\b(?:call|name) (?:it|that|this) +[“\"'‘]?([^”\"’.;!?\n]+)", re.IGNORECASE)
CARED = re.compile(r"\bI care about(?: this)?: +([^\n]+)", re.IGNORECASE)
LEADING = re.compile(
    r"^(?:(?:and|also|for|to|the|a|an|my|his|her|their|our|those|these|any|all|such) +)+", re.IGNORECASE
)
NOT_A_THING = re.compile(
    r"what|how|that|its?|this|nothing|everything|something|when|him|them|you|whatever|whether", re.IGNORECASE
)
OFFERED = "I offered the card"
CRITICISED = "A second reader said of your last card"
LAST = "That was their last message"
THANKS = "Thank you for all that you told me."


@script("elicitation.interview")
def interview(request: Request) -> Answer:
    """One question at a time; the card, by the offered tool or in words, once enough was said to write one."""
    turns = [turn for turn in request.user_turns if turn.strip()]
    last = LAST in request.system
    if CRITICISED in request.system and since_the_offer(request) == 1 and not last:
        return Answer(text=LEFT_OUT)
    if len(turns) >= ENOUGH and (found := written(turns)) is not None:
        return _offer_card(request, found)
    if last:
        return Answer(text=THANKS)
    if len(turns) < len(QUESTIONS):
        return Answer(text=QUESTIONS[len(turns)].format(topic=topic_of(turns[-1]) if turns else "this"))
    return Answer(text=MORE[len(turns) % len(MORE)])


@script("elicitation.card", "values_card")
def card(request: Request) -> Answer:
    """A values card from everything the person said, in the conversation or in one message."""
    said = "\n".join(request.user_turns)
    return Answer(data=theme_of(said).card() | {"reply": "Here is a card. Does it say what you meant?"})


def written(turns: list[str]) -> dict[str, object] | None:
    """The card that somebody's words make: what they named, completed from the theme they speak of most; None where
    they have said neither."""
    said, found = "\n".join(turns), things(turns)
    theme = theme_of(said)
    if len(found) < FEWEST:
        if theme.score(said) < SPOKEN_OF:
            return None
        found = [*found, *theme.policies][:FEWEST]
    names = [name.strip() for name in NAMED.findall(said) if 2 <= len(name.split()) <= 6 and len(name) <= 80]
    cared = CARED.findall(said)
    return {
        "title": names[-1] if names else theme.title,
        "description": cared[-1].strip()[:LONGEST] if cared else theme.description,
        "policies": found[:MOST],
    }


def things(turns: list[str]) -> list[str]:
    """What somebody says they attend to, first word in capitals, without what they let go of and without repeats.

    >>> things(["I look for the pauses in a story; and for signs of fear.", "I would let go of signs of fear."])
    ['PAUSES in a story']
    """
    found = {one.casefold(): one for turn in turns for one in _after(ATTENDING, turn)}
    gone = [one.casefold() for turn in turns for one in _after(LETTING_GO, turn)]
    return [one for key, one in found.items() if not any(key.startswith(left) for left in gone)]


def _after(lead: re.Pattern[str], turn: str) -> Iterator[str]:
    for sentence in re.split(r"[.!?\n]+(?:\s|$)", turn):
        if hit := lead.search(sentence):
            for part in hit[1].split(";"):
                first, _, rest = LEADING.sub("", " ".join(part.split())).partition(" ")
                if re.fullmatch(r"[^\W\d_]{3,}", first) and not NOT_A_THING.fullmatch(first) and rest:
                    yield f"{first.upper()} {rest}"[:LONGEST].strip(" ,:")


def since_the_offer(request: Request) -> int:
    """How many messages of the person have come since a card was last offered; 0 when none was."""
    count = 0
    for message in reversed(request.messages):
        if message.get("role") == "assistant" and OFFERED in content_of(message):
            return count
        count += message.get("role") == "user"
    return 0


def _offer_card(request: Request, found: dict[str, object]) -> Answer:
    for tool in request.tools:
        if "card" in tool.get("name", ""):
            return Answer(tool=(tool["name"], found))
    policies = found["policies"]
    listed = "\n".join(f"- {policy}" for policy in policies) if isinstance(policies, list) else ""
    return Answer(text=f"Here is how I understand it.\n{found['title']}: {found['description']}\n{listed}")


def topic_of(text: str) -> str:
    """The longest uncommon word of `text`, as a person taking notes would pick one."""
    words = [word for word in re.findall(r"[^\W\d_]{5,18}", text) if word.lower() not in COMMON]
    return f"“{max(words, key=len).lower()}”" if words else "this"
