"""What a protocol may say of an elicitation, and what it is refused for."""

import json
from typing import Any

import pytest

from study.protocol import ProtocolError, document, read
from tests.elicitation.people import small


def refused(change: Any) -> str:
    content = document(small())
    change({stage["id"]: stage for stage in content["flow"]}, content["flow"])
    with pytest.raises(ProtocolError) as problem:
        read(json.dumps(content))
    return " | ".join(one.message for one in problem.value.problems)


def test_an_upgrade_names_values_of_the_library() -> None:
    assert "There is no value 'nobody'" in refused(
        lambda stages, _flow: stages["stories"]["upgrades"][0].update(from_value="nobody")
    )


def test_an_upgrade_leads_somewhere() -> None:
    assert "leads to another value" in refused(
        lambda stages, _flow: stages["stories"]["upgrades"][0].update(from_value="listening")
    )


def test_nobodys_values_come_before_ones_own() -> None:
    assert "needs a 'values-card' stage before it" in refused(
        lambda _stages, flow: flow.insert(1, flow.pop(2))
    )


def test_every_case_has_as_many_pairs_as_are_shown() -> None:
    assert "Case 'friend' has 3 upgrades, 4 are to be shown" in refused(
        lambda stages, _flow: stages["stories"].update(count=4)
    )


def test_a_value_needs_three_policies() -> None:
    assert refused(lambda stages, _flow: stages["others"]["values"][0].update(policies=["ONE thing"]))
