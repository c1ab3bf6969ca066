"""Consent, two pages of instructions and a comprehension check."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "intro"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    consent = models.BooleanField(choices=[[True, "I agree to take part"], [False, "I do not agree"]])
    purpose = models.StringField(
        choices=["Judge the answers shown", "Write answers of your own", "Rank search engines"]
    )


class Consent(Page):
    form_model = "player"
    form_fields = ["consent"]


class Instructions(Page):
    pass


class Example(Page):
    pass


class Comprehension(Page):
    form_model = "player"
    form_fields = ["purpose"]


page_sequence = [Consent, Instructions, Example, Comprehension]
