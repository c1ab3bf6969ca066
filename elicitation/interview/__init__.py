"""The interview: a conversation with a model that leads from a story to a values card, and a critic of that card."""
