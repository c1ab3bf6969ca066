"""What is stored with a trial whose answer was live or replayed, and the columns it makes."""

from __future__ import annotations

from study.stages.columns import Column

LIVE, FALLBACK, REPLAY = "live", "fallback", "replay"
TEXT, SOURCE, CALL, MS = "advice_text", "advice_source", "advice_call", "advice_ms"
PHRASING, SAID = "advice_phrasing", "advice_verdict"
KEYS = (TEXT, SOURCE, CALL, MS, PHRASING, SAID)
COLUMNS = (
    Column(
        TEXT, "trials", "text", "The AI's words as shown, phrase included; missing in arms without advice"
    ),
    Column(
        SOURCE,
        "trials",
        "category",
        "Where the words came from; 'fallback': no answer came in time",
        (LIVE, FALLBACK, REPLAY),
    ),
    Column(CALL, "trials", "text", "The model call that made the words"),
    Column(MS, "trials", "number", "From asking the model to the end of its answer", unit="ms"),
)
