"""The schedule as rows: writing it, and checking the rows against the seed."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection

from study.assignment.models import Slot
from study.assignment.schedule import Place, derive
from study.registration.models import Study

COPY = """
    COPY study_slot (study_id, number, block, stratum, arm, item_order, hedged, state, returns) FROM STDIN
"""


def insert(study: Study, protocol: Mapping[str, Any], seed: str) -> int:
    """Write every place of the schedule that has no row yet; returns how many.

    `protocol` is the canonical document as parsed JSON. Raises ScheduleError. Must run inside a transaction.
    """
    have = set(Slot.objects.filter(study_id=study.pk).values_list("stratum", "number"))
    places = [place for place in derive(protocol, seed) if (place.stratum, place.number) not in have]
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for place in places:
            copy.write_row((study.pk, *_row(place), Slot.State.FREE, 0))
    return len(places)


def _row(place: Place) -> tuple[object, ...]:
    order, hedged = json.dumps(place.item_order), json.dumps(place.hedged)
    return place.number, place.block, place.stratum, place.arm, order, hedged


def rederive(study: Study) -> list[str]:
    """Where the slots differ from the schedule that the seed and the registered protocol give, one sentence each.

    Empty when the table is exactly the schedule. Raises WrongState for an unregistered study.
    """
    from study.registration.frozen import current

    registration = current(study)
    expected = {
        (p.stratum, p.number): p for p in derive(json.loads(registration.canonical), registration.seed)
    }
    problems = []
    for slot in Slot.objects.filter(study_id=study.pk).iterator():
        place = expected.pop((slot.stratum, slot.number), None)
        problems += _differences(slot, place)
    missing = [f"{_name(stratum, number)} is missing." for stratum, number in expected]
    return problems + missing


def _differences(slot: Slot, place: Place | None) -> list[str]:
    name = _name(slot.stratum, slot.number)
    if place is None:
        return [f"{name} is not in the schedule."]
    pairs = {
        "block": (slot.block, place.block),
        "arm": (slot.arm, place.arm),
        "item_order": (slot.item_order, list(place.item_order)),
        "hedged": (slot.hedged, list(place.hedged)),
    }
    return [
        f"{name}: {part} is {is_!r}, the seed gives {due!r}."
        for part, (is_, due) in pairs.items()
        if is_ != due
    ]


def _name(stratum: str, number: int) -> str:
    return f"Slot {number} of stratum '{stratum}'" if stratum else f"Slot {number}"
