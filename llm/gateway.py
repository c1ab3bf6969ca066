"""The only door to a language model for whoever can wait for the answer: commands and Celery tasks.

    reply = gateway.complete(prompt, purpose="study.draft", key="draft:item-3:wrong")

Pages never wait here; they ask with `calls.request` and show what comes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import rfc8785

from llm import calls, conf, worker
from llm.models import Call
from llm.prompts import Prompt, Reply

TEXTS_A_REQUEST = 256


@dataclass(frozen=True)
class Embeddings:
    """One vector for each text, in their order; the calls that they came from."""

    vectors: list[list[float]]
    model: str
    call_ids: tuple[str, ...]


def complete(
    prompt: Prompt,
    *,
    purpose: str,
    key: str | None = None,
    study: uuid.UUID | None = None,
    participant: str = "",
    priority: str = Call.Priority.BATCH,
    deadline: float | None = None,
) -> Reply:
    """The model's reply, retried where that can help. Raises LLMError; RuntimeError inside a transaction.

    With a `key` the answer is recorded once: asking again gives the same reply (or error) without a request.
    """
    worker.refuse_in_transaction()
    call, _ = calls.record(
        prompt,
        key=key or f"{purpose}:{uuid.uuid4()}",
        purpose=purpose,
        study=study,
        participant=participant,
        priority=priority,
        deadline=deadline,
    )
    return (call if call.is_finished else worker.drive(call.pk)).reply()


def embed(
    texts: Sequence[str], *, purpose: str, study: uuid.UUID | None = None, deadline: float | None = None
) -> Embeddings:
    """Vectors for `texts`, 256 texts a request. Raises LLMError at the first request that fails."""
    vectors: list[list[float]] = []
    ids: list[str] = []
    asked = answered = conf.current().embedding_model
    for start in range(0, len(texts), TEXTS_A_REQUEST):
        part = list(texts[start : start + TEXTS_A_REQUEST])
        call = _embedding_call(part, asked, purpose=purpose, study=study, deadline=deadline)
        answer = worker.embed(call, part)
        vectors += answer.vectors
        ids.append(str(call.pk))
        answered = answer.model or asked
    return Embeddings(vectors, answered, tuple(ids))


def _embedding_call(
    texts: list[str], model: str, *, purpose: str, study: uuid.UUID | None, deadline: float | None
) -> Call:
    digest = hashlib.sha256(rfc8785.dumps({"model": model, "input": texts})).hexdigest()
    return Call.objects.create(
        key=f"{purpose}:{uuid.uuid4()}",
        kind=Call.Kind.EMBEDDING,
        purpose=purpose,
        study=study,
        template="embedding",
        template_version="1",
        prompt={"input": texts},
        prompt_hash=digest,
        model_asked=model,
        deadline_at=calls.deadline_at(deadline),
    )
