from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ElicitationConfig(AppConfig):
    name = "elicitation"
    verbose_name = _("Moral graph elicitation")

    def ready(self) -> None:
        from elicitation.stages import register_all

        register_all()
