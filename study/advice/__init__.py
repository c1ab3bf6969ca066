"""Answers of the AI that are not part of the items: asked for live, replayed, and probed for drift."""
