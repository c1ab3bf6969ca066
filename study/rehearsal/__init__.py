"""Simulated participants: a behavioural model that walks the real pages over HTTP, marked at the source."""
