from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ElicitationConfig(AppConfig):
    name = "elicitation"
    verbose_name = _("Moral graph elicitation")

    def ready(self) -> None:
        from elicitation.interview.conversation import ask_critic
        from elicitation.interview.prompts import INTERVIEW
        from elicitation.review.tab import has_cards
        from elicitation.stages import register_all
        from elicitation.votes import bundle, chapter
        from llm import calls
        from study.panel.access import Right
        from study.panel.frame import add_tab

        register_all()
        bundle.register()
        chapter.register()
        add_tab("upgrades", "Values", "review:upgrades", Right.SEE, has_cards)
        calls.when_finished(INTERVIEW, ask_critic)
