from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StudyConfig(AppConfig):
    name = "study"
    verbose_name = _("Studies")

    def ready(self) -> None:
        from llm import calls
        from study.advice.actions import ask_verdict
        from study.advice.prompts import PURPOSE
        from study.phrasing.handlers import register_handlers
        from study.stages import register_shipped

        register_shipped()
        register_handlers()
        calls.when_finished(PURPOSE, ask_verdict)
