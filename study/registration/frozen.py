"""The registered document of a running study, read once a process: registrations never change."""

from functools import lru_cache

from study.protocol import Protocol, from_canonical
from study.registration.errors import WrongState
from study.registration.models import Registration, Study


def current(study: Study) -> Registration:
    """The version under which new sessions start. One query. Raises WrongState before registration."""
    latest = Registration.objects.filter(study_id=study.pk).order_by("-version").first()
    if latest is None:
        raise WrongState(f"'{study.slug}' is not registered: run manage.py register {study.slug}")
    return latest


@lru_cache(maxsize=64)
def protocol_of(registration_id: int) -> Protocol:
    """The protocol frozen in a registration. One query a process and registration. Raises Registration.DoesNotExist."""
    canonical = Registration.objects.values_list("canonical", flat=True).get(pk=registration_id)
    return from_canonical(canonical)
