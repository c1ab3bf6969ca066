"""The same flow as Heed's reference study, as an oTree project: see benchmarks/pages.py."""

from os import environ

SESSION_CONFIGS = [
    {
        "name": "reliance",
        "display_name": "Reliance",
        "app_sequence": ["intro", "trials", "outro"],
        "num_demo_participants": 1,
    }
]
SESSION_CONFIG_DEFAULTS = {"real_world_currency_per_point": 1.0, "participation_fee": 0.0}
LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = False
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = environ.get("OTREE_ADMIN_PASSWORD")
SECRET_KEY = "benchmark"
