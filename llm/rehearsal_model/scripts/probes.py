"""A probe is answered as a participant's question is: by the model's fixed belief."""

from __future__ import annotations

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script
from llm.rehearsal_model.scripts.answers import advice


@script("study.probe")
def probe(request: Request) -> Answer:
    """The same question gets the same answer in every round."""
    return advice(request)
