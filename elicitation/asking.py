"""One question to the model, asked once: what was answered before is not asked again, what failed before is."""

from __future__ import annotations

import uuid

from llm import gateway
from llm.models import Call
from llm.prompts import Prompt, Reply


def ask(prompt: Prompt, *, key: str, study: uuid.UUID) -> Reply:
    """The reply to the question named `key`; its template is the call's purpose. Raises LLMError; never in a
    transaction."""
    failed = Call.objects.filter(key__startswith=f"{key}#", state=Call.State.FAILED).count()
    return gateway.complete(prompt, purpose=prompt.template, key=f"{key}#{failed + 1}", study=study)
