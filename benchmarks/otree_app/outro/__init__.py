"""Three survey pages, demographics, and a debrief that ends the study."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets


class C(BaseConstants):
    NAME_IN_URL = "outro"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


def rating():
    return models.IntegerField(choices=[1, 2, 3, 4, 5, 6, 7], widget=widgets.RadioSelectHorizontal)


class Player(BasePlayer):
    trust_1 = rating()
    trust_2 = rating()
    trust_3 = rating()
    trust_4 = rating()
    trust_5 = rating()
    trust_6 = rating()
    attitude_1 = rating()
    attitude_2 = rating()
    attitude_3 = rating()
    attitude_4 = rating()
    attitude_5 = rating()
    attitude_6 = rating()
    noticed = models.StringField(choices=["Yes", "No", "Not sure"], widget=widgets.RadioSelect)
    reason = models.LongStringField(blank=True)
    age = models.IntegerField(min=18, max=99)
    gender = models.StringField(choices=["Woman", "Man", "Another", "Rather not say"])


class Trust(Page):
    form_model = "player"
    form_fields = [f"trust_{n}" for n in range(1, 7)]


class Attitudes(Page):
    form_model = "player"
    form_fields = [f"attitude_{n}" for n in range(1, 7)]


class Recognition(Page):
    form_model = "player"
    form_fields = ["noticed", "reason"]


class Demographics(Page):
    form_model = "player"
    form_fields = ["age", "gender"]


class Debrief(Page):
    pass


page_sequence = [Trust, Attitudes, Recognition, Demographics, Debrief]
