"""What happens when a call of this room has ended."""

from __future__ import annotations


def register_handlers() -> None:
    """Tell the gateway (called when the app is ready)."""
    from llm import calls
    from study.phrasing import prompts, receiving

    for purpose in (prompts.ANSWER, prompts.PHRASE):
        calls.when_finished(purpose, receiving.received)
    for purpose in (prompts.STANCE, prompts.CLAIMS):
        calls.when_finished(purpose, receiving.checked)
