"""One's own values card: case, story, what one attends to, policies, words for it, and a last look before approving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from elicitation.interview.conversation import Conversation, answer, conversation, spoken
from elicitation.interview.prompts import TURNS
from elicitation.library import digest
from elicitation.models import Card, FollowUp
from elicitation.stages.configs import Case, CompareValuesStage, ValuesCardStage
from elicitation.stages.earlier import said
from elicitation.upgrades.erasing import erase_upgrades
from elicitation.values import cards
from elicitation.values.erasing import erase_cards
from study.protocol.types import Protocol, Question
from study.stages.base import AGAIN, NEXT, Answers, Move, Page, StageKind, Walk, ask
from study.stages.columns import Column

if TYPE_CHECKING:
    from study.session.models import Session
    from study.session.visit import Visit

CASE, STORY, ATTENTION, POLICIES, WORDS, CARD = "case", "story", "attention", "policies", "words", "card"
TALK = "talk"
TO_CARD, TO_FORM = "card", "form"
GUIDED = (STORY, ATTENTION, POLICIES, WORDS)
BY_HAND = (POLICIES, WORDS)  # after a whole conversation: nobody tells their story twice
PLACES = [f"policy_{n}" for n in range(1, cards.POLICIES[1] + 1)]
LONGEST = cards.LONGEST_TEXT
APPROVE, AFRESH = "approve", "afresh"

HOW_TO_WRITE = _(
    "Begin with what you attend to, in a word or two, then say which of it matters: “SILENCES that show somebody "
    "is not done speaking”, “WAYS to say it that leave a choice”."
)


class ValuesCard(StageKind):
    kind = "values-card"
    Config = ValuesCardStage
    template = "elicitation/stages/card.html"

    def pages(self, stage: ValuesCardStage, walk: Walk) -> list[Page]:
        """Whoever talked with the interviewer and took the card skips the form that leads to one; whoever talked to the
        end without one only puts into words what they told."""
        parts = [CASE] if len(stage.cases) > 1 else []
        parts += [TALK, *after_talk(stage, walk)] if stage.interview else GUIDED
        parts.append(CARD)
        return [Page(f"{stage.id}.{part}", stage.id, self.kind, part=part) for part in parts]

    def lasting(self, stage: ValuesCardStage) -> bool:
        return not stage.interview

    def questions(self, stage: ValuesCardStage, page: Page, walk: Walk) -> list[Question]:
        match page.part:
            case "case":
                options = {case.id: case.title for case in stage.cases}
                return [
                    ask(
                        "case",
                        "choice",
                        str(_("Which of these would you like to think about?")),
                        options=options,
                    )
                ]
            case "talk":
                return _talk_questions(conversation(walk.session, page.key))
            case "story":
                return [
                    _long(
                        "story",
                        _(
                            "Tell a time when you, or somebody you look up to, had to choose how to act in "
                            "something like this, and chose well. What happened?"
                        ),
                    )
                ]
            case "attention":
                return [
                    _long(
                        "attention",
                        _(
                            "In that moment, what did you notice, look for or listen to that helped you "
                            "choose well?"
                        ),
                    ),
                    _long(
                        "otherwise",
                        _(
                            "If there were another way to the same result, which of this would you still "
                            "want to attend to, for its own sake?"
                        ),
                    ),
                ]
            case "policies":
                return _policy_questions()
            case "words":
                return _word_questions()
            case _:
                return [*_word_questions(), *_policy_questions(), *_decision(stage, walk.protocol)]

    def excused(self, page: Page, given: Answers) -> frozenset[str]:
        """Whoever starts over has nothing more to say of the card they drop."""
        if page.part != CARD or given.get("decision") != AFRESH:
            return frozenset()
        return frozenset((*PLACES, "title", "description", "share", "again"))

    def context(self, stage: ValuesCardStage, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        say, language = walk.protocol.say, walk.language
        case = self.case(stage, visit.submitted)
        context: dict[str, Any] = {
            "intro": say(stage.intro, language),
            "part": page.part,
            "how_to": HOW_TO_WRITE,
            "cases": [told(case, walk) for case in stage.cases] if page.part == CASE else [],
            "case": told(case, walk) if page.part != CASE else None,
        }
        if page.part == TALK:
            context["talk"] = conversation(walk.session, page.key)
        elif stage.interview and page.part != CASE:
            context["said_before"] = conversation(walk.session, f"{stage.id}.{TALK}")
        if page.part in (ATTENTION, POLICIES, WORDS):
            context["said"] = [text for part in (STORY, ATTENTION) for text in _texts(visit, stage, part)]
        if page.part == WORDS:
            context["policies"] = filled(visit.earlier(f"{stage.id}.{POLICIES}") or {})
        if page.part == CARD:
            context["keep"] = self.draft(stage, page, visit)
        return context

    def draft(self, stage: ValuesCardStage, page: Page, visit: Visit) -> dict[str, Any]:
        """What the card's fields begin with: what was written on the pages before, nothing after starting over."""
        if (visit.earlier(page.key) or {}).get("decision") == AFRESH:
            return {}
        if stage.interview and took_the_card(stage, visit.walk):
            offer = conversation(visit.session.pk, f"{stage.id}.{TALK}").last_offer
            return fields(offer.card) if offer and offer.card else {}
        return {
            **(visit.earlier(f"{stage.id}.{WORDS}") or {}),
            **(visit.earlier(f"{stage.id}.{POLICIES}") or {}),
        }

    def case(self, stage: ValuesCardStage, submitted: dict[str, dict[str, Any]]) -> Case:
        """The case that was chosen; the only one where there is one."""
        chosen = (submitted.get(f"{stage.id}.{CASE}") or {}).get("case")
        return next((case for case in stage.cases if case.id == chosen), stage.cases[0])

    def clean(
        self, stage: ValuesCardStage, page: Page, walk: Walk, answers: dict[str, Any]
    ) -> dict[str, Any]:
        """Policies moved up and begun in capitals; a card that is to be approved must be one."""
        if page.part == TALK:
            return _said_or_left(answers, conversation(walk.session, page.key))
        if page.part not in (POLICIES, CARD):
            return answers
        policies = [in_form(policy) for policy in filled(answers)]
        answers = {**answers, **dict.fromkeys(PLACES, ""), **dict(zip(PLACES, policies, strict=False))}
        if page.part == POLICIES and len(policies) < cards.POLICIES[0]:
            raise ValidationError(_("Please write at least three things that you attend to."))
        if page.part == CARD and answers["decision"] == APPROVE:
            written = read(answers)
            if wrong := cards.problems(written):
                raise ValidationError(wrong)
            answers |= {"title": written.title, "description": written.description}
        return answers

    def move(self, stage: ValuesCardStage, page: Page, walk: Walk, answers: Answers, attempt: int) -> Move:
        if page.part == TALK:
            return NEXT if answers["leave"] else AGAIN
        return AGAIN if page.part == CARD and answers["decision"] == AFRESH else NEXT

    def accepted(
        self, stage: ValuesCardStage, page: Page, walk: Walk, answers: Answers, session: Session
    ) -> None:
        if page.part == TALK and answers["message"]:
            case = self.case(stage, {f"{stage.id}.{CASE}": said(session.pk, f"{stage.id}.{CASE}")})
            answer(session=session, page=page.key, case=walk.protocol.say(case.question, walk.language))
        if page.part != CARD or answers["decision"] != APPROVE:
            return
        card = read(answers)
        Card.objects.create(
            study_id=session.study_id,
            session=session,
            stage=stage.id,
            case=chosen_case(walk),
            title=card.title,
            description=card.description,
            policies=list(card.policies),
            shared=answers.get("share") == "yes",
            digest=digest(str(session.pk), card.text()),
        )

    def erased(self, session: Session) -> None:
        erase_cards(session)
        erase_upgrades(session)
        FollowUp.objects.filter(session=session).erase()

    def columns(self, stage: ValuesCardStage, protocol: Protocol) -> list[Column]:
        return []  # cards and votes are tables of their own (manage.py votes), and stand in `responses` as submitted


def chosen_case(walk: Walk) -> str:
    """The id of the case that this walk's participant chose."""
    stage = next(stage for stage in walk.protocol.flow if isinstance(stage, ValuesCardStage))
    return ValuesCard().case(stage, {f"{stage.id}.{CASE}": said(walk.session, f"{stage.id}.{CASE}")}).id


def after_talk(stage: ValuesCardStage, walk: Walk) -> tuple[str, ...]:
    """The pages between a conversation and the card. Fixed once the conversation is left."""
    if took_the_card(stage, walk):
        return ()
    return BY_HAND if len(spoken(walk.session, f"{stage.id}.{TALK}")) >= TURNS else GUIDED


def took_the_card(stage: ValuesCardStage, walk: Walk) -> bool:
    """Did this walk's participant leave the conversation for its card? Fixed once the page is accepted."""
    return said(walk.session, f"{stage.id}.{TALK}").get("leave") == TO_CARD


def fields(card: cards.Card) -> dict[str, str]:
    """A card as the last page's fields."""
    return {
        "title": card.title,
        "description": card.description,
        **dict(zip(PLACES, card.policies, strict=False)),
    }


def _talk_questions(talk: Conversation) -> list[Question]:
    offered = talk.last_offer is not None
    leave = {TO_CARD: str(_("Take me to the card"))} if offered else {}
    by_hand = (
        _("Go on to the card") if talk.over and not offered else _("I would rather write the card myself")
    )
    leave[TO_FORM] = str(by_hand)
    asked = [ask("leave", "choice", str(_("Or leave the conversation")), options=leave, required=talk.over)]
    if not talk.over:
        asked.insert(0, _long("message", _("Your message"), required=False))
    return asked


def _said_or_left(answers: dict[str, Any], talk: Conversation) -> dict[str, Any]:
    """Leaving wins over a message; one of the two is needed, and after the last turn only leaving is left."""
    leave, message = answers.get("leave") or "", answers.get("message") or ""
    if not leave and (talk.over or not message.strip()):
        raise ValidationError(_("Please write a message, or choose how to go on."))
    return {"leave": leave, "message": "" if leave else message}


def told(case: Case, walk: Walk) -> dict[str, str]:
    """A case in the participant's language."""
    say, language = walk.protocol.say, walk.language
    return {
        "title": say(case.title, language),
        "question": say(case.question, language),
        "about": say(case.about, language),
    }


def filled(answers: Answers) -> list[str]:
    """The policies that were written, in order."""
    return [text for name in PLACES if (text := str(answers.get(name) or "").strip())]


def in_form(policy: str) -> str:
    """A policy with its first word in capitals: the form is ours to keep, the words are the author's.

    >>> in_form("moments when someone falters")
    'MOMENTS when someone falters'
    """
    first, _space, rest = policy.strip().partition(" ")
    return f"{first.upper()} {rest}".strip()


def read(answers: Answers) -> cards.Card:
    """The card that the last page's answers make."""
    return cards.read(
        {"title": answers["title"], "description": answers["description"], "policies": filled(answers)}
    )


def _texts(visit: Visit, stage: ValuesCardStage, part: str) -> list[str]:
    payload = visit.earlier(f"{stage.id}.{part}") or {}
    return [str(payload[name]) for name in ("story", "attention", "otherwise") if payload.get(name)]


def _long(name: str, text: Any, *, required: bool = True) -> Question:
    return ask(name, "text", str(text), max_length=4000, required=required)


def _policy_questions() -> list[Question]:
    fewest = cards.POLICIES[0]
    return [
        ask(
            name,
            "text",
            str(_("What you attend to ({number})")).format(number=number),
            max_length=LONGEST,
            required=number <= fewest,
        )
        for number, name in enumerate(PLACES, start=1)
    ]


def _word_questions() -> list[Question]:
    return [
        ask("title", "text", str(_("A title, in two to six words")), max_length=cards.LONGEST_TITLE),
        ask("description", "text", str(_("The value in one sentence")), max_length=LONGEST),
    ]


def _decision(stage: ValuesCardStage, protocol: Protocol) -> list[Question]:
    options = {
        APPROVE: str(_("This card says what I attend to")),
        AFRESH: str(_("I want to start over with an empty card")),
    }
    asked = [ask("decision", "choice", str(_("Does the card speak for you?")), options=options)]
    if stage.ask_to_share:
        share = {"yes": str(_("Yes, without anything that says who I am")), "no": str(_("No"))}
        text = _("May other participants read your card?")
        if any(isinstance(one, CompareValuesStage) and one.public for one in protocol.flow):
            text = _("May others read your card: participants, and whoever looks at the published graph?")
        asked.append(ask("share", "choice", str(text), options=share))
    if stage.follow_up:
        again = {"yes": str(_("Yes")), "no": str(_("No"))}
        text = _(
            "When the study is over: may we show you what became of your card, and ask whether that is right?"
        )
        asked.append(ask("again", "choice", str(text), options=again))
    return asked
