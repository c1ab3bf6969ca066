"""A scripted model behind an OpenAI-compatible HTTP API on loopback: the embedded default, a rehearsal.

It knows nothing of the world: its answers follow by rules from the words of the prompt and the seed.
Every answer carries `system_fingerprint: rehearsal`, which the call records and exports repeat.
"""

MODEL = "heed-rehearsal-1"
EMBEDDING_MODEL = "heed-rehearsal-embed-1"
FINGERPRINT = "rehearsal"
