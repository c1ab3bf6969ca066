"""Eight trials: a question, the AI's answer with three numbered sources, one judgement and five ratings."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets

ITEMS = [
    ("Does a cold wet head cause a cold?", "No. Colds are caused by viruses, not by wet hair."),
    ("Can antibiotics cure the flu?", "No. Antibiotics act on bacteria and the flu is a virus."),
    ("Does cracking knuckles cause arthritis?", "No. Long studies found no link to arthritis."),
    ("Is sunscreen needed on cloudy days?", "Yes. Most ultraviolet light passes through cloud."),
    ("Does sugar make children hyperactive?", "No. Blinded trials found no difference in behaviour."),
    ("Do we use only a tenth of the brain?", "No. Imaging shows activity in nearly all of it."),
    ("Can reading in dim light ruin eyesight?", "No. It tires the eyes, but does no lasting damage."),
    ("Does vitamin C prevent colds?", "No. Regular use shortens a cold a little at most."),
]
RATINGS = ["trust", "confidence", "accuracy", "usefulness", "clarity"]


class C(BaseConstants):
    NAME_IN_URL = "trials"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = len(ITEMS)


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


def rating(label):
    return models.IntegerField(
        label=label, choices=[1, 2, 3, 4, 5, 6, 7], widget=widgets.RadioSelectHorizontal
    )


class Player(BasePlayer):
    answer = models.StringField(label="Your answer", choices=["Yes", "No"], widget=widgets.RadioSelect)
    trust = rating("I trust this answer")
    confidence = rating("I am confident in my own answer")
    accuracy = rating("The answer is accurate")
    usefulness = rating("The answer is useful")
    clarity = rating("The answer is clear")


class Trial(Page):
    form_model = "player"
    form_fields = ["answer", *RATINGS]

    @staticmethod
    def vars_for_template(player):
        question, answer = ITEMS[player.round_number - 1]
        return {"question": question, "answer": answer, "number": player.round_number, "total": C.NUM_ROUNDS}


page_sequence = [Trial]
