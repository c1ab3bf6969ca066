"""Completion: thanks, the code, and the way back to the panel. It asks nothing: reaching it ends the session."""

from typing import Any

from study.stages.base import Page, StageKind, Walk
from study.stages.configs import CompletionStage


class Completion(StageKind):
    kind = "completion"
    Config = CompletionStage
    template = "study/stages/completion.html"

    def context(self, stage: CompletionStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        return {"text": walk.protocol.say(stage.text, walk.language)}
