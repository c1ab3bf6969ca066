"""What people noticed, five survey pages, demographics, a debrief and feedback."""

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
    strategy = models.LongStringField(blank=True)
    reason = models.LongStringField(blank=True)
    use = models.StringField(choices=["Never", "Sometimes", "Often"], widget=widgets.RadioSelect)
    belief_1 = rating()
    belief_2 = rating()
    belief_3 = rating()
    belief_4 = rating()
    feedback = models.LongStringField(blank=True)
    age = models.IntegerField(min=18, max=99)
    gender = models.StringField(choices=["Woman", "Man", "Another", "Rather not say"])


class Recognition(Page):
    form_model = "player"
    form_fields = ["noticed"]


class Strategy(Page):
    form_model = "player"
    form_fields = ["strategy", "reason"]


class Use(Page):
    form_model = "player"
    form_fields = ["use"]


class Trust(Page):
    form_model = "player"
    form_fields = [f"trust_{n}" for n in range(1, 7)]


class Belief(Page):
    form_model = "player"
    form_fields = [f"belief_{n}" for n in range(1, 5)]


class Attitudes(Page):
    form_model = "player"
    form_fields = [f"attitude_{n}" for n in range(1, 7)]


class Demographics(Page):
    form_model = "player"
    form_fields = ["age", "gender"]


class Debrief(Page):
    pass


class Feedback(Page):
    form_model = "player"
    form_fields = ["feedback"]


page_sequence = [Recognition, Strategy, Use, Trust, Belief, Attitudes, Demographics, Debrief, Feedback]
