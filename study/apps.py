from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StudyConfig(AppConfig):
    name = "study"
    verbose_name = _("Studies")

    def ready(self) -> None:
        from study.stages import register_shipped

        register_shipped()
