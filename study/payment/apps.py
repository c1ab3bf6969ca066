from django.apps import AppConfig


class PaymentConfig(AppConfig):
    name = "study.payment"
    label = "payment"
    default_auto_field = "django.db.models.BigAutoField"
