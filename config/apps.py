from django.apps import AppConfig


class HouseConfig(AppConfig):
    """Commands and checks that belong to the installation rather than to a study."""

    name = "config"
    verbose_name = "House"
