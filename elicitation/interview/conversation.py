"""A participant's conversation: their messages are submissions, the model's turns are calls; nothing else is kept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from elicitation.interview import prompts
from elicitation.values.cards import Card
from llm import calls, chat
from llm.models import Call
from llm.prompts import Message
from study.session.models import Session, Submission

AWAY = gettext_noop(
    "The interviewer cannot answer just now. You can send your message again, or write the card yourself."
)
DEADLINE = 30  # seconds


@dataclass(frozen=True)
class Turn:
    """One message of the person, the model's turn after it, the card in it, the critic's call and what it said of that
    card."""

    number: int
    said: str
    call: Call | None
    card: Card | None
    critic: Call | None
    criticism: tuple[str, ...]

    @property
    def being_read(self) -> bool:
        """The card was offered and the critic has not finished with it, or is only just being asked."""
        if self.card is None or self.call is None:
            return False
        return self.call.handled_at is None if self.critic is None else not self.critic.is_finished


@dataclass(frozen=True)
class Conversation:
    """The turns so far, oldest first."""

    turns: tuple[Turn, ...]

    @property
    def last_offer(self) -> Turn | None:
        """The last turn that offered a card."""
        return next((turn for turn in reversed(self.turns) if turn.card), None)

    @property
    def over(self) -> bool:
        return len(self.turns) >= prompts.TURNS

    def history(self) -> list[Message]:
        """What was said, as the next prompt carries it."""
        found = []
        for turn in self.turns:
            found.append(Message("user", chat.prepare(turn.said, chat.Limits())))
            reply = turn.call.text if turn.call is not None and not turn.call.is_fallback else ""
            if turn.card:
                reply = f"{reply}\nI offered the card “{turn.card.title}”.".strip()
            if reply:
                found.append(Message("assistant", reply))
        return found


def key_of(session: uuid.UUID, stage: str) -> str:
    return f"{session}.{stage}"


def conversation(session: uuid.UUID | None, page: str) -> Conversation:
    """The conversation on a page. Two queries."""
    said = spoken(session, page)
    if session is None or not said:
        return Conversation(())
    name = key_of(session, page)
    keys = [f"{kind}:{name}:{n}" for kind in ("chat", "critic") for n in range(1, len(said) + 1)]
    made = {call.key: call for call in Call.objects.filter(key__in=keys)}
    return Conversation(tuple(_turn(n, text, name, made) for n, text in enumerate(said, start=1)))


def spoken(session: uuid.UUID | None, page: str) -> list[str]:
    """What the person said on a page, oldest first. One query."""
    if session is None:
        return []
    rows = Submission.objects.filter(session_id=session, page=page, payload__isnull=False).order_by("attempt")
    payloads = rows.values_list("payload", flat=True)
    return [text for payload in payloads if payload and (text := payload.get("message"))]


def _turn(number: int, said: str, name: str, made: dict[str, Call]) -> Turn:
    call, critic = made.get(f"chat:{name}:{number}"), made.get(f"critic:{name}:{number}")
    card = prompts.offered(call.tool_calls) if call is not None and call.state == Call.State.DONE else None
    return Turn(
        number, said, call, card, critic, prompts.criticised(critic.data) if critic is not None else ()
    )


def answer(*, session: Session, page: str, case: str) -> Call:
    """Ask for the model's turn after the message that was just accepted, in the same transaction."""
    so_far = conversation(session.pk, page)
    *before, now = so_far.turns
    offer = so_far.last_offer
    return chat.say(
        conversation=key_of(session.pk, page),
        turn=now.number,
        system=prompts.system(
            case,
            offer.criticism if offer else (),
            language=session.language,
            left=prompts.TURNS - now.number,
        ),
        history=Conversation(tuple(before)).history(),
        message=now.said,
        template=prompts.INTERVIEW,
        version=prompts.VERSION,
        purpose=prompts.INTERVIEW,
        tools=(prompts.CARD_TOOL,),
        limits=chat.Limits(turns=prompts.TURNS),
        study=session.study_id,
        participant=str(session.participant_id),
        deadline=DEADLINE,
        fallback=_(AWAY),
    )


def ask_critic(call: Call) -> None:
    """A finished turn that offers a card is read by the critic. Runs once, in a transaction of the worker's."""
    card = prompts.offered(call.tool_calls) if call.state == Call.State.DONE else None
    if card is not None:
        calls.request(
            prompts.critic(card, language=_language(call.participant)),
            key="critic:" + call.key.removeprefix("chat:"),
            purpose=prompts.CRITIC,
            study=call.study,
            participant=call.participant,
            deadline=DEADLINE,
        )


def _language(participant: str) -> str:
    """In which language somebody takes part."""
    return Session.objects.only("language").get(participant_id=participant).language
