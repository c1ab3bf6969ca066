"""Pages to read."""

from typing import Any

from study.stages.base import Page, StageKind, Walk
from study.stages.configs import InstructionsStage


class Instructions(StageKind):
    kind = "instructions"
    Config = InstructionsStage
    template = "study/stages/instructions.html"

    def pages(self, stage: InstructionsStage, walk: Walk) -> list[Page]:
        return [
            Page(key=f"{stage.id}.{n}", stage=stage.id, kind=self.kind, part=str(n))
            for n in range(1, len(stage.pages) + 1)
        ]

    def context(self, stage: InstructionsStage, page: Page, walk: Walk, visit: Any) -> dict[str, Any]:
        return {"text": walk.protocol.say(stage.pages[int(page.part) - 1], walk.language)}
