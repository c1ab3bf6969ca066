"""Which option does a finished answer give?"""

from __future__ import annotations

import re

from llm.rehearsal_model.request import Answer, Request
from llm.rehearsal_model.scripts import script


@script("study.advice.verdict", "advice_verdict")
def verdict(request: Request) -> Answer:
    """The option whose label is the first word of the text that is any label; “unsure” where there is none."""
    asked = next(iter(request.objects()), {})
    options: dict[str, str] = asked.get("answers") or {}
    labels = {str(label).lower(): option for option, label in options.items()}
    words = re.findall(r"\w+", str(asked.get("text", "")).lower())
    return Answer(data={"verdict": next((labels[word] for word in words if word in labels), "unsure")})
