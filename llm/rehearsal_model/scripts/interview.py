"""The interviewer: asks for a story, then for what the person attended to, then offers a values card."""

from __future__ import annotations

import re

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script
from llm.rehearsal_model.scripts.themes import theme_of

QUESTIONS = (
    "Thank you for taking part. Can you tell me about a time when you, or someone you look up to, had to"
    " deal with"
    " something like this? What happened?",
    "When that happened, what did you notice or look for that helped you choose well?",
    "You mention {topic}. What do you pay attention to in such a moment, as concretely as you can?",
    "If there were another way to the same result, would you still want to attend to that? Why?",
    "How could someone else tell that this was present, or that it was missing?",
    "Is there anything that would be lost if you left one of these out?",
)
ENOUGH = 5  # answers of the person before a card is offered
COMMON = frozenset(
    ("about", "would", "there", "because", "really", "should", "something", "things", "people")
)


@script("elicitation.interview")
def interview(request: Request) -> Answer:
    """One question at a time; after five answers the card, by the offered tool or in words."""
    turns = [turn for turn in request.user_turns if turn.strip()]
    if len(turns) >= ENOUGH:
        return _offer_card(request, turns)
    question = QUESTIONS[min(len(turns), len(QUESTIONS) - 1)] if turns else QUESTIONS[0]
    return Answer(text=question.format(topic=topic_of(turns[-1]) if turns else "this"))


@script("elicitation.card", "values_card")
def card(request: Request) -> Answer:
    """A values card from everything the person said, in the conversation or in one message."""
    said = "\n".join(request.user_turns)
    return Answer(data=theme_of(said).card() | {"reply": "Here is a card. Does it say what you meant?"})


def _offer_card(request: Request, turns: list[str]) -> Answer:
    found = theme_of(" ".join(turns)).card()
    for tool in request.tools:
        if "card" in tool.get("name", ""):
            return Answer(tool=(tool["name"], found))
    policies = "\n".join(f"- {policy}" for policy in theme_of(" ".join(turns)).policies)
    return Answer(text=f"Here is how I understand it.\n{found['title']}: {found['description']}\n{policies}")


def topic_of(text: str) -> str:
    """The longest uncommon word of `text`, as a person taking notes would pick one."""
    words = [word for word in re.findall(r"[^\W\d_]{5,18}", text) if word.lower() not in COMMON]
    return f"“{max(words, key=len).lower()}”" if words else "this"
