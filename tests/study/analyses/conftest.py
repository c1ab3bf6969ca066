"""A closed study of 36 people and its analysis, once for all tests of a module; never committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from study.analyses.actions import Analysed, analyse
from study.protocol.types import Protocol
from study.registration.models import Study
from tests import factories
from tests.study.closed import walked


def larger(**changed: Any) -> Protocol:
    """The tiny protocol with 36 places and a plan that uses more of what a plan may say."""
    plan = {
        "levels": {"arm": ["control", "hedged", "no-ai"]},
        "exclusions": [
            {"id": "declined", "sentence": "People who missed a statement are left out.", "measured": "after",
             "reason": "The check comes before the first item.",
             "when": [{"column": "comprehension_errors", "op": ">", "value": 0}]},
            {"id": "quick", "sentence": "People with traces are marked.", "measured": "after", "action": "flag",
             "when": [{"column": "pastes", "op": ">=", "value": 1}]},
        ],
        "outcomes": [
            {"id": "agree", "label": "Agreement", "column": "agree", "kind": "binary"},
            {"id": "trust", "label": "Trust", "table": "participants", "column": "trust", "kind": "continuous"},
        ],
        "models": [
            {"id": "agreement", "outcome": "agree", "family": "binomial",
             "formula": "arm * ai_correct + (1 | participant) + (1 | item)"},
            {"id": "trusting", "outcome": "trust", "formula": "arm", "family": "gaussian", "errors": "HC3",
             "role": "exploratory"},
        ],
        "measures": [{"by": ["arm"], "draws": 100,
                      "measures": ["agreement", "accuracy", "overreliance", "underreliance", "d_prime"]}],
    }  # fmt: skip
    return factories.changed(factories.tiny(), **({"sample": {"target": 36}, "plan": plan} | changed))


@pytest.fixture(scope="module")
def study(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Study]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield walked(larger())
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def analysed(study: Study) -> Analysed:
    return analyse(study=study)
